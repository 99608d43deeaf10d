/// Name of a source topic on the target.
public enum TopicNaming: Hashable, Sendable {
    /// `<alias><separator><topic>`, as MirrorMaker 2's DefaultReplicationPolicy and MSK Replicator do.
    case prefix(alias: String, separator: String)
    /// The same name on both sides.
    case identical

    public func targetName(of topic: String) -> String {
        switch self {
        case .prefix(let alias, let separator): alias + separator + topic
        case .identical: topic
        }
    }

    /// Whether the name says that the topic has already come through the cluster called `alias`.
    ///
    /// Every component but the last counts as an alias, as in MirrorMaker 2's `isCycle`. Identical names tell
    /// nothing: there the records themselves carry their origin.
    func hasPassed(_ alias: String, topic: String) -> Bool {
        switch self {
        case .prefix(_, let separator): components(of: topic, separator: separator).dropLast().contains { $0 == alias }
        case .identical: false
        }
    }

    private func components(of topic: String, separator: String) -> [Substring] {
        guard !separator.isEmpty else { return [topic[...]] }
        return topic.split(separator: separator, omittingEmptySubsequences: false)
    }
}
