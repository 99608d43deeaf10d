package import KafkaWire
package import NIOCore

// The records of a consumer group in `__consumer_offsets`, in Kafka's own format: keys of versions 3 and 5 to 8, and
// values of version 0. Which topics an expression matches (16) and what topics were like (4) is found out again instead;
// the hash with the group's epoch tells whether it changed.

/// Subject of such a record's key.
package enum ConsumerGroupKey: Hashable {
    case epoch
    case member(ExactName)
    case targetEpoch
    case target(ExactName)
    case assignment(ExactName)

    private var version: Int16 {
        switch self {
        case .epoch: 3
        case .member: 5
        case .targetEpoch: 6
        case .target: 7
        case .assignment: 8
        }
    }

    private var memberID: String? {
        switch self {
        case .epoch, .targetEpoch: nil
        case .member(let id), .target(let id), .assignment(let id): id.text
        }
    }

    func encode(group: String) throws(WireError) -> ByteBuffer {
        guard let memberID else {
            var key = GroupKey()
            key.group = group
            return try key.encodeWithVersion(version)
        }
        var key = GroupMemberKey()
        key.group = group
        key.member = memberID
        return try key.encodeWithVersion(version)
    }

    /// Nil for the key of something else.
    static func decode(
        _ body: ByteBuffer, version: Int16
    ) throws(WireError) -> (group: String, key: ConsumerGroupKey)? {
        switch version {
        case 3: return (try GroupKey.decode(body, version: version).group, .epoch)
        case 6: return (try GroupKey.decode(body, version: version).group, .targetEpoch)
        case 5, 7, 8:
            let key = try GroupMemberKey.decode(body, version: version)
            let member = ExactName(key.member)
            return (key.group, version == 5 ? .member(member) : version == 7 ? .target(member) : .assignment(member))
        default: return nil
        }
    }
}

private struct GroupKey: VersionedRecord {
    static let versions = ApiVersions(3...6, flexibleFrom: nil)
    var group = ""

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&group)
    }
}

private struct GroupMemberKey: VersionedRecord {
    static let versions = ApiVersions(5...8, flexibleFrom: nil)
    var group = ""
    var member = ""

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.string(&group)
        try wire.string(&member)
    }
}

extension ConsumerGroupChange {
    /// The record that keeps the change.
    package func encoded() throws(WireError) -> (ConsumerGroupKey, ByteBuffer?) {
        switch self {
        case .epoch(let epoch, let hash):
            return (.epoch, try GroupEpochValue(epoch: epoch, topicsHash: hash).encodeWithVersion(0))
        case .targetEpoch(let epoch): return (.targetEpoch, try TargetEpochValue(epoch: epoch).encodeWithVersion(0))
        case .member(let id, let member):
            guard let member else { return (.member(id), nil) }
            return (.member(id), try MemberValue(member).encodeWithVersion(0))
        case .target(let id, let target):
            guard let target else { return (.target(id), nil) }
            return (.target(id), try TargetValue(target).encodeWithVersion(0))
        case .assignment(let id, let member):
            guard let member else { return (.assignment(id), nil) }
            return (.assignment(id), try AssignmentValue(member).encodeWithVersion(0))
        }
    }
}

/// A consumer group as the log has it.
package struct StoredConsumerGroup {
    private(set) var epoch: Int32 = 0
    private(set) var topicsHash: Int64 = 0
    private(set) var targetEpoch: Int32 = 0
    private(set) var members: [ExactName: ConsumerMember] = [:]
    private(set) var targets: [ExactName: PartitionMap] = [:]
    /// Without it the group is gone, whatever else is left of it.
    private(set) var hasEpoch = false

    package init() {}

    /// Takes up a record; compaction may have removed those before it.
    package mutating func apply(_ key: ConsumerGroupKey, _ value: ByteBuffer?) throws(WireError) {
        switch key {
        case .epoch:
            let stored = try value.map { value throws(WireError) in try GroupEpochValue.decodeWithVersion(value) }
            hasEpoch = stored != nil
            epoch = stored?.epoch ?? 0
            topicsHash = stored?.topicsHash ?? 0
        case .targetEpoch:
            targetEpoch =
                try value.map { value throws(WireError) in try TargetEpochValue.decodeWithVersion(value).epoch } ?? 0
        case .target(let id):
            targets[id] = try value.map { value throws(WireError) in
                PartitionMap(try TargetValue.decodeWithVersion(value).topics)
            }
        case .member(let id):
            guard let value else {
                members[id] = nil
                return
            }
            var member = try MemberValue.decodeWithVersion(value).member(id.text)
            if let known = members[id] { member.isAt(known) }
            members[id] = member
        case .assignment(let id):
            guard let value else {
                // The member's own record follows.
                return
            }
            var member = members[id] ?? ConsumerMember(id: id.text)
            try AssignmentValue.decodeWithVersion(value).place(&member)
            members[id] = member
        }
    }
}

