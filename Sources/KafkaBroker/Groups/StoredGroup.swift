import KafkaWire
import NIOCore

// The records of `__consumer_offsets`, in Kafka's own format: a key of version 0-1 with a committed offset as its
// value, a key of version 2 with a classic group, or those of a consumer group (StoredConsumerGroup.swift). A null value
// takes back what its key named.

/// The key of a record in `__consumer_offsets`.
enum OffsetsTopicKey: Hashable {
    case offset(group: String, topic: String, partition: Int32)
    case group(String)
    case consumerGroup(String, ConsumerGroupKey)
    /// A share or streams group, of which only its being there is kept.
    case memberless(String, GroupType)
}

extension OffsetsTopicKey {
    /// Nil for kinds of keys that this broker does not write.
    init?(_ bytes: ByteBuffer) throws(WireError) {
        var body = bytes
        guard let version = body.readInteger(as: Int16.self) else { throw .truncated(at: 0, needed: 2) }
        switch version {
        case 0, 1:
            let key = try OffsetCommitKey.decode(body, version: 1)
            self = .offset(group: key.group, topic: key.topic, partition: key.partition)
        case 2: self = .group(try GroupMetadataKey.decode(body, version: 2).group)
        case 11: self = .memberless(try GroupMetadataKey.decode(body, version: 2).group, .share)
        case 17: self = .memberless(try GroupMetadataKey.decode(body, version: 2).group, .streams)
        default:
            guard let (group, key) = try ConsumerGroupKey.decode(body, version: version) else { return nil }
            self = .consumerGroup(group, key)
        }
    }

    func encode() throws(WireError) -> ByteBuffer {
        switch self {
        case .offset(let group, let topic, let partition):
            var key = OffsetCommitKey()
            key.group = group
            key.topic = topic
            key.partition = partition
            return try key.encodeWithVersion(1)
        case .group(let group):
            var key = GroupMetadataKey()
            key.group = group
            return try key.encodeWithVersion(2)
        case .consumerGroup(let group, let key): return try key.encode(group: group)
        case .memberless(let group, let type):
            var key = GroupMetadataKey()
            key.group = group
            var bytes = ByteBuffer(integer: type == .share ? 11 : 17, as: Int16.self)
            bytes.writeImmutableBuffer(try key.encodeContiguously(version: 2))
            return bytes
        }
    }
}

/// A message that begins with its own version, as those of internal topics do.
protocol VersionedRecord: KafkaMessage {}

extension VersionedRecord {
    static var apiKey: ApiKey { ApiKey(rawValue: -1) }

    func encodeWithVersion(_ version: Int16) throws(WireError) -> ByteBuffer {
        var bytes = ByteBuffer(integer: version)
        bytes.writeImmutableBuffer(try encodeContiguously(version: version))
        return bytes
    }

    static func decodeWithVersion(_ bytes: ByteBuffer) throws(WireError) -> Self {
        var body = bytes
        guard let version = body.readInteger(as: Int16.self) else { throw .truncated(at: 0, needed: 2) }
        return try decode(body, version: version)
    }
}

struct OffsetCommitKey: VersionedRecord {
    static let versions = ApiVersions(0...1, flexibleFrom: nil)
    var group = ""
    var topic = ""
    var partition: Int32 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&group)
        try wire.string(&topic)
        try wire.int32(&partition)
    }
}

/// A committed offset.
struct OffsetCommitValue: VersionedRecord {
    static let versions = ApiVersions(0...4, flexibleFrom: 4)
    var offset: Int64 = 0
    var leaderEpoch: Int32 = -1
    var metadata = ""
    var commitTimestamp: Int64 = -1
    /// Only in version 1: when the offset goes, in milliseconds since 1970; -1 leaves it to the group's retention.
    var expireTimestamp: Int64 = -1

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int64(&offset)
        if wire.version >= 3 { try wire.int32(&leaderEpoch) }
        try wire.string(&metadata)
        try wire.int64(&commitTimestamp)
        if wire.version == 1 { try wire.int64(&expireTimestamp) }
    }
}

struct GroupMetadataKey: VersionedRecord {
    static let versions = ApiVersions(2...2, flexibleFrom: nil)
    var group = ""

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&group)
    }
}

/// A group's members and assignments as they were last settled (Kafka's GroupMetadataValue).
struct StoredGroup: VersionedRecord {
    static let versions = ApiVersions(0...4, flexibleFrom: 4)
    var protocolType = ""
    var generation: Int32 = 0
    var protocolName: String?
    var leader: String?
    var currentStateTimestamp: Int64 = -1
    var members: [Member] = []

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&protocolType)
        try wire.int32(&generation)
        try wire.nullableString(&protocolName)
        try wire.nullableString(&leader)
        if wire.version >= 2 { try wire.int64(&currentStateTimestamp) }
        try wire.array(&members)
    }

    struct Member: WireStruct {
        var memberID = ""
        var groupInstanceID: String?
        var clientID = ""
        var clientHost = ""
        var rebalanceTimeout: Int32 = -1
        var sessionTimeout: Int32 = 0
        var subscription = ByteBuffer()
        var assignment = ByteBuffer()

        mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&memberID)
            if wire.version >= 3 { try wire.nullableString(&groupInstanceID) }
            try wire.string(&clientID)
            try wire.string(&clientHost)
            if wire.version >= 1 { try wire.int32(&rebalanceTimeout) }
            try wire.int32(&sessionTimeout)
            try wire.bytes(&subscription)
            try wire.bytes(&assignment)
        }
    }
}

extension StoredGroup {
    init(_ group: Group, now: Int64) {
        self.init()
        protocolType = group.protocolType ?? ""
        generation = group.generation
        protocolName = group.protocolName
        leader = group.leader
        currentStateTimestamp = now
        members = group.members.values.sorted { $0.id < $1.id }.map { member in
            var stored = Member()
            stored.memberID = member.id
            stored.groupInstanceID = member.instanceID
            stored.clientID = member.clientID
            stored.clientHost = member.clientHost
            stored.rebalanceTimeout = Int32(clamping: member.rebalanceTimeout)
            stored.sessionTimeout = Int32(clamping: member.sessionTimeout)
            stored.subscription = member.metadata(of: group.protocolName)
            stored.assignment = member.assignment
            return stored
        }
    }
}
