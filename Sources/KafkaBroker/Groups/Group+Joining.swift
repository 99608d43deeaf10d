import KafkaWire

/// Joining and coming back of members, and the answers about the rebalance.
extension Group {
    /// A member asks in, or asks again because a rebalance began or its subscription changed.
    package mutating func join(_ attempt: JoinAttempt, ticket: Ticket, now: Int64) {
        guard accepts(attempt) else { return refuseJoin(ticket, .groupMaxSizeReached, attempt.memberID) }
        guard supports(attempt) else { return refuseJoin(ticket, .inconsistentGroupProtocol, attempt.memberID) }
        if attempt.memberID.isEmpty {
            joinWithoutID(attempt, ticket, now)
        } else {
            joinWithID(attempt, ticket, now)
        }
        completeIfAllJoined(now)
    }

    private mutating func joinWithoutID(_ attempt: JoinAttempt, _ ticket: Ticket, _ now: Int64) {
        if let instanceID = attempt.instanceID {
            if let previous = instances[instanceID] {
                replaceStaticMember(previous, attempt, ticket, now)
            } else {
                add(attempt, id: attempt.proposedMemberID, ticket, now)
            }
        } else if attempt.requiresKnownMemberID {
            pendingMembers[attempt.proposedMemberID] = now + attempt.sessionTimeout
            refuseJoin(ticket, .memberIDRequired, attempt.proposedMemberID)
        } else {
            add(attempt, id: attempt.proposedMemberID, ticket, now)
        }
    }

    private mutating func joinWithID(_ attempt: JoinAttempt, _ ticket: Ticket, _ now: Int64) {
        if pendingMembers.removeValue(forKey: attempt.memberID) != nil {
            return add(attempt, id: attempt.memberID, ticket, now)
        }
        if let error = fault(of: attempt.memberID, instanceID: attempt.instanceID) {
            return refuseJoin(ticket, error, attempt.memberID)
        }
        guard let member = members[attempt.memberID] else {
            return refuseJoin(ticket, .unknownMemberID, attempt.memberID)
        }
        let isUnchanged = member.proposes(attempt.proposals)
        switch phase {
        case .empty: refuseJoin(ticket, .unknownMemberID, attempt.memberID)
        case .preparing: rejoin(attempt, ticket, now)
        case .completing where isUnchanged: answerJoin(ticket, for: member)  // its first answer was lost
        case .stable where isUnchanged && member.id != leader: answerJoin(ticket, for: member)
        case .completing, .stable:
            rejoin(attempt, ticket, now)
            prepareRebalance(now)
        }
    }

    private mutating func add(_ attempt: JoinAttempt, id: String, _ ticket: Ticket, _ now: Int64) {
        let member = GroupMember(
            id: id, instanceID: attempt.instanceID, clientID: attempt.clientID, clientHost: attempt.clientHost,
            sessionTimeout: attempt.sessionTimeout, rebalanceTimeout: attempt.rebalanceTimeout,
            proposals: attempt.proposals, joining: ticket, deadline: now + settings.newMemberJoinTimeout)
        if members.isEmpty { protocolType = attempt.protocolType }
        members[id] = member
        if let instanceID = attempt.instanceID { instances[instanceID] = id }
        if leader == nil { leader = id }
        if case .preparing(var rebalance) = phase {
            rebalance.hasGrown = true
            phase = .preparing(rebalance)
        } else {
            prepareRebalance(now)
        }
    }

    private mutating func rejoin(_ attempt: JoinAttempt, _ ticket: Ticket, _ now: Int64) {
        guard var member = members[attempt.memberID] else { return }
        if let earlier = member.joining { refuseJoin(earlier, .rebalanceInProgress, member.id) }
        member.joining = ticket
        member.proposals = attempt.proposals
        member.sessionTimeout = attempt.sessionTimeout
        member.rebalanceTimeout = attempt.rebalanceTimeout
        member.clientID = attempt.clientID
        member.clientHost = attempt.clientHost
        members[member.id] = member
    }