private struct GroupEpochValue: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: 0)
    var epoch: Int32 = 0
    var topicsHash: Int64 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&epoch)
    }

    mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.int64(0, &topicsHash)
    }
}

private struct TargetEpochValue: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: 0)
    var epoch: Int32 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&epoch)
    }
}

private struct StoredPartitions: WireStruct {
    var topicID = KafkaUUID.zero
    var partitions: [Int32] = []

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.uuid(&topicID)
        try wire.int32Array(&partitions)
    }
}

private struct TargetValue: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: 0)
    var topics: [StoredPartitions] = []

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.array(&topics)
    }
}

private struct AssignmentValue: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: 0)
    var epoch: Int32 = 0
    var previousEpoch: Int32 = 0
    /// Kafka's numbers: 0 stable, 1 unrevoked, 2 unreleased partitions.
    var state: Int8 = 0
    var assigned: [StoredPartitions] = []
    var pending: [StoredPartitions] = []

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int32(&epoch)
        try wire.int32(&previousEpoch)
        try wire.int8(&state)
        try wire.array(&assigned)
        try wire.array(&pending)
    }
}

private struct MemberValue: VersionedRecord {
    static let versions = ApiVersions(0...0, flexibleFrom: 0)
    var instanceID: String?
    var rackID: String?
    var clientID = ""
    var clientHost = ""
    var names: [String] = []
    var expression: String?
    var rebalanceTimeout: Int32 = -1
    var assignor: String?
    var classic: Classic?

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.nullableString(&instanceID)
        try wire.nullableString(&rackID)
        try wire.string(&clientID)
        try wire.string(&clientHost)
        try wire.stringArray(&names)
        try wire.nullableString(&expression)
        try wire.int32(&rebalanceTimeout)
        try wire.nullableString(&assignor)
    }

    mutating func codeTags(_ tags: inout WireTags) throws(WireError) {
        try tags.nullableStructure(0, &classic)
    }

    struct Classic: WireStruct {
        var sessionTimeout: Int32 = 0
        var proposals: [Proposal] = []

        mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.int32(&sessionTimeout)
            try wire.array(&proposals)
        }
    }

    struct Proposal: WireStruct {
        var name = ""
        var metadata = ByteBuffer()

        mutating func code(_ wire: inout WireCoder) throws(WireError) {
            try wire.string(&name)
            try wire.bytes(&metadata)
        }
    }
}

extension PartitionMap {
    fileprivate init(_ stored: [StoredPartitions]) {
        self.init()
        for topic in stored { insert(topic.topicID, topic.partitions) }
    }

    fileprivate var stored: [StoredPartitions] {
        sorted.map { StoredPartitions(topicID: $0.topic, partitions: $0.partitions) }
    }
}

extension TargetValue {
    init(_ target: PartitionMap) { topics = target.stored }
}

extension AssignmentValue {
    init(_ member: ConsumerMember) {
        epoch = member.epoch
        previousEpoch = member.previousEpoch
        assigned = member.assigned.stored
        switch member.state {
        case .stable: state = 0
        case .unrevoked(let partitions):
            state = 1
            pending = partitions.stored
        case .unreleased: state = 2
        }
    }

    func place(_ member: inout ConsumerMember) {
        member.epoch = epoch
        member.previousEpoch = previousEpoch
        member.assigned = PartitionMap(assigned)
        member.state = state == 1 ? .unrevoked(PartitionMap(pending)) : state == 2 ? .unreleased : .stable
    }
}

extension MemberValue {
    init(_ member: ConsumerMember) {
        instanceID = member.instanceID
        rackID = member.rackID
        clientID = member.clientID
        clientHost = member.clientHost
        names = member.subscription.names
        expression = member.subscription.expression.isEmpty ? nil : member.subscription.expression
        rebalanceTimeout = Int32(clamping: member.rebalanceTimeout)
        assignor = member.assignor
        classic = member.classic.map { classic in
            Classic(
                sessionTimeout: Int32(clamping: classic.sessionTimeout),
                proposals: classic.proposals.map { Proposal(name: $0.name, metadata: $0.metadata) })
        }
    }

    func member(_ id: String) -> ConsumerMember {
        var member = ConsumerMember(id: id)
        member.instanceID = instanceID
        member.rackID = rackID
        member.clientID = clientID
        member.clientHost = clientHost
        member.subscription.name(names)
        member.subscription.expression = expression ?? ""
        member.rebalanceTimeout = Int64(rebalanceTimeout)
        member.assignor = assignor
        member.classic = classic.map { classic in
            ConsumerMember.Classic(
                sessionTimeout: Int64(classic.sessionTimeout),
                proposals: classic.proposals.map { GroupMember.Proposal(name: $0.name, metadata: $0.metadata) })
        }
        return member
    }
}

extension ConsumerMember {
    /// Takes the epochs and partitions of what was known of the member.
    fileprivate mutating func isAt(_ known: ConsumerMember) {
        epoch = known.epoch
        previousEpoch = known.previousEpoch
        state = known.state
        assigned = known.assigned
    }
}
