internal import KafkaClient
internal import KafkaWire

/// Target partitions that a group's positions in source partitions move to, and the maps that translate them.
///
/// In identical naming that is the partition of the same name, and both flows' maps count. In prefix naming a topic
/// that the opposite flow has brought here leads back to the one that it came from.
struct GroupRoutes: Sendable {
    struct Route: Sendable {
        let target: TopicPartition
        var offsets: PartitionOffsets
        /// See ``ForwardPartition/isSettled``; false for a partition that only the opposite flow copies.
        let isSettled: Bool
        var succession = TopicSuccession.first
        /// Reason why these maps translate no position.
        var refusal: TranslationRefusal?
    }

    /// Ids of topics by name, as they were after the maps had been taken.
    struct TopicIDs: Sendable {
        var source: [String: KafkaUUID] = [:]
        var target: [String: KafkaUUID] = [:]
    }

    private var routes: [TopicPartition: Route]
    /// Partitions that an opposite flow reads and that this flow does not copy, with those that positions in them move to.
    private(set) var uncopied: [TopicPartition: TopicPartition]
    /// The topics that the maps are of.
    private var ids: [TopicPartition: (source: KafkaUUID, target: KafkaUUID)] = [:]
    private var backwardIDs: [TopicPartition: (source: KafkaUUID, target: KafkaUUID)] = [:]

    /// - Parameter sourceEnds: ends of the source's logs that were looked up after `backward` and before `forward`.
    init(forward: [ForwardPartition], backward: [OppositeFlows.Partition], sourceEnds: [TopicPartition: Int64]) {
        var routes: [TopicPartition: Route] = [:]
        let copies = Set(backward.map(\.copy))
        let forward = forward.filter { $0.isCopied || copies.contains($0.source) }
        uncopied = Dictionary(
            backward.map { ($0.copy, $0.original) } + forward.filter { !$0.isCopied }.map { ($0.source, $0.target) }
        ) { _, forward in forward }
        for partition in forward where partition.isCopied { uncopied[partition.source] = nil }
        for partition in forward {
            routes[partition.source] = Route(
                target: partition.target,
                offsets: PartitionOffsets(
                    forward: partition.map, backward: nil,
                    knowsAllCopies: partition.isSettled
                        || sourceEnds[partition.source].map { partition.map.passed >= $0 } ?? false),
                isSettled: partition.isSettled, succession: partition.succession,
                refusal: partition.isTargetReplaced ? .otherTopic(partition.target.topic) : nil)
            ids[partition.source] = (source: partition.sourceTopicID, target: partition.targetTopicID)
        }
        for partition in backward {
            if let known = routes[partition.copy] {
                guard known.target == partition.original else { continue }
                if known.offsets.backward == nil {
                    routes[partition.copy]?.offsets.backward = partition.map
                    backwardIDs[partition.copy] = (source: partition.copyTopicID, target: partition.originalTopicID)
                } else {
                    routes[partition.copy]?.offsets.otherBackward.append(partition.map)
                }
            } else {
                backwardIDs[partition.copy] = (source: partition.copyTopicID, target: partition.originalTopicID)
                routes[partition.copy] = Route(
                    target: partition.original,
                    offsets: PartitionOffsets(forward: nil, backward: partition.map, knowsAllCopies: false),
                    isSettled: false)
            }
        }
        self.routes = routes
    }

    subscript(source: TopicPartition) -> Route? { routes[source] }

    /// Leaves positions in a partition to another flow.
    mutating func leave(_ source: TopicPartition) { routes[source] = nil }

    /// Takes in that this flow is to copy a partition, and has not begun: what the opposite flow has been past without bringing it
    /// to the source may be copies of which this flow does not know.
    mutating func copiesNothingYet(of source: TopicPartition) {
        guard routes[source]?.offsets.forward == nil else { return }
        routes[source]?.offsets.forward = OffsetMap(start: 0)
    }

    /// Takes in a range of the target in which nobody can read anything.
    mutating func cross(_ range: Range<Int64>, of source: TopicPartition) {
        routes[source]?.offsets.emptyAtTarget.append(range)
    }

    /// Takes in the ids that topics have by now: a position belongs to a topic, not to a name.
    mutating func check(_ present: TopicIDs) {
        for source in routes.keys {
            for known in [ids[source], backwardIDs[source]].compactMap({ $0 }) {
                guard let target = routes[source]?.target else { continue }
                if Self.differs(known.source, present.source[source.topic]) {
                    routes[source]?.refusal = .otherTopic(source.topic)
                } else if Self.differs(known.target, present.target[target.topic]) {
                    routes[source]?.refusal = .otherTopic(target.topic)
                }
            }
        }
    }

    private static func differs(_ known: KafkaUUID, _ present: KafkaUUID?) -> Bool {
        guard let present, known != .zero, present != .zero else { return false }
        return known != present
    }
}
