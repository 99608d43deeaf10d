import BoundedExpressions
package import KafkaWire

/// Members of the consumer protocol: they come, stay and go.
extension ConsumerGroup {
    /// A client as its connection shows it.
    package struct Client {
        package var id = ""
        package var host = ""
        /// The id to give to a member that names none.
        package var proposedMemberID = ""

        package init(id: String = "", host: String = "", proposedMemberID: String = "") {
            self.id = id
            self.host = host
            self.proposedMemberID = proposedMemberID
        }
    }

    /// A member joins or gives a sign of life: the answer says what it is to hold.
    package mutating func heartbeat(
        _ request: ConsumerGroupHeartbeatRequest, from client: Client, _ context: ConsumerGroupContext
    ) throws(AdminRefusal) -> ConsumerGroupHeartbeatResponse {
        if request.memberEpoch < 0 { return try leave(request, context) }
        let owned = request.topicPartitions.map(PartitionMap.init)
        let memberID = request.memberID.isEmpty ? client.proposedMemberID : request.memberID
        guard members.count < context.settings.maxSize || member(memberID) != nil else {
            throw AdminRefusal(
                .groupMaxSizeReached,
                "The consumer group has reached its maximum capacity of \(context.settings.maxSize) members.")
        }
        let admitted = try admit(request, memberID, owned)
        var member = admitted.member
        member.take(request, client)
        replace(admitted.replaced, by: admitted.member)
        let isChanged = !admitted.isKnown || member.subscription != admitted.member.subscription
        let reconciled = advance(member, isChanged: isChanged, owned: owned, context)
        timers[memberID, default: MemberTimers()].session = context.now + context.settings.sessionTimeout

        var response = ConsumerGroupHeartbeatResponse()
        response.memberID = memberID
        response.memberEpoch = reconciled.epoch
        response.heartbeatIntervalMs = context.settings.heartbeatInterval
        if request.isFull || reconciled.assigned != admitted.member.assigned {
            response.assignment = .init(reconciled.assigned)
        }
        return response
    }

    private struct Admitted {
        var member: ConsumerMember
        /// True for who was a member before, perhaps under another id.
        var isKnown = true
        /// The id under which a static member was known.
        var replaced: String?
    }

    private func admit(
        _ request: ConsumerGroupHeartbeatRequest, _ memberID: String, _ owned: PartitionMap?
    ) throws(AdminRefusal) -> Admitted {
        let isJoining = request.memberEpoch == MemberEpoch.joining
        guard let instanceID = request.instanceID else {
            guard let member = member(memberID) else {
                guard isJoining else { throw .unknown(memberID, in: id) }
                return Admitted(member: ConsumerMember(id: memberID), isKnown: false)
            }
            try check(request.memberEpoch, of: member, owned)
            return Admitted(member: member)
        }
        guard let present = staticMember(instanceID) else {
            guard isJoining else { throw .unknown(instance: instanceID) }
            return Admitted(member: member(memberID) ?? ConsumerMember(id: memberID), isKnown: false)
        }
        guard isJoining else {
            try check(instanceID, of: present, memberID)
            try check(request.memberEpoch, of: present, owned)
            return Admitted(member: present)
        }
        guard present.usesClassicProtocol || present.hasLeftForAWhile else {
            throw AdminRefusal(
                .unreleasedInstanceID,
                "Static member \(memberID) with instance id \(instanceID) cannot join the group because the instance "
                    + "id is owned by \(present.id) member.")
        }
        return Admitted(member: present.returning(as: memberID), replaced: present.id)
    }

    private func check(_ epoch: Int32, of member: ConsumerMember, _ owned: PartitionMap?) throws(AdminRefusal) {
        guard epoch != member.epoch else { return }
        // Its answer may have been lost: it comes with the epoch before, and has nothing that is not its own.
        let isBehind = epoch < member.epoch && epoch == member.previousEpoch
        if isBehind, let owned, owned.isSubset(of: member.assigned) { return }
        throw AdminRefusal(
            .fencedMemberEpoch,
            "The consumer group member has a \(epoch > member.epoch ? "greater" : "smaller") member epoch (\(epoch)) "
                + "than the one known by the group coordinator (\(member.epoch)). The member must abandon all its "
                + "partitions and rejoin.")
    }

