public import KafkaWire
public import NIOCore

/// Membership of a process in a group of Kafka's classic protocol (KIP-62, KIP-345, KIP-429): a state machine without
/// I/O and without a clock.
///
/// ```
///   outside ── joinRequest ──▶ joining ── joined ──▶ syncing ── synced ──▶ member
///      ▲                          ▲                     │                    │
///      │                          └──── rebalancing ◀───┴────────────────────┘
///      └── not known any more, or silent for too long ── any        any ── fenced ──▶ refused
/// ```
///
/// A member keeps what was assigned to it while it joins the next generation: who takes something away does it by
/// leaving it out of an assignment. Only ``isLost(at:)`` ends that without an assignment.
public struct GroupMembership: Sendable {
    public enum Phase: Hashable, Sendable {
        /// Not in the group, or about to join its next generation.
        case outside
        case joining
        case syncing
        case member
        /// The group will not have it until a person acts.
        case refused(GroupRefusal)
        case left
    }

    public struct Settings: Hashable, Sendable {
        public var group: String
        /// Such as `consumer`; all members agree on it.
        public var protocolType: String
        /// Name of the one assignor.
        public var protocolName: String
        /// Name of a static member (KIP-345); nil for a dynamic one.
        public var instanceID: String?
        /// Silence after which the coordinator gives a member's part to others.
        public var sessionTimeout: Duration
        /// Time that members have for joining the next generation.
        public var rebalanceTimeout: Duration

        public init(
            group: String, protocolType: String, protocolName: String, instanceID: String? = nil,
            sessionTimeout: Duration = .seconds(10), rebalanceTimeout: Duration = .seconds(60)
        ) {
            self.group = group
            self.protocolType = protocolType
            self.protocolName = protocolName
            self.instanceID = instanceID
            self.sessionTimeout = sessionTimeout
            self.rebalanceTimeout = rebalanceTimeout
        }
    }

    /// The step that follows an answer.
    public enum Step: Hashable, Sendable {
        /// Nothing to do before the next heartbeat.
        case rest
        /// Join, or join again, at once.
        case join
        /// Join after a pause.
        case joinLater
        /// Ask again who coordinates the group, then join after a pause.
        case findCoordinator
        /// Fetch the assignment; the leader hands it in.
        case sync(asLeader: Leadership?)
        /// The assignment of the generation.
        case assigned(ByteBuffer)
        /// Everything that was assigned may belong to others by now.
        case lost
        case refused(GroupRefusal)
    }

    /// The duty of a generation's leader.
    public struct Leadership: Hashable, Sendable {
        public var members: [Member]
        /// A static leader that came back (KIP-814): the assignment of before holds.
        public var keepsAssignment: Bool
    }

    public struct Member: Hashable, Sendable {
        public var id: String
        public var instanceID: String?
        /// The member's subscription.
        public var metadata: ByteBuffer

        public init(id: String, instanceID: String?, metadata: ByteBuffer) {
            self.id = id
            self.instanceID = instanceID
            self.metadata = metadata
        }
    }

    public let settings: Settings
    public private(set) var phase = Phase.outside
    /// Empty before the coordinator has given one.
    public private(set) var memberID = ""
    /// -1 before the first generation.
    public private(set) var generation: Int32 = -1
    /// The coordinator may know of the member, though it has not answered yet.
    private var hasAsked = false
    /// True if this member makes the assignment of its generation.
    public private(set) var isLeader = false
    /// Time until which the coordinator holds on to the member, counted from when it was asked last.
    private var leaseEnd: NIODeadline?

    public init(_ settings: Settings) { self.settings = settings }

    // Joining.

    /// The request for joining the next generation.
    ///
    /// - Parameters:
    ///   - subscription: what the leader has to know of this member.
    ///   - reason: for the coordinator's log.
    public mutating func joinRequest(subscription: ByteBuffer, reason: String) -> JoinGroupRequest {
        hasAsked = true
        phase = .joining
        var request = JoinGroupRequest()
        request.groupID = settings.group
        request.sessionTimeoutMs = settings.sessionTimeout.wireMilliseconds
        request.rebalanceTimeoutMs = settings.rebalanceTimeout.wireMilliseconds
        request.memberID = memberID
        request.groupInstanceID = settings.instanceID
        request.protocolType = settings.protocolType
        var offered = JoinGroupRequest.JoinGroupRequestProtocol()
        offered.name = settings.protocolName
        offered.metadata = subscription
        request.protocols = [offered]
        request.reason = reason
        return request
    }

