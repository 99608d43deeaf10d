import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// The membership's table of states and answers.
@Suite struct GroupMembershipTests {
    private static let second = TimeAmount.seconds(1)
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private var member = GroupMembership(
        GroupMembership.Settings(
            group: "g", protocolType: "replicator", protocolName: "sticky", instanceID: "one",
            sessionTimeout: .seconds(10), rebalanceTimeout: .seconds(20)))

    private func joinAnswer(
        _ code: ErrorCode = .none, generation: Int32 = 1, member: String = "m", leader: String = "m"
    ) -> Result<JoinGroupResponse, KafkaError> {
        var response = JoinGroupResponse()
        response.errorCode = code
        response.generationID = generation
        response.memberID = member
        response.leader = leader
        var listed = JoinGroupResponse.JoinGroupResponseMember()
        listed.memberID = member
        response.members = leader == member ? [listed] : []
        return .success(response)
    }

    private func syncAnswer(_ code: ErrorCode = .none) -> Result<SyncGroupResponse, KafkaError> {
        var response = SyncGroupResponse()
        response.errorCode = code
        response.assignment = ByteBuffer(string: "parts")
        return .success(response)
    }

    private func beatAnswer(_ code: ErrorCode = .none) -> Result<HeartbeatResponse, KafkaError> {
        var response = HeartbeatResponse()
        response.errorCode = code
        return .success(response)
    }

    private func lost() -> Result<HeartbeatResponse, KafkaError> {
        .failure(KafkaError(.timedOut(after: .seconds(1)), during: .request(.heartbeat), cluster: "west"))
    }

    private mutating func join(generation: Int32 = 1, at time: NIODeadline) {
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        _ = member.joined(joinAnswer(generation: generation), sent: time)
        _ = member.synced(syncAnswer(), sent: time)
        #expect(member.phase == .member)
    }

    @Test mutating func `a new member is given an id, joins with it, and divides when it leads`() {
        var request = member.joinRequest(subscription: ByteBuffer(string: "me"), reason: "test")
        #expect(request.memberID.isEmpty && request.groupInstanceID == "one")
        #expect(request.sessionTimeoutMs == 10_000 && request.rebalanceTimeoutMs == 20_000)
        #expect(member.joined(joinAnswer(.memberIDRequired, generation: -1), sent: start) == .join)
        request = member.joinRequest(subscription: ByteBuffer(string: "me"), reason: "test")
        #expect(request.memberID == "m")
        guard case .sync(let leadership?) = member.joined(joinAnswer(generation: 3), sent: start) else {
            Issue.record("it leads")
            return
        }
        #expect(leadership.members.map(\.id) == ["m"] && !leadership.keepsAssignment)
        let sync = member.syncRequest(assignments: ["m": ByteBuffer(string: "parts")])
        #expect(sync.generationID == 3 && sync.assignments.map(\.memberID) == ["m"])
        #expect(member.synced(syncAnswer(), sent: start) == .assigned(ByteBuffer(string: "parts")))
        #expect(member.heartbeatRequest?.generationID == 3)
    }

    @Test mutating func `a follower only fetches its part`() {
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        #expect(member.joined(joinAnswer(leader: "other"), sent: start) == .sync(asLeader: nil))
        #expect(!member.isLeader)
    }

    @Test(arguments: [
        (ErrorCode.unknownMemberID, GroupMembership.Step.lost), (.illegalGeneration, .lost),
        (.rebalanceInProgress, .join), (.notCoordinator, .findCoordinator),
        (.coordinatorNotAvailable, .findCoordinator), (.coordinatorLoadInProgress, .joinLater),
        (.unknownServerError, .joinLater), (.fencedInstanceID, .refused(.fenced(instanceID: "one"))),
        (.groupAuthorizationFailed, .refused(.notAuthorized)), (.inconsistentGroupProtocol, .refused(.otherProtocol)),
        (.groupMaxSizeReached, .refused(.full)), (.invalidSessionTimeout, .refused(.sessionTimeout)),
    ])
    mutating func `each error of joining and of syncing has its answer`(code: ErrorCode, step: GroupMembership.Step) {
        let fresh = member
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        #expect(member.joined(joinAnswer(code), sent: start) == step)
        member = fresh
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        _ = member.joined(joinAnswer(), sent: start)
        #expect(member.synced(syncAnswer(code), sent: start) == step)
    }

    @Test mutating func `an id that is not known any more is not used again`() {
        join(at: start)
        #expect(member.beat(beatAnswer(.unknownMemberID), of: 1, sent: start) == .lost)
        #expect(member.joinRequest(subscription: ByteBuffer(), reason: "test").memberID.isEmpty)
    }

    @Test
    mutating func `a generation that is over takes everything from a member, and nothing from one that joins the next`()
    {
        join(at: start)
        #expect(member.beat(beatAnswer(.illegalGeneration), of: 1, sent: start) == .lost)
        join(generation: 2, at: start)
        member.rejoin()
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        #expect(member.beat(beatAnswer(.illegalGeneration), of: 2, sent: start) == .rest)
    }

    @Test mutating func `a rebalance is joined, and holds nothing up`() {
        join(at: start)
        #expect(member.beat(beatAnswer(.rebalanceInProgress), of: 1, sent: start) == .join)
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        #expect(member.beat(beatAnswer(.rebalanceInProgress), of: 1, sent: start + .seconds(8)) == .rest)
        #expect(!member.isLost(at: start + .seconds(16)), "the coordinator knows that it waits")
    }

    @Test mutating func `silence for nine tenths of a session ends the membership, counted from when it asked`() {
        #expect(!member.isLost(at: start))
        join(at: start)
        #expect(!member.isLost(at: start + .milliseconds(8_999)))
        #expect(member.isLost(at: start + .seconds(9)))
        #expect(member.beat(beatAnswer(), of: 1, sent: start + .seconds(3)) == .rest)
        #expect(!member.isLost(at: start + .milliseconds(11_999)))
        #expect(member.beat(lost(), of: 1, sent: start + .seconds(6)) == .rest)
        #expect(member.isLost(at: start + .seconds(12)), "what was not answered proves nothing")
        #expect(member.sessionEnded() == .lost)
        #expect(member.leaseDeadline == nil && member.heartbeatRequest == nil)
    }

    @Test mutating func `an answer about an earlier generation says nothing`() {
        join(at: start)
        member.rejoin()
        join(generation: 2, at: start)
        #expect(member.beat(beatAnswer(.unknownMemberID), of: 1, sent: start) == .rest)
        #expect(member.phase == .member)
    }

    @Test mutating func `another process of the same name ends it for good`() {
        join(at: start)
        #expect(member.beat(beatAnswer(.fencedInstanceID), of: 1, sent: start) == .refused(.fenced(instanceID: "one")))
        #expect(member.heartbeatRequest == nil)
        #expect(member.leaveRequest(reason: "test") == nil, "the name belongs to the other one")
    }

    @Test mutating func `a member leaves by its id and name, and only once`() {
        #expect(member.leaveRequest(reason: "test") == nil)
        member = GroupMembership(member.settings)
        join(at: start)
        let request = member.leaveRequest(reason: "test")
        #expect(request?.members.map(\.memberID) == ["m"] && request?.members.map(\.groupInstanceID) == ["one"])
        #expect(member.leaveRequest(reason: "test") == nil)
    }
}
