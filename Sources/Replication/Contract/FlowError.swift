public import KafkaClient

/// Reason why a flow cannot start, or not continue, in words for the person who runs it.
public enum FlowError: Error, Sendable, CustomStringConvertible {
    case kafka(KafkaError)
    /// Source and target turned out to be one cluster.
    case sameCluster(source: String, target: String, clusterID: String)
    /// The bootstrap servers of one cluster belong to several: each with its id.
    case mixedClusters(cluster: String, servers: [String])
    /// The flow has run before with other settings that may not change.
    case identityDiffers(flow: String, what: String, recorded: String, configured: String)
    case cannotCreateTopic(topic: String, cluster: String, reason: String)
    /// The flow's progress on the target cannot be read.
    case unreadableProgress(topic: String, cluster: String, reason: String)
    /// None of several flows can start; the reasons.
    case nothingCanStart([String])

    package static func unreadableProgress(topic: String, _ error: KafkaError) -> FlowError {
        .unreadableProgress(topic: topic, cluster: error.cluster, reason: error.withoutCluster)
    }

    public var description: String {
        switch self {
        case .kafka(let error): "\(error)"
        case .sameCluster(let source, let target, let clusterID):
            "source \"\(source)\" and target \"\(target)\" are the same cluster (cluster id \(clusterID)): "
                + "correct bootstrapServers of one of them"
        case .mixedClusters(let cluster, let servers):
            "\(cluster): bootstrapServers lead to different clusters: \(servers.joined(separator: ", ")). "
                + "Remove those that are not of the cluster that is meant"
        case .identityDiffers(let flow, let what, let recorded, let configured):
            "flow \"\(flow)\" was started before with \(what) \(recorded), now it is \(configured): "
                + "restore the old value, give the flow another name, "
                + "or delete the topic \(ProgressTopic.name(flow: flow)) on the target to begin anew"
        case .cannotCreateTopic(let topic, let cluster, let reason):
            "\(cluster): cannot create topic \(topic): \(reason)"
        case .nothingCanStart(let reasons): "no flow can start:\n" + reasons.map { "  \($0)" }.joined(separator: "\n")
        case .unreadableProgress(let topic, let cluster, let reason):
            "\(cluster): cannot read the progress kept in topic \(topic): \(reason)"
        }
    }
}

extension FlowError {
    /// The same settings will be refused again, whatever the clusters' state.
    package var isRefusal: Bool {
        switch self {
        case .identityDiffers, .sameCluster: true
        case .kafka, .cannotCreateTopic, .unreadableProgress, .nothingCanStart: false
        }
    }

    /// Another cluster than before answers.
    var isForeignCluster: Bool {
        if case .kafka(let error) = self { error.isForeignCluster } else { false }
    }
}
