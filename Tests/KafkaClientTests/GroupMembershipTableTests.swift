import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// Every phase of a membership with every answer that may come by in it, whether it was asked for or not.
@Suite struct GroupMembershipTableTests {
    enum Place: String, CaseIterable {
        case fresh, rejoining, joining, syncing, member, refused, left
    }

    enum Answer: CaseIterable {
        case join, sync, beat
    }

    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)
    private static let codes: [ErrorCode] = [
        .none, .rebalanceInProgress, .illegalGeneration, .unknownMemberID, .fencedInstanceID, .notCoordinator,
        .coordinatorNotAvailable, .coordinatorLoadInProgress, .groupAuthorizationFailed, .inconsistentGroupProtocol,
        .groupMaxSizeReached, .invalidSessionTimeout, .unknownServerError,
    ]

    private static func membership(_ place: Place) -> GroupMembership {
        var member = GroupMembership(
            GroupMembership.Settings(
                group: "g", protocolType: "replicator", protocolName: "sticky", instanceID: "one",
                sessionTimeout: .seconds(10), rebalanceTimeout: .seconds(20)))
        guard place != .fresh else { return member }
        _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
        _ = member.joined(join(.none), sent: start)
        _ = member.synced(sync(.none), sent: start)
        switch place {
        case .fresh, .member: break
        case .rejoining: member.rejoin()
        case .joining, .syncing:
            member.rejoin()
            _ = member.joinRequest(subscription: ByteBuffer(), reason: "test")
            if place == .syncing { _ = member.joined(join(.none, generation: 8), sent: start) }
        case .refused: _ = member.beat(beat(.fencedInstanceID), of: 7, sent: start)
        case .left: _ = member.leaveRequest(reason: "test")
        }
        return member
    }

    private static func join(_ code: ErrorCode, generation: Int32 = 7) -> Result<JoinGroupResponse, KafkaError> {
        var response = JoinGroupResponse()
        response.errorCode = code
        response.generationID = generation
        response.memberID = "m"
        response.leader = "other"
        return .success(response)
    }

    private static func sync(_ code: ErrorCode) -> Result<SyncGroupResponse, KafkaError> {
        var response = SyncGroupResponse()
        response.errorCode = code
        return .success(response)
    }

    private static func beat(_ code: ErrorCode) -> Result<HeartbeatResponse, KafkaError> {
        var response = HeartbeatResponse()
        response.errorCode = code
        return .success(response)
    }

    private func give(_ answer: Answer, _ code: ErrorCode, to member: inout GroupMembership) -> GroupMembership.Step {
        switch answer {
        case .join: member.joined(Self.join(code, generation: 9), sent: Self.start)
        case .sync: member.synced(Self.sync(code), sent: Self.start)
        case .beat: member.beat(Self.beat(code), of: member.generation, sent: Self.start)
        }
    }

    /// As Kafka's own clients react.
    private func expected(
        _ place: Place, _ answer: Answer, _ code: ErrorCode
    ) -> (step: GroupMembership.Step, phase: GroupMembership.Phase) {
        let phase = Self.membership(place).phase
        let unchanged = (GroupMembership.Step.rest, phase)
        let isAskedFor: Bool =
            switch answer {
            case .join: place == .joining
            case .sync: place == .syncing
            case .beat: [.rejoining, .joining, .syncing, .member].contains(place)
            }
        guard isAskedFor else { return unchanged }
        switch (code, answer) {
        case (.none, .join): return (.sync(asLeader: nil), .syncing)
        case (.none, .sync): return (.assigned(ByteBuffer()), .member)
        case (.none, .beat): return unchanged
        case (.unknownMemberID, _): return (.lost, .outside)
        case (.illegalGeneration, .beat): return place == .member ? (.lost, .outside) : unchanged
        case (.illegalGeneration, _): return (.lost, .outside)
        case (.rebalanceInProgress, .beat): return place == .member ? (.join, .outside) : unchanged
        case (.rebalanceInProgress, _): return (.join, .outside)
        case (.notCoordinator, .beat), (.coordinatorNotAvailable, .beat): return (.findCoordinator, phase)
        case (.notCoordinator, _), (.coordinatorNotAvailable, _): return (.findCoordinator, .outside)
        case (.fencedInstanceID, _): return refused(.fenced(instanceID: "one"))
        case (.groupAuthorizationFailed, _): return refused(.notAuthorized)
        case (_, .beat): return unchanged
        case (.inconsistentGroupProtocol, _): return refused(.otherProtocol)
        case (.groupMaxSizeReached, _): return refused(.full)
        case (.invalidSessionTimeout, _): return refused(.sessionTimeout)
        default: return (.joinLater, .outside)
        }
    }

    private func refused(_ refusal: GroupRefusal) -> (GroupMembership.Step, GroupMembership.Phase) {
        (.refused(refusal), .refused(refusal))
    }

    @Test(arguments: Place.allCases, Answer.allCases)
    func `each answer has its step in each phase`(place: Place, answer: Answer) {
        for code in Self.codes {
            var member = Self.membership(place)
            let step = give(answer, code, to: &member)
            let expected = expected(place, answer, code)

            #expect(step == expected.step, "\(place), \(answer) answered with \(code)")
            #expect(member.phase == expected.phase, "\(place), \(answer) answered with \(code)")
        }
    }

    @Test(arguments: Place.allCases, Answer.allCases)
    func `what is lost or refused leaves no claim on the group`(place: Place, answer: Answer) {
        for code in Self.codes {
            var member = Self.membership(place)
            switch give(answer, code, to: &member) {
            case .lost, .refused:
                #expect(member.generation == -1 && member.leaseDeadline == nil, "\(place), \(answer), \(code)")
                #expect(member.heartbeatRequest == nil)
            default: break
            }
        }
    }

    @Test(arguments: Place.allCases) func `a call that fails on its way is asked again, and ends nothing by itself`(
        place: Place
    ) {
        let error = KafkaError(.timedOut(after: .seconds(1)), during: .request(.heartbeat), cluster: "west")
        var member = Self.membership(place)
        let lease = member.leaseDeadline
        let step = member.beat(.failure(error), of: member.generation, sent: Self.start)
        #expect(step == .rest || step == .findCoordinator)
        #expect(member.leaseDeadline == lease)

        member = Self.membership(.joining)
        #expect(member.joined(.failure(error), sent: Self.start) == .findCoordinator)
        #expect(member.phase == .outside && member.leaseDeadline != nil)
        member = Self.membership(.syncing)
        #expect(member.synced(.failure(error), sent: Self.start) == .findCoordinator)
        #expect(member.phase == .outside && member.leaseDeadline != nil)
    }

    @Test(arguments: Place.allCases) func `asking for a generation counts for a member only`(place: Place) {
        var member = Self.membership(place)
        let before = member.phase
        member.rejoin()

        #expect(member.phase == (place == .member ? .outside : before))
    }

    @Test(arguments: Place.allCases) func `a session that is over ends what there was, and nothing more`(place: Place) {
        var member = Self.membership(place)
        guard member.leaseDeadline != nil else { return }
        #expect(member.sessionEnded() == .lost)
        #expect(member.phase == .outside && member.generation == -1)
    }
}
