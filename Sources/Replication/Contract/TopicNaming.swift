/// Name of a source topic on the target.
public enum TopicNaming: Hashable, Sendable {
    /// `<alias><separator><topic>`, as MirrorMaker 2's DefaultReplicationPolicy and MSK Replicator do.
    case prefix(alias: String, separator: String)
    /// The same name on both sides.
    case identical

    public func targetName(of topic: String) -> String { prefix + topic }

    /// The text in front of names on the target; empty for identical names.
    package var prefix: String {
        switch self {
        case .prefix(let alias, let separator): alias + separator
        case .identical: ""
        }
    }

    /// Tells whether the name says that the topic has already come through the cluster called `alias`.
    ///
    /// Every component but the last counts as an alias, as in MirrorMaker 2's `isCycle`; an alias that holds the
    /// separator is several of them. Identical names tell nothing: there the records themselves carry their origin.
    func hasPassed(_ alias: String, topic: String) -> Bool {
        guard case .prefix(_, let separator) = self, !separator.isEmpty else { return false }
        // A separator in front makes the first component like the others.
        return (separator + topic).contains(separator + alias + separator)
    }
}