    /// Takes in the answer to a ``joinRequest(subscription:reason:)`` that was sent at `sent`.
    public mutating func joined(_ answer: Result<JoinGroupResponse, KafkaError>, sent: NIODeadline) -> Step {
        guard phase == .joining else { return .rest }
        switch answer {
        case .failure(let error): return failed(error)
        case .success(let response):
            if response.errorCode == .memberIDRequired {
                memberID = response.memberID
                phase = .outside
                return .join
            }
            guard response.errorCode == .none else { return answered(response.errorCode) }
            memberID = response.memberID
            generation = response.generationID
            isLeader = response.leader == response.memberID
            extendLease(from: sent)
            phase = .syncing
            guard isLeader else { return .sync(asLeader: nil) }
            let members = response.members.map {
                Member(id: $0.memberID, instanceID: $0.groupInstanceID, metadata: $0.metadata)
            }
            return .sync(asLeader: Leadership(members: members, keepsAssignment: response.skipAssignment))
        }
    }

    /// - Parameter assignments: of each member by its id; empty unless this is the leader.
    public func syncRequest(assignments: [String: ByteBuffer]) -> SyncGroupRequest {
        var request = SyncGroupRequest()
        request.groupID = settings.group
        request.generationID = generation
        request.memberID = memberID
        request.groupInstanceID = settings.instanceID
        request.protocolType = settings.protocolType
        request.protocolName = settings.protocolName
        request.assignments = assignments.sorted { $0.key < $1.key }.map { id, bytes in
            var assignment = SyncGroupRequest.SyncGroupRequestAssignment()
            assignment.memberID = id
            assignment.assignment = bytes
            return assignment
        }
        return request
    }

    /// Takes in the answer to a ``syncRequest(assignments:)`` that was sent at `sent`.
    public mutating func synced(_ answer: Result<SyncGroupResponse, KafkaError>, sent: NIODeadline) -> Step {
        guard phase == .syncing else { return .rest }
        switch answer {
        case .failure(let error): return failed(error)
        case .success(let response):
            guard response.errorCode == .none else { return answered(response.errorCode) }
            extendLease(from: sent)
            phase = .member
            return .assigned(response.assignment)
        }
    }

    /// Asks for a new generation, because this member has something to say to the leader, or the leader to all.
    public mutating func rejoin() {
        if phase == .member { phase = .outside }
    }

    // Staying.

    /// The request that keeps the member in its group; nil while it is in none.
    public var heartbeatRequest: HeartbeatRequest? {
        switch phase {
        case .refused, .left: return nil
        case .outside, .joining, .syncing, .member: break
        }
        guard generation >= 0, !memberID.isEmpty else { return nil }
        var request = HeartbeatRequest()
        request.groupID = settings.group
        request.generationID = generation
        request.memberID = memberID
        request.groupInstanceID = settings.instanceID
        return request
    }

    /// Takes in the answer to a heartbeat of `generation` that was sent at `sent`.
    public mutating func beat(
        _ answer: Result<HeartbeatResponse, KafkaError>, of generation: Int32, sent: NIODeadline
    ) -> Step {
        // An answer about a generation that is over says nothing about the present one.
        guard generation == self.generation, heartbeatRequest != nil else { return .rest }
        let code: ErrorCode
        switch answer {
        case .failure(let error):
            guard let found = error.code else {
                return error.remedy == .findCoordinator || error.remedy == .refreshMetadata ? .findCoordinator : .rest
            }
            code = found
        case .success(let response): code = response.errorCode
        }
        switch code {
        case .none:
            extendLease(from: sent)
            return .rest
        case .rebalanceInProgress:
            // It is known, and waited for.
            extendLease(from: sent)
            guard phase == .member else { return .rest }
            phase = .outside
            return .join
        case .notCoordinator, .coordinatorNotAvailable: return .findCoordinator
        // While it joins, the coordinator may already be in the generation whose answer is on its way.
        case .illegalGeneration where phase != .member: return .rest
        case .illegalGeneration, .unknownMemberID: return lose(forgettingID: code == .unknownMemberID)
        case .fencedInstanceID: return refuse(.fenced(instanceID: settings.instanceID ?? ""))
        case .groupAuthorizationFailed: return refuse(.notAuthorized)
        default: return .rest
        }
    }

