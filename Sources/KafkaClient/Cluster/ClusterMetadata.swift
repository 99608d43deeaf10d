public import KafkaWire

/// A snapshot of what is known about a cluster: brokers, topics, leaders; `generation` grows with every change to it.
public struct ClusterMetadata: Sendable, Hashable {
    public var clusterID: String?
    public var controllerID: Int32?
    public var brokers: [Int32: BrokerEndpoint] = [:]
    public var topics: [String: TopicMetadata] = [:]
    public var generation: UInt64 = 0

    public init() {}

    public func partition(_ topic: String, _ partition: Int32) -> PartitionMetadata? {
        topics[topic]?.partitions[partition]
    }
}

public struct BrokerEndpoint: Sendable, Hashable {
    public var id: Int32
    public var address: HostAndPort
    public var rack: String?

    public init(id: Int32, address: HostAndPort, rack: String? = nil) {
        self.id = id
        self.address = address
        self.rack = rack
    }
}

public struct TopicMetadata: Sendable, Hashable {
    public var name: String
    /// Zero when the broker is older than topic ids (Kafka 2.8).
    public var id: KafkaUUID
    /// `.unknownTopicOrPartition` for a topic that was asked for and is not there.
    public var error: ErrorCode
    public var isInternal: Bool
    public var partitions: [Int32: PartitionMetadata]

    public init(
        name: String, id: KafkaUUID = .zero, error: ErrorCode = .none, isInternal: Bool = false,
        partitions: [Int32: PartitionMetadata] = [:]
    ) {
        self.name = name
        self.id = id
        self.error = error
        self.isInternal = isInternal
        self.partitions = partitions
    }
}

public struct PartitionMetadata: Sendable, Hashable {
    /// Nil while there is none.
    public var leader: Int32?
    /// -1 when the broker does not tell (before Kafka 2.1).
    public var leaderEpoch: Int32
    public var replicas: [Int32]
    public var isr: [Int32]
    public var error: ErrorCode

    public init(
        leader: Int32?, leaderEpoch: Int32 = -1, replicas: [Int32] = [], isr: [Int32] = [], error: ErrorCode = .none
    ) {
        self.leader = leader
        self.leaderEpoch = leaderEpoch
        self.replicas = replicas
        self.isr = isr
        self.error = error
    }
}

/// A partition of a topic by name.
public struct TopicPartition: Sendable, Hashable, CustomStringConvertible {
    public var topic: String
    public var partition: Int32

    public init(_ topic: String, _ partition: Int32) {
        self.topic = topic
        self.partition = partition
    }

    public var description: String { "\(topic)-\(partition)" }
}

/// Topics that metadata is wanted for.
public enum TopicRequest: Sendable, Hashable {
    case all
    case named([String])
    /// Brokers and controller alone.
    case none
}

/// Broker that a request is for.
public enum BrokerTarget: Sendable, Hashable {
    /// Any broker that answers.
    case any
    case controller
    case broker(Int32)
    case coordinator(group: String)
    case transactionCoordinator(String)
}

/// The purpose of a connection. One that waits in a long poll must not keep a produce request waiting, since answers
/// come in order.
public enum ConnectionPurpose: Sendable, Hashable {
    case admin
    /// The number tells several fetching or producing parties apart.
    case fetch(Int)
    case produce(Int)
    /// Joining a group: the coordinator answers when all members have joined.
    case membership
    /// Staying in a group, whatever else is being waited for.
    case heartbeat
}
