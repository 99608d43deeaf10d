import KafkaWire
import NIOCore

/// Protocols that members of a group may change between while it has members
/// (`group.consumer.migration.policy`; Kafka's ConsumerGroupMigrationPolicy).
package enum MigrationPolicy: String, CaseIterable {
    case bidirectional, upgrade, downgrade, disabled

    var allowsUpgrade: Bool { self == .bidirectional || self == .upgrade }
    var allowsDowngrade: Bool { self == .bidirectional || self == .downgrade }
}

extension ConsumerGroup {
    /// Makes a consumer group of a classic one with members, which keep what they have and are told to join again.
    package init(upgrading group: Group, _ context: ConsumerGroupContext) throws(AdminRefusal) {
        self.init(id: group.id)
        beginEpoch(topicsHash: 0, at: group.generation)
        completeTargets(at: group.generation)
        for (key, former) in group.members.sorted(by: { $0.key.text < $1.key.text }) {
            let metadata = former.metadata(of: group.protocolName ?? former.proposals.first?.name)
            guard let subscription = ConsumerSubscription(metadata),
                let assignment = ConsumerAssignment(former.assignment)
            else {
                throw AdminRefusal(
                    .groupIDNotFound,
                    "Cannot upgrade the classic group \(group.id) to consumer group because the embedded consumer "
                        + "protocol is malformed.")
            }
            guard !assignment.hasUserData else {
                throw AdminRefusal(
                    .groupIDNotFound,
                    "Cannot upgrade the classic group \(group.id) to consumer group because an unsupported custom "
                        + "assignor is in use. Please refer to the documentation or switch to a default assignor "
                        + "before re-attempting the upgrade.")
            }
            var member = ConsumerMember(id: former.id)
            member.upgrade(former, subscription, at: group.generation)
            // A partition that two members claim is the first one's.
            member.assigned = free(of: PartitionMap(assignment.topics, context.topics))
            put(member)
            setTarget(member.assigned, of: key)
        }
        startTimers(context)
    }

    private func free(of partitions: PartitionMap) -> PartitionMap {
        PartitionMap(
            partitions.topics.reduce(into: [:]) { free, topic in
                free[topic.key] = topic.value.filter { isFree(topic.key, $0) }
            })
    }

    /// Nobody is left who speaks the consumer protocol.
    package var isClassicThroughout: Bool { !isEmpty && members.values.allSatisfy(\.usesClassicProtocol) }
}

extension ConsumerMember {
    fileprivate mutating func upgrade(_ former: GroupMember, _ subscription: ConsumerSubscription, at epoch: Int32) {
        instanceID = former.instanceID
        if let rack = subscription.rack, !rack.isEmpty { rackID = rack }
        clientID = former.clientID
        clientHost = former.clientHost
        rebalanceTimeout = former.rebalanceTimeout
        self.subscription.name(subscription.topics)
        classic = Classic(sessionTimeout: former.sessionTimeout, proposals: former.proposals)
        self.epoch = epoch
        previousEpoch = epoch
    }
}

extension Group {
    /// Makes a classic group of a consumer group whose members are all classic ones: stable, with their targets as its
    /// assignments.
    ///
    /// - Parameter rebalances: whether they are to assign at once among themselves, since a member left.
    package init(
        downgrading group: ConsumerGroup, settings: Settings, topics: any TopicCatalog, rebalances: Bool, now: Int64
    ) {
        self.init(id: group.id, settings: settings, now: now)
        generation = group.epoch
        protocolType = "consumer"
        for (key, former) in group.members {
            guard let classic = former.classic else { continue }
            let version = classic.proposals.first.flatMap { ConsumerSubscription($0.metadata)?.version }
            members[key] = GroupMember(
                id: former.id, instanceID: former.instanceID, clientID: former.clientID,
                clientHost: former.clientHost, sessionTimeout: classic.sessionTimeout,
                rebalanceTimeout: former.rebalanceTimeout, proposals: classic.proposals,
                assignment: ConsumerAssignment.bytes(
                    version: version ?? 0, (group.targets[key] ?? PartitionMap()).named(topics)),
                deadline: now + classic.sessionTimeout, isNew: false)
            if let instanceID = former.instanceID { instances[instanceID] = former.id }
        }
        leader = members.keys.map(\.text).min()
        protocolName = selectProtocol()
        phase = .stable(missing: [], deadline: 0)
        effects.append(.persist)
        if rebalances { prepareRebalance(now) }
    }

    /// True if a consumer group can be made of it; an empty group can always be.
    func canUpgrade(within maxSize: Int) -> Bool {
        protocolType == "consumer" && members.count <= maxSize
    }

    /// Tells everybody who waits to join again: the group continues under another protocol.
    mutating func dismissWaiting() {
        for (key, member) in members {
            if let ticket = member.joining { refuseJoin(ticket, .rebalanceInProgress, member.id) }
            if let ticket = member.syncing { effects.append(.synced(ticket, .refused(.rebalanceInProgress))) }
            members[key]?.joining = nil
            members[key]?.syncing = nil
        }
    }
}
