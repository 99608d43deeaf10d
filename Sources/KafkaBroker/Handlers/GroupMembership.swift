import KafkaWire
import NIOCore

// JoinGroup: 0-9. SyncGroup: 0-5. Heartbeat: 0-4. LeaveGroup: 0-5.
//
// - The classic group protocol as Kafka's coordinator runs it: see ``Group``.
// - Version 0 of JoinGroup has no rebalance time-out: the session time-out serves.
// - Session time-outs outside `group.min/max.session.timeout.ms` are INVALID_SESSION_TIMEOUT.
// - Static members from JoinGroup 5 on (KIP-345), several leaving at once from LeaveGroup 3 on.
// - In a consumer group with members a classic client is answered as ``ConsumerGroup`` says; an empty one becomes classic.

extension JoinGroupRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> JoinGroupResponse {
        var response = JoinGroupResponse()
        response.errorCode = error
        response.memberID = memberID
        return response
    }
}

extension SyncGroupRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> SyncGroupResponse { .refused(error) }
}

extension HeartbeatRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> HeartbeatResponse {
        var response = HeartbeatResponse()
        response.errorCode = error
        return response
    }
}

extension LeaveGroupRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> LeaveGroupResponse {
        var response = LeaveGroupResponse()
        response.errorCode = error
        return response
    }
}

extension Cluster {
    func joinGroup(_ request: JoinGroupRequest, _ call: Call<JoinGroupResponse>) {
        if let error = groupFault(request.groupID, at: call.node) { return call.reply(request.refused(error)) }
        let permitted =
            configs.number("group.min.session.timeout.ms")...configs.number("group.max.session.timeout.ms")
        guard permitted.contains(Int(request.sessionTimeoutMs)) else {
            return call.reply(request.refused(.invalidSessionTimeout))
        }
        guard request.memberID.isEmpty || groups.groups[request.groupID] != nil else {
            return call.reply(request.refused(.unknownMemberID))
        }
        let attempt = JoinAttempt(request, call)
        let entry = group(request.groupID)
        switch entry.state {
        case .classic: join(attempt, entry, call)
        case .consumer(let group) where group.isEmpty:
            do throws(AdminRefusal) {
                try vacateConsumerGroup(entry)
                join(attempt, entry, call)
            } catch {
                call.reply(request.refused(error.code))
            }
        case .consumer: call.reply(joinConsumerGroup(attempt, request, entry, call.context))
        case .memberless: call.reply(request.refused(.inconsistentGroupProtocol))
        }
    }

    private func joinConsumerGroup(
        _ attempt: JoinAttempt, _ request: JoinGroupRequest, _ entry: GroupEntry, _ context: RequestContext
    ) -> JoinGroupResponse {
        let groupContext = consumerContext(of: entry.id, caller: context.caller)
        do throws(AdminRefusal) {
            let response = try entry.state.changeConsumer { group throws(AdminRefusal) in
                try group.join(attempt, groupContext)
            }
            // A static member may have replaced the last one that spoke the newer protocol; its answer is its generation.
            downgradeIfClassic(entry, rebalances: false)
            try settle(entry)
            return response ?? request.refused(.unknownServerError)
        } catch {
            return request.refused(error.code)
        }
    }

    func syncGroup(_ request: SyncGroupRequest, _ call: Call<SyncGroupResponse>) {
        if let error = groupFault(request.groupID, at: call.node) { return call.reply(request.refused(error)) }
        guard let entry = groups.groups[request.groupID] else { return call.reply(request.refused(.unknownMemberID)) }
        switch entry.state {
        case .classic: sync(request, entry, call)
        case .memberless: call.reply(request.refused(.unknownMemberID))
        case .consumer:
            let context = consumerContext(of: entry.id, caller: nil)
            do throws(AdminRefusal) {
                let response = try entry.state.changeConsumer { group throws(AdminRefusal) in
                    try group.sync(request, context)
                }
                runEffects(entry)
                call.reply(response ?? request.refused(.unknownServerError))
            } catch {
                runEffects(entry)
                call.reply(request.refused(error.code))
            }
        }
    }

