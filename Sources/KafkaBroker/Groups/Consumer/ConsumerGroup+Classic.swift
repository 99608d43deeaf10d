package import KafkaWire

/// Members of the classic protocol in a consumer group: the broker assigns for them too, and they come to their targets
/// generation by generation.
extension ConsumerGroup {
    /// A client joins by JoinGroup. It is answered at once, without a leader: nobody has to assign anything.
    package mutating func join(
        _ attempt: JoinAttempt, _ context: ConsumerGroupContext
    ) throws(AdminRefusal) -> JoinGroupResponse {
        let memberID = attempt.memberID.isEmpty ? attempt.proposedMemberID : attempt.memberID
        guard members.count < context.settings.maxSize || member(memberID) != nil else {
            throw AdminRefusal(
                .groupMaxSizeReached,
                "The consumer group has reached its maximum capacity of \(context.settings.maxSize) members.")
        }
        guard supports(attempt), let first = attempt.proposals.first,
            let subscription = ConsumerSubscription(first.metadata)
        else { throw AdminRefusal(.inconsistentGroupProtocol, "Member \(memberID)'s protocols are not supported.") }
        var response = JoinGroupResponse()
        response.memberID = memberID
        if attempt.memberID.isEmpty, attempt.instanceID == nil, attempt.requiresKnownMemberID {
            response.errorCode = .memberIDRequired
            return response
        }
        let replaced = try replacedMember(attempt, memberID)
        let former = replaced?.returning(as: memberID) ?? member(memberID)
        var joining = former ?? ConsumerMember(id: memberID)
        joining.take(attempt, subscription)
        if let replaced, let former { replace(replaced.id, by: former) }
        let joined = advance(
            joining, isChanged: former?.subscription != joining.subscription,
            owned: PartitionMap(subscription.owned, context.topics), context)
        timers[memberID] = MemberTimers(
            session: context.now + attempt.sessionTimeout, sync: context.now + attempt.rebalanceTimeout)
        response.generationID = joined.epoch
        response.protocolType = "consumer"
        response.protocolName = first.name
        return response
    }

    /// The member whose place a static client takes; nil for a newcomer, and for one that comes under its own id.
    private func replacedMember(_ attempt: JoinAttempt, _ memberID: String) throws(AdminRefusal) -> ConsumerMember? {
        guard let instanceID = attempt.instanceID else { return nil }
        guard let present = staticMember(instanceID) else {
            guard attempt.memberID.isEmpty else { throw .unknown(instance: instanceID) }
            return nil
        }
        if attempt.memberID.isEmpty { return present }
        try check(instanceID, of: present, memberID)
        return nil
    }

    /// True if all classic members know one of the protocols.
    private func supports(_ attempt: JoinAttempt) -> Bool {
        guard attempt.protocolType == "consumer", !attempt.proposals.isEmpty else { return false }
        let classic = members.values.compactMap(\.classic)
        return attempt.proposals.contains { proposal in
            classic.allSatisfy { $0.proposals.contains { $0.name.isExactly(proposal.name) } }
        }
    }

    package mutating func sync(
        _ request: SyncGroupRequest, _ context: ConsumerGroupContext
    ) throws(AdminRefusal) -> SyncGroupResponse {
        let (member, classic) = try classicMember(request.memberID, request.groupInstanceID)
        try check(generation: request.generationID, of: member)
        let first = classic.proposals.first
        guard request.protocolType.map({ $0.isExactly("consumer") }) ?? true,
            request.protocolName.map({ $0.isExactly(first?.name ?? "") }) ?? true
        else {
            throw AdminRefusal(
                .inconsistentGroupProtocol, "The protocol is not the one returned in the join response.")
        }
        let isRevoking = if case .unrevoked = member.state { true } else { false }
        guard epoch <= member.epoch || isRevoking else {
            awaitJoin(of: member, context.now)
            throw AdminRefusal(
                .rebalanceInProgress,
                "A new rebalance is triggered in group \(id) and member \(member.id) should rejoin to catch up.")
        }
        timers[member.id, default: MemberTimers()].sync = nil
        timers[member.id, default: MemberTimers()].session = context.now + classic.sessionTimeout
        var response = SyncGroupResponse()
        response.protocolType = request.protocolType
        response.protocolName = request.protocolName
        response.assignment = ConsumerAssignment.bytes(
            version: first.flatMap { ConsumerSubscription($0.metadata)?.version } ?? 0,
            member.assigned.named(context.topics))
        return response
    }

