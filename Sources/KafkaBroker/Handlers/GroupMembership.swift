import KafkaWire
import NIOCore

// JoinGroup: 0-9. SyncGroup: 0-5. Heartbeat: 0-4. LeaveGroup: 0-5.
//
// - The classic group protocol as Kafka's coordinator runs it: see ``Group``.
// - Version 0 of JoinGroup has no rebalance time-out: the session time-out serves.
// - Session time-outs outside `group.min/max.session.timeout.ms` are INVALID_SESSION_TIMEOUT.
// - Static members from JoinGroup 5 on (KIP-345), several leaving at once from LeaveGroup 3 on.
// - Left out: the newer group protocol (KIP-848).

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
        var attempt = JoinAttempt()
        attempt.memberID = request.memberID
        attempt.instanceID = request.groupInstanceID
        attempt.clientID = call.context.clientID
        attempt.clientHost = "/" + call.context.clientHost
        attempt.sessionTimeout = Int64(request.sessionTimeoutMs)
        attempt.rebalanceTimeout =
            call.version == 0 ? attempt.sessionTimeout : Int64(max(request.rebalanceTimeoutMs, 0))
        attempt.protocolType = request.protocolType
        attempt.proposals = request.protocols
        attempt.requiresKnownMemberID = call.version >= 4
        attempt.canSkipAssignment = call.version >= 9
        attempt.proposedMemberID =
            "\(request.groupInstanceID ?? call.context.clientID)-\(KafkaUUID.random().hyphenated)"
        join(attempt, group(request.groupID), call)
    }

    func syncGroup(_ request: SyncGroupRequest, _ call: Call<SyncGroupResponse>) {
        if let error = groupFault(request.groupID, at: call.node) { return call.reply(request.refused(error)) }
        guard let entry = groups.groups[request.groupID] else { return call.reply(request.refused(.unknownMemberID)) }
        sync(request, entry, call)
    }

    func heartbeat(_ request: HeartbeatRequest, _ context: RequestContext) -> HeartbeatResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        guard let entry = groups.groups[request.groupID] else { return request.refused(.unknownMemberID) }
        return request.refused(entry.machine.heartbeat(request, now: clock.steadyTime()))
    }

    func leaveGroup(_ request: LeaveGroupRequest, _ context: RequestContext) -> LeaveGroupResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        let entry = groups.groups[request.groupID]
        func leave(_ memberID: String, _ instanceID: String?) -> ErrorCode {
            entry?.machine.leave(memberID: memberID, instanceID: instanceID, now: clock.steadyTime())
                ?? .unknownMemberID
        }
        var response = LeaveGroupResponse()
        if context.version < 3 {
            response.errorCode = leave(request.memberID, nil)
        } else {
            response.members = request.members.map { member in
                var result = LeaveGroupResponse.MemberResponse()
                result.memberID = member.memberID
                result.groupInstanceID = member.groupInstanceID
                result.errorCode = leave(member.memberID, member.groupInstanceID)
                return result
            }
        }
        if let entry { runEffects(entry) }
        return response
    }

    /// Why a request about a group is refused before the group is looked at.
    func groupFault(_ group: String, at node: Node) -> ErrorCode? {
        group.isEmpty ? .invalidGroupID : coordinatorFault(group, at: node)
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
