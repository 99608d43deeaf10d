package import KafkaWire

/// A group of the consumer protocol (KIP-848): a machine without clock, timers or I/O.
///
/// The group's epoch rises with every change of members, subscriptions and topics; each time an assignor makes a target
/// of it, and with their heartbeats the members come to theirs one by one, each in its own time (``Reconciliation``). A
/// partition is never given to a member before the one that had it let it go.
///
/// Every step leaves what must survive a restart in ``unwritten``; ``nextDeadline`` says when time asks for something.
/// Members may also be classic ones, which come by JoinGroup: to them each epoch is a generation.
package struct ConsumerGroup {
    package let id: String
    package private(set) var epoch: Int32 = 0
    /// The group epoch that the targets were made for.
    package private(set) var targetEpoch: Int32 = 0
    package private(set) var members: [ExactName: ConsumerMember] = [:]
    package private(set) var targets: [ExactName: PartitionMap] = [:]
    private var holders: [KafkaUUID: [Int32: ExactName]] = [:]
    private var instances: [ExactName: ExactName] = [:]
    var timers: [ExactName: MemberTimers] = [:]
    /// State of the subscribed topics when the group looked at them last.
    private(set) var topicsHash: Int64 = 0
    /// Version of the catalog then; nil after a restart.
    var seenTopics: UInt64?
    /// Topics that each expression of a subscription matches.
    var matches: [String: Set<String>] = [:]
    /// Changes that are not in the log yet.
    package private(set) var unwritten: [ConsumerGroupChange] = []

    package init(id: String) {
        self.id = id
    }

    /// Takes up where the log ends.
    package init(id: String, restoring stored: StoredConsumerGroup) {
        self.id = id
        epoch = stored.epoch
        targetEpoch = stored.targetEpoch
        topicsHash = stored.topicsHash
        for member in stored.members.values { put(member) }
        for (member, target) in stored.targets where members[member] != nil { targets[member] = target }
        unwritten = []
    }

    package var isEmpty: Bool { members.isEmpty }

    /// Kafka's name of the group's state.
    package var stateName: String {
        if members.isEmpty { return "Empty" }
        if epoch > targetEpoch { return "Assigning" }
        return members.values.allSatisfy { $0.isReconciled(to: targetEpoch) } ? "Stable" : "Reconciling"
    }

    func member(_ id: String) -> ConsumerMember? { members[id] }

    func staticMember(_ instanceID: String) -> ConsumerMember? {
        instances[instanceID].flatMap { members[$0] }
    }

    func isFree(_ topic: KafkaUUID, _ partition: Int32) -> Bool { holders[topic]?[partition] == nil }

    /// The topics that members subscribe to, by name or by an expression that matches them.
    package var subscribedTopics: Set<String> {
        var topics: Set<String> = []
        for member in members.values { topics.formUnion(self.topics(of: member)) }
        return topics
    }

    func topics(of member: ConsumerMember) -> Set<String> {
        Set(member.subscription.names).union(matches[member.subscription.expression] ?? [])
    }

    /// The assignor that most members ask for; of several, the one configured first.
    package func assignor(of available: [ServerAssignor]) -> ServerAssignor {
        var votes: [String: Int] = [:]
        for member in members.values { if let name = member.assignor { votes[name, default: 0] += 1 } }
        let most = votes.values.max()
        return available.first { votes[$0.rawValue] == most && most != nil } ?? available.first ?? .uniform
    }
}

// All changes of what is kept go through these, which write them down.
extension ConsumerGroup {
    mutating func put(_ member: ConsumerMember) {
        let key = ExactName(member.id)
        let former = members[key]
        guard former != member else { return }
        if let former { release(former, key) }
        for (topic, partitions) in member.held.topics {
            for partition in partitions { holders[topic, default: [:]][partition] = key }
        }
        if let instanceID = member.instanceID { instances[instanceID] = key }
        members[key] = member
        if former.map({ !$0.tellsTheSame(as: member) }) ?? true { unwritten.append(.member(key, member)) }
        if former.map({ !$0.isWhere(member) }) ?? true { unwritten.append(.assignment(key, member)) }
    }

    mutating func drop(_ id: String) {
        let key = ExactName(id)
        guard let former = members.removeValue(forKey: key) else { return }
        release(former, key)
        if let instanceID = former.instanceID, instances[instanceID] == key { instances[instanceID] = nil }
        timers[key] = nil
        targets[key] = nil
        unwritten += [.assignment(key, nil), .target(key, nil), .member(key, nil)]
    }

    private mutating func release(_ member: ConsumerMember, _ key: ExactName) {
        for (topic, partitions) in member.held.topics {
            for partition in partitions where holders[topic]?[partition] == key { holders[topic]?[partition] = nil }
            if holders[topic]?.isEmpty == true { holders[topic] = nil }
        }
    }

    /// Begins an epoch, for topics that have this hash.
    mutating func beginEpoch(topicsHash: Int64, at epoch: Int32? = nil) {
        self.epoch = epoch ?? self.epoch + 1
        self.topicsHash = topicsHash
        unwritten.append(.epoch(self.epoch, topicsHash: topicsHash))
    }

    mutating func setTarget(_ target: PartitionMap, of member: ExactName) {
        guard targets[member] != target else { return }
        targets[member] = target
        unwritten.append(.target(member, target))
    }

    mutating func completeTargets(at epoch: Int32) {
        targetEpoch = epoch
        unwritten.append(.targetEpoch(epoch))
    }

    /// The changes are in the log.
    package mutating func hasWritten() { unwritten.removeAll() }
}

extension ConsumerMember {
    fileprivate func tellsTheSame(as other: ConsumerMember) -> Bool {
        var other = other
        other.epoch = epoch
        other.previousEpoch = previousEpoch
        other.state = state
        other.assigned = assigned
        return self == other
    }

    fileprivate func isWhere(_ other: ConsumerMember) -> Bool {
        epoch == other.epoch && previousEpoch == other.previousEpoch && state == other.state
            && assigned == other.assigned
    }
}

/// A change of a consumer group that must survive a restart; without a value something is gone.
package enum ConsumerGroupChange {
    case epoch(Int32, topicsHash: Int64)
    case member(ExactName, ConsumerMember?)
    case targetEpoch(Int32)
    case target(ExactName, PartitionMap?)
    case assignment(ExactName, ConsumerMember?)
}

/// Times at which a member is removed unless something happens before.
struct MemberTimers {
    /// It is not heard from.
    var session: Int64?
    /// It does not let partitions go.
    var revocation: Int64?
    /// A classic member does not join again.
    var join: Int64?
    /// A classic member that joined does not fetch its assignment.
    var sync: Int64?

    var next: Int64? { [session, revocation, join, sync].compactMap(\.self).min() }
}