    /// A sign of life. The member is told to join again when it is behind, has something to let go, or can have more.
    package mutating func heartbeat(_ request: HeartbeatRequest, now: Int64) throws(AdminRefusal) {
        let (member, classic) = try classicMember(request.memberID, request.groupInstanceID)
        try check(generation: request.generationID, of: member)
        timers[member.id, default: MemberTimers()].session = now + classic.sessionTimeout
        let canMoveOn =
            switch member.state {
            case .unrevoked: true
            case .unreleased: !awaitsOthers(member)
            case .stable: false
            }
        guard member.epoch < epoch || canMoveOn else { return }
        awaitJoin(of: member, now)
        throw AdminRefusal(.rebalanceInProgress, "Member \(member.id) should rejoin.")
    }

    /// Members leave, by their ids or, static ones, by their instance ids alone.
    package mutating func leave(
        _ identities: [LeaveGroupRequest.MemberIdentity], _ catalog: any TopicCatalog
    ) -> [LeaveGroupResponse.MemberResponse] {
        var leaving: [String] = []
        let responses = identities.map { identity in
            var response = LeaveGroupResponse.MemberResponse()
            response.memberID = identity.memberID
            response.groupInstanceID = identity.groupInstanceID
            do throws(AdminRefusal) {
                let instanceID = identity.groupInstanceID
                // A request that names only the instance removes its member, whatever its id.
                let isAny = instanceID != nil && identity.memberID.isEmpty
                let present = isAny ? instanceID.flatMap(staticMember)?.id ?? "" : identity.memberID
                let (member, _) = try classicMember(present, instanceID)
                if !leaving.contains(where: member.id.isExactly) { leaving.append(member.id) }
                response.memberID = member.id
            } catch {
                response.errorCode = error.code
            }
            return response
        }
        if !leaving.isEmpty { remove(leaving, catalog) }
        return responses
    }

    private func classicMember(
        _ memberID: String, _ instanceID: String?
    ) throws(AdminRefusal) -> (ConsumerMember, ConsumerMember.Classic) {
        var present = member(memberID)
        if let instanceID {
            guard let member = staticMember(instanceID) else { throw .unknown(instance: instanceID) }
            try check(instanceID, of: member, memberID)
            present = member
        }
        guard let present else { throw .unknown(memberID, in: id) }
        guard let classic = present.classic else {
            throw AdminRefusal(.unknownMemberID, "Member \(memberID) does not use the classic protocol.")
        }
        return (present, classic)
    }

    private func check(generation: Int32, of member: ConsumerMember) throws(AdminRefusal) {
        guard generation != member.epoch else { return }
        throw AdminRefusal(
            .illegalGeneration,
            "The request generation id \(generation) is not equal to the member epoch \(member.epoch) of member "
                + "\(member.id).")
    }

    private func awaitsOthers(_ member: ConsumerMember) -> Bool {
        let missing = (targets[member.id] ?? PartitionMap()).subtracting(member.assigned)
        return missing.topics.contains { topic, partitions in partitions.contains { !isFree(topic, $0) } }
    }

    private mutating func awaitJoin(of member: ConsumerMember, _ now: Int64) {
        guard timers[member.id]?.join == nil else { return }
        timers[member.id, default: MemberTimers()].join = now + max(member.rebalanceTimeout, 0)
    }
}

extension ConsumerMember {
    fileprivate mutating func take(_ attempt: JoinAttempt, _ subscription: ConsumerSubscription) {
        if let instanceID = attempt.instanceID { self.instanceID = instanceID }
        if let rack = subscription.rack, !rack.isEmpty { rackID = rack }
        rebalanceTimeout = attempt.rebalanceTimeout
        self.subscription.name(subscription.topics)
        self.subscription.expression = ""
        assignor = nil
        clientID = attempt.clientID
        clientHost = attempt.clientHost
        classic = Classic(sessionTimeout: attempt.sessionTimeout, proposals: attempt.proposals)
    }
}
