public import KafkaClient
internal import PlainText

/// Reason why a flow cannot start, or not continue, in words for the person who runs it.
public enum FlowError: Error, Sendable, CustomStringConvertible {
    case kafka(KafkaError)
    /// Source and target turned out to be one cluster.
    case sameCluster(source: String, target: String, clusterID: String)
    /// The bootstrap servers of one cluster belong to several: each with its id.
    case mixedClusters(cluster: String, servers: [String])
    /// The flow has run before with other settings that may not change.
    case identityDiffers(flow: String, what: String, recorded: String, configured: String)
    /// The flow has no memory, and topics that it would write to hold copies from its source already.
    ///
    /// - Parameter flows: those that brought them, as far as is known; the flow itself, when its memory was lost.
    case copiesPresent(flow: String, source: String, target: String, topics: [String], flows: [String])
    /// Copies are to keep their offsets, and topics hold records already of which the flow has recorded nothing.
    case topicsFilled(flow: String, target: String, topics: [String])
    /// Copies keep their offsets, and the target has taken over from the source: others write there now.
    case handedOver(flow: String, source: String, target: String)
    /// Copies are to keep their offsets, and those of another flow that goes the other way do.
    case beginsBehind(flow: String, other: String, cluster: String)
    case cannotCreateTopic(topic: String, cluster: String, reason: String)
    /// The flow's progress on the target cannot be read.
    case unreadableProgress(topic: String, cluster: String, reason: String)
    /// At its first start a flow would write records to its target that another flow writes there too; a reason for
    /// each topic.
    case sharedRecords(flow: String, target: String, reasons: [String])
    /// The group in which instances share the flow does not take this one.
    case cannotJoin(group: String, cluster: String, reason: String)
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
        case .mixedClusters(let cluster, let servers):
            "\(cluster): bootstrapServers lead to different clusters: \(servers.joined(separator: ", ")). "
                + "Remove those that are not of the cluster that is meant"
        case .identityDiffers(let flow, let what, let recorded, let configured):
            "flow \"\(flow)\" was started before with \(what) \(recorded), now it is \(configured): "
                + "restore the old value; or give the flow another name, and its copies other names too; or, to begin "
                + "from scratch, delete its copies and the topic \(ProgressTopic.name(flow: flow)) on the target"
        case .copiesPresent(let flow, let source, let target, let topics, let flows):
            Self.copiesPresent(flow, source, target, topics, flows)
        case .topicsFilled(let flow, let target, let topics):
            "flow \"\(flow)\" has recorded no progress on \(target), and topics there hold records already: "
                + "\(Self.listed(topics)). With offsets: preserve it writes only where both logs are known to be the same: "
                + "`replicator adopt --flow \(flow.shellQuoted)` compares them and lets it continue at their ends; if this is "
                + "the way back of another flow, `replicator failover` of that flow does. Or delete these topics on \(target), "
                + "so that the flow fills them from the beginning, or leave them out (topics.deny)"
        case .handedOver(let flow, let source, let target):
            "\(target) has taken over from \(source), and with offsets: preserve flow \"\(flow)\" writes nothing there while "
                + "others do. It continues once the opposite flow has been failed over; where there is none, "
                + "`replicator failover --undo --flow \(flow.shellQuoted)` takes the failover back"
        case .beginsBehind(let flow, let other, let cluster):
            "flow \"\(flow)\" brings back what flow \"\(other.printable())\" copies, under the same names, and both have offsets: preserve: of "
                + "two such flows one works at a time. It begins once `replicator failover --flow \(other.shellQuoted)` has had "
                + "\(cluster) take over"
        case .cannotCreateTopic(let topic, let cluster, let reason):
            "\(cluster): cannot create topic \(topic): \(reason)"
        case .sharedRecords(let flow, let target, let reasons):
            "flow \"\(flow)\" would write records to \(target) that another flow writes there too:\n"
                + reasons.prefix(Self.shownReasons).map { "  \($0)" }.joined(separator: "\n")
                + (reasons.count > Self.shownReasons ? "\n  and \(reasons.count - Self.shownReasons) topics more" : "")
        case .cannotJoin(let group, let cluster, let reason):
            "\(cluster): cannot join the group \(group), in which instances share the flow: \(reason)"
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
        case .identityDiffers, .sameCluster, .mixedClusters, .copiesPresent, .sharedRecords: true
        case .kafka, .topicsFilled, .handedOver, .beginsBehind, .cannotCreateTopic, .unreadableProgress, .cannotJoin,
            .nothingCanStart:
            false
        }
    }

    /// It is another flow's turn: nothing is wrong.
    package var isRest: Bool {
        switch self {
        case .handedOver, .beginsBehind: true
        default: false
        }
    }

    /// Topics named in a sentence.
    private static let shown = 5

    static func listed(_ topics: [String]) -> String {
        let more = topics.count > shown ? " and \(topics.count - shown) more" : ""
        return topics.prefix(shown).map { $0.printable() }.joined(separator: ", ") + more
    }

    static func bringers(_ flow: String, _ flows: [String]) -> String {
        if flows == [flow] { return "which this flow brought, and its memory is gone" }
        let names = flows.map { "\"\($0.printable())\"" }.joined(separator: ", ")
        return names.isEmpty ? "which an earlier flow brought" : "brought by flow \(names)"
    }

    private static func copiesPresent(
        _ flow: String, _ source: String, _ target: String, _ topics: [String], _ flows: [String]
    ) -> String {
        let others = flows.filter { $0 != flow }
        let goOn = others.isEmpty ? "" : "continue under the name \"\(others[0].printable())\"; or "
        let forget = others.map {
            ", after `replicator forget --flow \($0.shellQuoted) --cluster \(target.shellQuoted)`,"
        }
        // Flows that are remembered have to be forgotten first.
        let adopt = others.isEmpty ? "continue behind them with `replicator adopt --flow \(flow.shellQuoted)`; or " : ""
        let divide = others.isEmpty ? "" : "let only one of the flows select them (topics.deny); or "
        return "flow \"\(flow)\" has recorded no progress on \(target), and topics there hold copies from \(source) "
            + "already, \(bringers(flow, flows)): \(listed(topics)). They would be there twice: \(adopt)\(goOn)\(divide)"
            + "give the copies other names with naming; or\(forget.first ?? "") delete these topics on \(target), to "
            + "begin from scratch, or set startFrom to latest, to copy only what is written from now on"
    }

    /// Another cluster than before answers.
    var isForeignCluster: Bool {
        if case .kafka(let error) = self { error.isForeignCluster } else { false }
    }
}