    /// Tells whether the coordinator may have given everything away that was assigned here: it has not heard of this
    /// member for as long as a session lasts, less a tenth for clocks that do not run alike.
    public func isLost(at now: NIODeadline) -> Bool {
        guard let leaseEnd else { return false }
        return now >= leaseEnd
    }

    /// End of the time for which the member is known to be one; nil while it is none.
    public var leaseDeadline: NIODeadline? { leaseEnd }

    /// The session is over: what was assigned is lost.
    public mutating func sessionEnded() -> Step { lose(forgettingID: false) }

    // Leaving.

    /// The request for leaving at once; nil where there is nothing to leave.
    public mutating func leaveRequest(reason: String) -> LeaveGroupRequest? {
        defer {
            phase = .left
            leaseEnd = nil
        }
        // A static member that has asked to join may be one already, and is known by its name.
        let isKnown = !memberID.isEmpty || (hasAsked && settings.instanceID != nil)
        guard isKnown, phase != .left else { return nil }
        if case .refused = phase { return nil }
        var request = LeaveGroupRequest()
        request.groupID = settings.group
        request.memberID = memberID
        var member = LeaveGroupRequest.MemberIdentity()
        member.memberID = memberID
        member.groupInstanceID = settings.instanceID
        member.reason = reason
        request.members = [member]
        return request
    }

    // Answers.

    private mutating func failed(_ error: KafkaError) -> Step {
        if let code = error.code { return answered(code) }
        phase = .outside
        if error.remedy == .stop { return refuse(.failed("\(error)")) }
        return .findCoordinator
    }

    /// Kafka's AbstractCoordinator reacts alike.
    private mutating func answered(_ code: ErrorCode) -> Step {
        phase = .outside
        switch code {
        case .unknownMemberID: return lose(forgettingID: true)
        case .illegalGeneration: return lose(forgettingID: false)
        case .rebalanceInProgress: return .join
        case .notCoordinator, .coordinatorNotAvailable: return .findCoordinator
        case .coordinatorLoadInProgress: return .joinLater
        case .fencedInstanceID: return refuse(.fenced(instanceID: settings.instanceID ?? ""))
        case .groupAuthorizationFailed: return refuse(.notAuthorized)
        case .inconsistentGroupProtocol: return refuse(.otherProtocol)
        case .groupMaxSizeReached: return refuse(.full)
        case .invalidSessionTimeout: return refuse(.sessionTimeout)
        default: return .joinLater
        }
    }

    private mutating func lose(forgettingID: Bool) -> Step {
        if forgettingID { memberID = "" }
        generation = -1
        leaseEnd = nil
        isLeader = false
        phase = .outside
        return .lost
    }

    private mutating func refuse(_ refusal: GroupRefusal) -> Step {
        _ = lose(forgettingID: false)
        phase = .refused(refusal)
        return .refused(refusal)
    }

    private mutating func extendLease(from sent: NIODeadline) {
        let end = sent + TimeAmount(settings.sessionTimeout * 0.9)
        leaseEnd = leaseEnd.map { max($0, end) } ?? end
    }
}

/// Reason why a group will not have a member until a person acts.
public enum GroupRefusal: Hashable, Sendable, CustomStringConvertible {
    /// Another process has joined under the same name.
    case fenced(instanceID: String)
    case notAuthorized
    /// The group exists with members that speak something else.
    case otherProtocol
    case full
    case sessionTimeout
    /// Such as TLS or credentials.
    case failed(String)

    public var description: String {
        switch self {
        case .fenced(let id):
            "another process has joined the group as \"\(id)\": give each instance an id of its own"
        case .notAuthorized: "READ on the group is missing"
        case .otherProtocol: "the group has members that are no instances of a replicator: use another name"
        case .full: "the group has as many members as the cluster's group.max.size allows"
        case .sessionTimeout:
            "the cluster does not allow this session time-out: see group.min.session.timeout.ms and group.max.session.timeout.ms"
        case .failed(let reason): reason
        }
    }
}
