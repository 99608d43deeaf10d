import KafkaWire
import NIOCore

/// One change of the cluster's durable state.
///
/// Written with the protocol's own coder in its flexible form, so that fields can be added as tags and older data
/// directories stay readable.
enum ClusterRecord {
    case cluster(ClusterIdentity)
    case topic(TopicRecord)
    case topicRemoved(TopicRemoval)
    case partition(PartitionRecord)
    case config(ConfigRecord)
    case producerIDs(ProducerIDRecord)
    case scram(SCRAMRecord)
    case acl(ACLRecord)
    case quota(QuotaRecord)
}

/// A message of the journal, told apart by a number of its own below the protocol's API keys.
protocol JournalMessage: KafkaMessage {
    static var kind: Int16 { get }
}

extension JournalMessage {
    static var apiKey: ApiKey { ApiKey(rawValue: -kind) }
    static var versions: ApiVersions { ApiVersions(0...0, flexibleFrom: 0) }
}

extension ClusterRecord {
    private var message: any JournalMessage {
        switch self {
        case .cluster(let message): message
        case .topic(let message): message
        case .topicRemoved(let message): message
        case .partition(let message): message
        case .config(let message): message
        case .producerIDs(let message): message
        case .scram(let message): message
        case .acl(let message): message
        case .quota(let message): message
        }
    }

    /// The kind, then the fields.
    func encode() throws(WireError) -> ByteBuffer {
        let message = message
        var bytes = ByteBuffer(integer: type(of: message).kind)
        bytes.writeImmutableBuffer(try message.encodeContiguously(version: 0))
        return bytes
    }

    init(_ bytes: ByteBuffer) throws(WireError) {
        var body = bytes
        switch body.readInteger(as: Int16.self) {
        case ClusterIdentity.kind: self = .cluster(try .decode(body, version: 0))
        case TopicRecord.kind: self = .topic(try .decode(body, version: 0))
        case TopicRemoval.kind: self = .topicRemoved(try .decode(body, version: 0))
        case PartitionRecord.kind: self = .partition(try .decode(body, version: 0))
        case ConfigRecord.kind: self = .config(try .decode(body, version: 0))
        case ProducerIDRecord.kind: self = .producerIDs(try .decode(body, version: 0))
        case SCRAMRecord.kind: self = .scram(try .decode(body, version: 0))
        case ACLRecord.kind: self = .acl(try .decode(body, version: 0))
        case QuotaRecord.kind: self = .quota(try .decode(body, version: 0))
        case let kind: throw .invalidLength(at: 0, length: Int(kind ?? -1))
        }
    }
}

/// The cluster's id; the first record of a journal.
struct ClusterIdentity: JournalMessage {
    static let kind: Int16 = 1
    var clusterID = ""
    /// Number of entries, this one included, that the journal had when it was last written as a whole: fewer are damage and not
    /// an unfinished write. 0 in journals of versions that did not count them.
    var snapshotCount: Int64 = 0
    /// The secret that credentials of users that do not exist are made of, in base 64.
    var decoySecret: String?

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&clusterID)
    }

    mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.int64(0, &snapshotCount)
        try tags.nullableString(1, &decoySecret)
    }
}

/// A topic came into being; its partitions follow.
struct TopicRecord: JournalMessage {
    static let kind: Int16 = 2
    var name = ""
    var topicID = KafkaUUID.zero

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&name)
        try wire.uuid(&topicID)
    }
}

/// A topic is gone, with its partitions and configuration.
struct TopicRemoval: JournalMessage {
    static let kind: Int16 = 3
    var topicID = KafkaUUID.zero

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.uuid(&topicID)
    }
}

/// The replicas that hold a partition from now on.
struct PartitionRecord: JournalMessage {
    static let kind: Int16 = 4
    var topicID = KafkaUUID.zero
    var index: Int32 = 0
    var replicas: [Int32] = []
    var isr: [Int32] = []
    var leader: Int32 = -1
    var leaderEpoch: Int32 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.uuid(&topicID)
        try wire.int32(&index)
        try wire.int32Array(&replicas)
        try wire.int32Array(&isr)
        try wire.int32(&leader)
        try wire.int32(&leaderEpoch)
    }
}

/// One key of a topic, broker or group is set, or without a value no longer set.
struct ConfigRecord: JournalMessage {
    static let kind: Int16 = 5
    /// Kafka's resource types: 2 for a topic, 4 for a broker, 32 for a group.
    var resourceType: Int8 = 0
    /// A topic's or group's name, a node's id, or empty for all nodes.
    var resourceName = ""
    var key = ""
    var value: String?

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int8(&resourceType)
        try wire.string(&resourceName)
        try wire.string(&key)
        try wire.nullableString(&value)
    }
}

/// Producer ids below `next` may have been handed out.
struct ProducerIDRecord: JournalMessage {
    static let kind: Int16 = 6
    var next: Int64 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int64(&next)
    }
}
