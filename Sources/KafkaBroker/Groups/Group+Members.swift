package import KafkaWire
import NIOCore

/// Requests of members that have joined.
extension Group {
    /// A member fetches its assignment; the leader brings everybody's.
    package mutating func sync(_ request: SyncGroupRequest, ticket: Ticket, now: Int64) {
        func refuse(_ error: ErrorCode) { effects.append(.synced(ticket, .refused(error))) }
        if let error = fault(of: request.memberID, instanceID: request.groupInstanceID) { return refuse(error) }
        guard request.generationID == generation else { return refuse(.illegalGeneration) }
        guard request.protocolType.map({ $0.isExactly(protocolType ?? "") }) ?? true,
            request.protocolName.map({ $0.isExactly(protocolName ?? "") }) ?? true
        else { return refuse(.inconsistentGroupProtocol) }
        hear(from: request.memberID, now)
        switch phase {
        case .empty: refuse(.unknownMemberID)
        case .preparing: refuse(.rebalanceInProgress)
        case .completing(var missing, let deadline):
            if let earlier = members[request.memberID]?.syncing {
                effects.append(.synced(earlier, .refused(.rebalanceInProgress)))
            }
            members[request.memberID]?.syncing = ticket
            missing.remove(ExactName(request.memberID))
            phase = .completing(missing: missing, deadline: deadline)
            if request.memberID == leader { distribute(request.assignments, now) }
        case .stable(var missing, let deadline):
            missing.remove(ExactName(request.memberID))
            phase = .stable(missing: missing, deadline: deadline)
            if let member = members[request.memberID] { effects.append(.synced(ticket, syncResponse(for: member))) }
        }
    }

    private mutating func distribute(_ assignments: [SyncGroupRequest.SyncGroupRequestAssignment], _ now: Int64) {
        guard case .completing(let missing, let deadline) = phase else { return }
        for id in members.keys { members[id]?.assignment = ByteBuffer() }
        for entry in assignments { members[entry.memberID]?.assignment = entry.assignment }
        phase = .stable(missing: missing, deadline: deadline)
        phaseChanged = now
        effects.append(.persist)
        for (id, member) in members {
            guard let ticket = member.syncing else { continue }
            members[id]?.syncing = nil
            members[id]?.deadline = now + member.sessionTimeout
            effects.append(.synced(ticket, syncResponse(for: member)))
        }
    }

    private func syncResponse(for member: GroupMember) -> SyncGroupResponse {
        var response = SyncGroupResponse()
        response.protocolType = protocolType
        response.protocolName = protocolName
        response.assignment = member.assignment
        return response
    }

    package mutating func heartbeat(_ request: HeartbeatRequest, now: Int64) -> ErrorCode {
        if let error = fault(of: request.memberID, instanceID: request.groupInstanceID) { return error }
        guard request.generationID == generation else { return .illegalGeneration }
        hear(from: request.memberID, now)
        return isPreparing ? .rebalanceInProgress : .none
    }

    private mutating func hear(from id: String, _ now: Int64) {
        guard let member = members[id] else { return }
        members[id]?.deadline = now + member.sessionTimeout
    }

    /// A member says goodbye, by its id or, for a static member, by its instance id alone.
    package mutating func leave(memberID: String, instanceID: String?, now: Int64) -> ErrorCode {
        defer { completeIfAllJoined(now) }
        if let instanceID {
            guard let current = instances[instanceID], let member = members[current] else { return .unknownMemberID }
            guard memberID.isEmpty || memberID.isExactly(current) else { return .fencedInstanceID }
            remove(member, now)
        } else if pendingMembers.removeValue(forKey: memberID) != nil {
            return .none
        } else {
            guard let member = members[memberID] else { return .unknownMemberID }
            remove(member, now)
        }
        return .none
    }

    /// Checks that a commit may be taken; it also counts as a sign of life.
    ///
    /// A negative generation comes from a client that assigns partitions itself, and is refused while others are
    /// members.
    package mutating func admitCommit(memberID: String, instanceID: String?, generation: Int32, now: Int64) -> ErrorCode
    {
        if generation < 0 {
            if isEmpty { return .none }
            if memberID.isEmpty, instanceID == nil { return .unknownMemberID }
        }
        if let error = fault(of: memberID, instanceID: instanceID) { return error }
        guard generation == self.generation else { return .illegalGeneration }
        switch phase {
        case .empty: return .unknownMemberID
        case .completing: return .rebalanceInProgress
        case .preparing, .stable:
            hear(from: memberID, now)
            return .none
        }
    }

    /// Does what time asks for: expired members go, a rebalance that waited long enough completes.
    package mutating func tick(now: Int64) {
        pendingMembers = pendingMembers.filter { $0.value > now }
        for member in members.values where member.hasExpired(at: now) { remove(member, now) }
        switch phase {
        case .completing(let missing, let deadline) where deadline <= now,
            .stable(let missing, let deadline) where deadline <= now:
            for id in missing { if let member = members[id] { remove(member, now) } }
        case .preparing(let rebalance) where rebalance.deadline <= now && rebalance.initialRemaining == nil:
            completeRebalance(now)
        case .empty, .preparing, .completing, .stable: break
        }
        completeIfAllJoined(now)
    }

    /// The topics whose offsets are kept while the group is as it is; nil for all of them.
    package var topicsInUse: Set<String>? {
        switch phase {
        case .empty: []
        case .stable where protocolType == "consumer": subscribedTopics
        case .preparing, .completing, .stable: nil
        }
    }

    /// The topics that members of protocol type `consumer` subscribe to; nil when a subscription cannot be read.
    package var subscribedTopics: Set<String>? {
        guard protocolType == "consumer", let protocolName else { return protocolType == nil ? [] : nil }
        var topics: Set<String> = []
        for member in members.values {
            guard let subscription = ConsumerSubscription(member.metadata(of: protocolName)) else { return nil }
            topics.formUnion(subscription.topics)
        }
        return topics
    }
}