    func heartbeat(_ request: HeartbeatRequest, _ context: RequestContext) -> HeartbeatResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        guard let entry = groups.groups[request.groupID] else { return request.refused(.unknownMemberID) }
        let now = clock.steadyTime()
        if let error = entry.state.changeClassic({ $0.heartbeat(request, now: now) }) { return request.refused(error) }
        defer { runEffects(entry) }
        do throws(AdminRefusal) {
            let isMember: Void? = try entry.state.changeConsumer { group throws(AdminRefusal) in
                try group.heartbeat(request, now: now)
            }
            return request.refused(isMember == nil ? .unknownMemberID : .none)
        } catch {
            return request.refused(error.code)
        }
    }

    func leaveGroup(_ request: LeaveGroupRequest, _ context: RequestContext) -> LeaveGroupResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        var response = LeaveGroupResponse()
        let results = leave(context.version < 3 ? [request.only] : request.members, request.groupID)
        if context.version < 3 {
            response.errorCode = results.first?.errorCode ?? .unknownMemberID
        } else {
            response.members = results
        }
        return response
    }

    private func leave(
        _ members: [LeaveGroupRequest.MemberIdentity], _ groupID: String
    ) -> [LeaveGroupResponse.MemberResponse] {
        guard let entry = groups.groups[groupID] else { return members.map { $0.answer(.unknownMemberID) } }
        defer { runEffects(entry) }
        let now = clock.steadyTime()
        switch entry.state {
        case .classic:
            return members.map { member in
                let error = entry.state.changeClassic {
                    $0.leave(memberID: member.memberID, instanceID: member.groupInstanceID, now: now)
                }
                return member.answer(error ?? .unknownMemberID)
            }
        case .consumer:
            let topics = ClusterTopics(cluster: self, caller: nil)
            let results = try? entry.state.changeConsumer { $0.leave(members, topics) }
            return results ?? members.map { $0.answer(.unknownMemberID) }
        case .memberless: return members.map { $0.answer(.unknownMemberID) }
        }
    }

    /// The reason why a request about a group is refused before the group is looked at.
    func groupFault(_ group: String, at node: Node) -> ErrorCode? {
        group.isEmpty ? .invalidGroupID : coordinatorFault(group, at: node)
    }
}

extension LeaveGroupRequest {
    /// Before version 3 there is one member, without an instance id.
    fileprivate var only: MemberIdentity {
        var identity = MemberIdentity()
        identity.memberID = memberID
        return identity
    }
}

extension LeaveGroupRequest.MemberIdentity {
    fileprivate func answer(_ error: ErrorCode) -> LeaveGroupResponse.MemberResponse {
        var result = LeaveGroupResponse.MemberResponse()
        result.memberID = memberID
        result.groupInstanceID = groupInstanceID
        result.errorCode = error
        return result
    }
}

extension JoinAttempt {
    fileprivate init(_ request: JoinGroupRequest, _ call: Call<JoinGroupResponse>) {
        self.init()
        memberID = request.memberID
        instanceID = request.groupInstanceID
        clientID = call.context.clientID
        clientHost = "/" + call.context.clientHost
        sessionTimeout = Int64(request.sessionTimeoutMs)
        rebalanceTimeout = call.version == 0 ? sessionTimeout : Int64(max(request.rebalanceTimeoutMs, 0))
        protocolType = request.protocolType
        proposals = request.protocols
        requiresKnownMemberID = call.version >= 4
        canSkipAssignment = call.version >= 9
        proposedMemberID = "\(request.groupInstanceID ?? call.context.clientID)-\(KafkaUUID.random().hyphenated)"
    }
}

extension KafkaUUID {
    /// In the form 8-4-4-4-12, as Java prints it.
    var hyphenated: String {
        func hex(_ value: UInt64, _ digits: Int) -> String {
            let text = String(value, radix: 16)
            return String(repeating: "0", count: max(digits - text.count, 0)) + text
        }
        return [
            hex(high >> 32, 8), hex(high >> 16 & 0xFFFF, 4), hex(high & 0xFFFF, 4), hex(low >> 48, 4),
            hex(low & 0xFFFF_FFFF_FFFF, 12),
        ].joined(separator: "-")
    }
}