    func check(_ instanceID: String, of present: ConsumerMember, _ memberID: String) throws(AdminRefusal) {
        guard !present.id.isExactly(memberID) else { return }
        throw AdminRefusal(
            .fencedInstanceID,
            "Static member \(memberID) with instance id \(instanceID) was fenced by member \(present.id).")
    }

    private mutating func leave(
        _ request: ConsumerGroupHeartbeatRequest, _ context: ConsumerGroupContext
    ) throws(AdminRefusal) -> ConsumerGroupHeartbeatResponse {
        var member: ConsumerMember
        if let instanceID = request.instanceID {
            guard let present = staticMember(instanceID) else { throw .unknown(instance: instanceID) }
            try check(instanceID, of: present, request.memberID)
            member = present
        } else {
            guard let present = self.member(request.memberID) else { throw .unknown(request.memberID, in: id) }
            member = present
        }
        if request.memberEpoch == MemberEpoch.leftForAWhile {
            member.leaveForAWhile()
            put(member)
            timers[member.id]?.revocation = nil
        } else {
            remove([member.id], context.topics)
        }
        var response = ConsumerGroupHeartbeatResponse()
        response.memberID = request.memberID
        response.memberEpoch = request.memberEpoch
        return response
    }
}

extension ConsumerGroup {
    /// A static member takes its own place under a new id.
    mutating func replace(_ former: String?, by member: ConsumerMember) {
        guard let former else { return }
        let target = targets[former] ?? PartitionMap()
        drop(former)
        put(member)
        setTarget(target, of: ExactName(member.id))
    }

    /// Takes up what a member tells: the group's epoch, the targets and the member itself move on as far as they can.
    mutating func advance(
        _ member: ConsumerMember, isChanged: Bool, owned: PartitionMap?, _ context: ConsumerGroupContext
    ) -> ConsumerMember {
        put(member)
        if isChanged || seenTopics != context.topics.version {
            match(context.topics)
            let hash = hash(of: context.topics)
            if isChanged || hash != topicsHash { beginEpoch(topicsHash: hash) }
        }
        if epoch > targetEpoch { assign(context) }
        guard !member.isReconciled(to: targetEpoch) else { return member }
        let reconciled = Reconciliation(
            target: targets[member.id] ?? PartitionMap(), targetEpoch: targetEpoch, owned: owned, isFree: isFree
        ).advance(member)
        guard reconciled != member else { return member }
        put(reconciled)
        // Classic members have time for joining and for fetching their assignment instead.
        if !member.usesClassicProtocol {
            if case .unrevoked = reconciled.state {
                timers[member.id, default: MemberTimers()].revocation = context.now + max(member.rebalanceTimeout, 0)
            } else {
                timers[member.id]?.revocation = nil
            }
        }
        return reconciled
    }

    private mutating func assign(_ context: ConsumerGroupContext) {
        var sizes: [KafkaUUID: Int32] = [:]
        let problem = members.map { key, member in
            let topics = self.topics(of: member).compactMap(context.topics.topic(named:))
            for topic in topics { sizes[topic.id] = topic.partitions }
            return AssignmentProblem.Member(
                id: key, instanceID: member.instanceID, topics: Set(topics.map(\.id)),
                present: targets[key] ?? PartitionMap())
        }
        let result = assignor(of: context.settings.assignors).assign(AssignmentProblem(members: problem, sizes: sizes))
        for key in members.keys { setTarget(result[key] ?? PartitionMap(), of: key) }
        completeTargets(at: epoch)
    }

