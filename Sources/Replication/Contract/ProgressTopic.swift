/// Name of the topic on the target that keeps a flow's progress.
package enum ProgressTopic {
    private static let prefix = "__replicator."
    private static let suffix = ".progress"

    package static func name(flow: String) -> String { prefix + flow + suffix }

    /// The flow whose progress a topic keeps; nil for other topics.
    package static func flow(of topic: String) -> String? {
        guard topic.hasPrefix(prefix), topic.hasSuffix(suffix), topic.utf8.count > prefix.utf8.count + suffix.utf8.count
        else { return nil }
        return String(topic.dropFirst(prefix.count).dropLast(suffix.count))
    }
}
