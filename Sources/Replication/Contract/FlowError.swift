public import KafkaClient

/// Reason why a flow cannot start, or not continue, in words for the person who runs it.
public enum FlowError: Error, Sendable, CustomStringConvertible {
    case kafka(KafkaError)
    /// Source and target turned out to be one cluster.
    case sameCluster(source: String, target: String, clusterID: String)
    /// The flow has run before with other settings that may not change.
    case identityDiffers(flow: String, what: String, recorded: String, configured: String)
    case cannotCreateTopic(topic: String, cluster: String, reason: String)
    /// The flow's progress on the target cannot be read.
    case unreadableProgress(topic: String, cluster: String, reason: String)
    /// At its first start a flow would write records to its target that another flow writes there too; a reason for
    /// each topic.
    case sharedRecords(flow: String, target: String, reasons: [String])
    /// None of several flows can start; the reasons.
    case nothingCanStart([String])

    /// Topics that are named; a flow may select thousands.
    private static let shownReasons = 10

    package static func unreadableProgress(topic: String, _ error: KafkaError) -> FlowError {
        .unreadableProgress(topic: topic, cluster: error.cluster, reason: error.withoutCluster)
    }

    public var description: String {
        switch self {
        case .kafka(let error): "\(error)"
        case .sameCluster(let source, let target, let clusterID):
            "source \"\(source)\" and target \"\(target)\" are the same cluster (cluster id \(clusterID)): "
                + "correct bootstrapServers of one of them"
        case .identityDiffers(let flow, let what, let recorded, let configured):
            "flow \"\(flow)\" was started before with \(what) \(recorded), now it is \(configured): "
                + "restore the old value, give the flow another name, "
                + "or delete the topic \(ProgressTopic.name(flow: flow)) on the target to begin anew"
        case .cannotCreateTopic(let topic, let cluster, let reason):
            "\(cluster): cannot create topic \(topic): \(reason)"
        case .sharedRecords(let flow, let target, let reasons):
            "flow \"\(flow)\" would write records to \(target) that another flow writes there too:\n"
                + reasons.prefix(Self.shownReasons).map { "  \($0)" }.joined(separator: "\n")
                + (reasons.count > Self.shownReasons ? "\n  and \(reasons.count - Self.shownReasons) topics more" : "")
        case .nothingCanStart(let reasons): "no flow can start:\n" + reasons.map { "  \($0)" }.joined(separator: "\n")
        case .unreadableProgress(let topic, let cluster, let reason):
            "\(cluster): cannot read the progress kept in topic \(topic): \(reason)"
        }
    }
}

extension FlowError {
    /// Another cluster than before answers.
    var isForeignCluster: Bool {
        if case .kafka(let error) = self { error.isForeignCluster } else { false }
    }
}
