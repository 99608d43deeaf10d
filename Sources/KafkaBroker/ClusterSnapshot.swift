/// The state of a cluster at one moment, for people, tests and the control endpoint.
public struct ClusterSnapshot: Codable, Hashable, Sendable {
    public struct Node: Codable, Hashable, Sendable {
        public enum State: String, Codable, Sendable { case live, frozen, stopped }

        public let id: Int32
        public let host: String
        public let port: Int
        public let rack: String?
        public let state: State
        /// The number of connected clients.
        public let connections: Int
    }

    public struct Topic: Codable, Hashable, Sendable {
        public let name: String
        /// Topic id in Kafka's print form.
        public let id: String
        public let partitions: [Partition]
    }

    public struct Partition: Codable, Hashable, Sendable {
        public let partition: Int32
        /// -1 while nobody leads.
        public let leader: Int32
        public let leaderEpoch: Int32
        public let replicas: [Int32]
        public let isr: [Int32]
        public let logStartOffset: Int64
        public let highWatermark: Int64
        public let lastStableOffset: Int64
        public let logEndOffset: Int64
        public let sizeInBytes: Int
    }

    public struct Group: Codable, Hashable, Sendable {
        public let id: String
        public let state: String
        public let protocolType: String
        public let members: Int
        /// The node that coordinates it; -1 while none does.
        public let coordinator: Int32
    }

    public let clusterID: String
    public let controller: Int32
    /// The broker's wall clock, in milliseconds since 1970, and how far it is off the machine's.
    public let time: Int64
    public let clockOffset: Int64
    public let nodes: [Node]
    public let topics: [Topic]
    public let groups: [Group]
}

extension Cluster {
    func snapshot() -> ClusterSnapshot {
        ClusterSnapshot(
            clusterID: id, controller: controllerID, time: clock.wallTime(), clockOffset: clock.offset,
            nodes: nodes.map { node in
                ClusterSnapshot.Node(
                    id: node.id, host: node.host, port: node.ports[0], rack: node.rack,
                    state: !node.isLive ? .stopped : node.isFrozen ? .frozen : .live,
                    connections: node.connections.count)
            },
            topics: topics.values.sorted { $0.name < $1.name }.map { topic in
                ClusterSnapshot.Topic(
                    name: topic.name, id: "\(topic.id)",
                    partitions: topic.partitions.map(ClusterSnapshot.Partition.init))
            },
            groups: groups.groups.values.sorted { $0.id < $1.id }.map { entry in
                ClusterSnapshot.Group(
                    id: entry.id, state: entry.state.stateName,
                    protocolType: entry.state.protocolType ?? "", members: entry.state.memberCount,
                    coordinator: offsetsPartition(of: entry.id)?.leader ?? -1)
            })
    }
}

extension ClusterSnapshot.Partition {
    fileprivate init(_ partition: Partition) {
        self.init(
            partition: partition.index, leader: partition.leader, leaderEpoch: partition.leaderEpoch,
            replicas: partition.replicas, isr: partition.isr, logStartOffset: partition.log.logStartOffset,
            highWatermark: partition.log.highWatermark, lastStableOffset: partition.log.lastStableOffset,
            logEndOffset: partition.log.logEndOffset, sizeInBytes: partition.log.size)
    }
}