    /// Finds the topics that expressions of subscriptions mean: of new ones, and of all when topics changed.
    private mutating func match(_ catalog: any TopicCatalog) {
        let expressions = Set(members.values.map(\.subscription.expression)).subtracting([""])
        let isNewer = seenTopics != catalog.version
        seenTopics = catalog.version
        matches = matches.filter { expressions.contains($0.key) }
        for text in expressions where isNewer || matches[text] == nil {
            guard let expression = try? BoundedExpression(re2: text) else { continue }
            matches[text] = Set(catalog.visibleNames.filter { (try? expression.matches($0)) == true })
        }
    }

    private func hash(of catalog: any TopicCatalog) -> Int64 {
        var hash = TopicsHash()
        for name in subscribedTopics.sorted() { if let topic = catalog.topic(named: name) { hash.add(topic) } }
        return hash.value
    }

    /// Members leave, or are made to. The others learn of it with their next heartbeats.
    mutating func remove(_ ids: [String], _ catalog: any TopicCatalog) {
        for id in ids { drop(id) }
        beginEpoch(topicsHash: hash(of: catalog))
    }
}

/// The state of a group's topics in one number (FNV-1a), so that a change is noticed, also after a restart.
private struct TopicsHash {
    private var state: UInt64 = 0xCBF2_9CE4_8422_2325
    private var isEmpty = true

    /// 0 without topics.
    var value: Int64 { isEmpty ? 0 : Int64(bitPattern: state) }

    mutating func add(_ topic: TopicShape) {
        isEmpty = false
        add(topic.id.high)
        add(topic.id.low)
        add(UInt64(topic.partitions))
    }

    private mutating func add(_ number: UInt64) {
        for shift in stride(from: 0, to: 64, by: 8) {
            state = (state ^ (number >> UInt64(shift) & 0xFF)) &* 0x100_0000_01B3
        }
    }
}

extension ConsumerMember {
    fileprivate mutating func take(_ request: ConsumerGroupHeartbeatRequest, _ client: ConsumerGroup.Client) {
        if let instanceID = request.instanceID { self.instanceID = instanceID }
        if let rackID = request.rackID { self.rackID = rackID }
        if request.rebalanceTimeoutMs != -1 { rebalanceTimeout = Int64(request.rebalanceTimeoutMs) }
        if let assignor = request.serverAssignor { self.assignor = assignor }
        if let names = request.subscribedTopicNames { subscription.name(names) }
        if let expression = request.subscribedTopicRegex { subscription.expression = expression }
        clientID = client.id
        clientHost = client.host
        classic = nil
    }

    func returning(as memberID: String) -> ConsumerMember {
        var member = self
        member.id = memberID
        member.epoch = 0
        member.previousEpoch = 0
        return member
    }

    fileprivate mutating func leaveForAWhile() {
        previousEpoch = epoch
        epoch = MemberEpoch.leftForAWhile
        if case .unrevoked = state { state = .stable }
    }
}

extension ConsumerGroupHeartbeatRequest {
    /// Everything is told again, as after a failure: then everything is answered.
    fileprivate var isFull: Bool {
        memberEpoch == MemberEpoch.joining
            || (rebalanceTimeoutMs != -1 && (subscribedTopicNames != nil || subscribedTopicRegex != nil)
                && topicPartitions != nil)
    }
}

extension PartitionMap {
    init(_ topics: [ConsumerGroupHeartbeatRequest.TopicPartitions]) {
        self.init()
        for topic in topics { insert(topic.topicID, topic.partitions) }
    }
}

extension ConsumerGroupHeartbeatResponse.Assignment {
    init(_ partitions: PartitionMap) {
        self.init()
        topicPartitions = partitions.sorted.map { id, partitions in
            var topic = ConsumerGroupHeartbeatResponse.TopicPartitions()
            topic.topicID = id
            topic.partitions = partitions
            return topic
        }
    }
}

extension AdminRefusal {
    static func unknown(_ memberID: String, in group: String) -> AdminRefusal {
        AdminRefusal(.unknownMemberID, "Member \(memberID) is not a member of group \(group).")
    }

    static func unknown(instance instanceID: String) -> AdminRefusal {
        AdminRefusal(.unknownMemberID, "Instance id \(instanceID) is unknown.")
    }
}