    /// A static member came back without its id, as after a restart: it takes over its own place under a new id,
    /// without a rebalance as long as the chosen protocol stays the same.
    private mutating func replaceStaticMember(
        _ previous: String, _ attempt: JoinAttempt, _ ticket: Ticket, _ now: Int64
    ) {
        guard var member = members.removeValue(forKey: previous), let instanceID = attempt.instanceID else { return }
        let former = member
        let formerLeader = leader
        if let joining = member.joining { refuseJoin(joining, .fencedInstanceID, previous) }
        if let syncing = member.syncing { effects.append(.synced(syncing, .refused(.fencedInstanceID))) }
        member.id = attempt.proposedMemberID
        member.joining = nil
        member.syncing = nil
        member.proposals = attempt.proposals
        member.sessionTimeout = attempt.sessionTimeout
        member.rebalanceTimeout = attempt.rebalanceTimeout
        member.clientID = attempt.clientID
        member.clientHost = attempt.clientHost
        member.deadline = now + attempt.sessionTimeout
        members[member.id] = member
        instances[instanceID] = member.id
        if leader == previous { leader = member.id }
        forgetMissing(previous, replacement: member.id)

        if case .stable = phase, selectProtocol() == protocolName {
            let isLeader = leader == member.id
            var response = joinResponse(for: member)
            if attempt.canSkipAssignment {
                response.skipAssignment = isLeader
            } else {
                // An older leader would assign again, in vain: naming the former id keeps it from doing so.
                response.leader = formerLeader ?? ""
                response.members = []
            }
            if !former.proposes(member.proposals) || isLeader || former.id != member.id { effects.append(.persist) }
            effects.append(.joined(ticket, response))
            return
        }
        members[member.id]?.joining = ticket
        if !isPreparing { prepareRebalance(now) }
    }

    mutating func forgetMissing(_ id: String, replacement: String? = nil) {
        func updated(_ missing: Set<ExactName>) -> Set<ExactName> {
            guard missing.contains(id) else { return missing }
            var rest = missing.subtracting([ExactName(id)])
            if let replacement { rest.insert(ExactName(replacement)) }
            return rest
        }
        switch phase {
        case .completing(let missing, let deadline):
            phase = .completing(missing: updated(missing), deadline: deadline)
        case .stable(let missing, let deadline): phase = .stable(missing: updated(missing), deadline: deadline)
        case .empty, .preparing: break
        }
    }

    private func accepts(_ attempt: JoinAttempt) -> Bool {
        switch phase {
        case .empty: true
        case .preparing:
            members[attempt.memberID]?.joining != nil
                || members.values.count { $0.joining != nil } < settings.maxSize
        case .completing, .stable: members[attempt.memberID] != nil || members.count < settings.maxSize
        }
    }

    private func supports(_ attempt: JoinAttempt) -> Bool {
        guard !attempt.protocolType.isEmpty, !attempt.proposals.isEmpty else { return false }
        guard !members.isEmpty else { return true }
        guard protocolType.map(attempt.protocolType.isExactly) == true else { return false }
        // As in Kafka a member's own earlier protocols count too: it changes them one at a time.
        return attempt.proposals.contains { proposal in
            members.values.allSatisfy { $0.supports(proposal.name) }
        }
    }

    /// The reason why a member id may not act; nil when it may.
    func fault(of memberID: String, instanceID: String?) -> ErrorCode? {
        if let instanceID {
            guard let current = instances[instanceID] else { return .unknownMemberID }
            if !current.isExactly(memberID) { return .fencedInstanceID }
        }
        return members[memberID] == nil ? .unknownMemberID : nil
    }

    mutating func refuseJoin(_ ticket: Ticket, _ error: ErrorCode, _ memberID: String) {
        var response = JoinGroupResponse()
        response.errorCode = error
        response.memberID = memberID
        effects.append(.joined(ticket, response))
    }

    mutating func answerJoin(_ ticket: Ticket, for member: GroupMember) {
        effects.append(.joined(ticket, joinResponse(for: member)))
    }

    private func joinResponse(for member: GroupMember) -> JoinGroupResponse {
        var response = JoinGroupResponse()
        response.generationID = generation
        response.protocolType = protocolType
        response.protocolName = protocolName
        response.leader = leader ?? ""
        response.memberID = member.id
        guard member.id == leader else { return response }
        response.members = members.values.sorted { $0.id < $1.id }.map { other in
            var entry = JoinGroupResponse.JoinGroupResponseMember()
            entry.memberID = other.id
            entry.groupInstanceID = other.instanceID
            entry.metadata = other.metadata(of: protocolName)
            return entry
        }
        return response
    }
}
