internal import KafkaClient

/// Which target partition a group's position in a source partition moves to, and by which maps.
///
/// In identical naming that is the partition of the same name, and both flows' maps count. In prefix naming a topic
/// that the opposite flow has brought here leads back to the one that it came from.
struct GroupRoutes: Sendable {
    struct Route: Sendable {
        let target: TopicPartition
        var offsets: PartitionOffsets
        /// See ``ForwardPartition/isSettled``; false for a partition that only the opposite flow copies.
        let isSettled: Bool
    }

    private let routes: [TopicPartition: Route]

    /// - Parameter sourceEnds: ends of the source's logs that were looked up after `backward` and before `forward`.
    init(forward: [ForwardPartition], backward: [OppositeFlows.Partition], sourceEnds: [TopicPartition: Int64]) {
        var routes: [TopicPartition: Route] = [:]
        for partition in forward {
            routes[partition.source] = Route(
                target: partition.target,
                offsets: PartitionOffsets(
                    forward: partition.map, backward: nil,
                    knowsAllCopies: partition.isSettled
                        || sourceEnds[partition.source].map { partition.map.passed >= $0 } ?? false),
                isSettled: partition.isSettled)
        }
        for partition in backward {
            if let known = routes[partition.copy] {
                guard known.target == partition.original else { continue }
                if known.offsets.backward == nil {
                    routes[partition.copy]?.offsets.backward = partition.map
                } else {
                    routes[partition.copy]?.offsets.otherBackward.append(partition.map)
                }
            } else {
                routes[partition.copy] = Route(
                    target: partition.original,
                    offsets: PartitionOffsets(forward: nil, backward: partition.map, knowsAllCopies: false),
                    isSettled: false)
            }
        }
        self.routes = routes
    }

    subscript(source: TopicPartition) -> Route? { routes[source] }
}
