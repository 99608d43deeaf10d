package import KafkaWire
package import NIOCore

/// A consumer group of the classic protocol: a machine without clock, timers or I/O.
///
/// Every step is given the time (milliseconds of any steady clock) and leaves the answers it calls for in
/// ``takeEffects()``; ``nextDeadline`` says when ``tick(now:)`` has something to do.
///
/// ```
///                join                     all joined, or time is up          leader's SyncGroup
///   empty ───────────────▶ preparing ───────────────────────▶ completing ───────────────────────▶ stable
///     ▲                     │  ▲  ▲                              │ join with news, leave, expiry     │
///     └──── no member left ─┘  │  └──────────────────────────────┘                                   │
///                              └──────────────── join with news, leave, expiry ──────────────────────┘
/// ```
package struct Group {
    enum Phase {
        case empty
        case preparing(Rebalance)
        /// Everybody joined; those in `missing` have not asked for their assignment yet.
        case completing(missing: Set<String>, deadline: Int64)
        case stable(missing: Set<String>, deadline: Int64)
    }

    /// A rebalance that waits for its members.
    struct Rebalance {
        var deadline: Int64
        /// Of an empty group's first rebalance: how much longer newcomers may still prolong it.
        var initialRemaining: Int64?
        var hasGrown = false
    }

    package struct Settings {
        package var initialRebalanceDelay: Int64 = 0
        package var maxSize = Int.max
        /// How long a newcomer is kept while it waits for its first rebalance.
        package var newMemberJoinTimeout: Int64 = 300_000

        package init(initialRebalanceDelay: Int64 = 0, maxSize: Int = .max) {
            self.initialRebalanceDelay = initialRebalanceDelay
            self.maxSize = maxSize
        }
    }

    package let id: String
    let settings: Settings
    private(set) var phase = Phase.empty
    package private(set) var generation: Int32 = 0
    package private(set) var protocolType: String?
    package private(set) var protocolName: String?
    package private(set) var leader: String?
    package private(set) var members: [String: GroupMember] = [:]
    /// When the phase last changed; offsets of an empty group expire from here on.
    private(set) var phaseChanged: Int64
    private var instances: [String: String] = [:]
    /// Ids handed out to newcomers that have not come back with them, and until when they may.
    private var pendingMembers: [String: Int64] = [:]
    private var effects: [GroupEffect] = []

    package init(id: String, settings: Settings, now: Int64) {
        self.id = id
        self.settings = settings
        phaseChanged = now
    }

    /// The answers the last steps called for, in order.
    package mutating func takeEffects() -> [GroupEffect] {
        defer { effects.removeAll() }
        return effects
    }

    package var isEmpty: Bool { if case .empty = phase { true } else { false } }
    private var isPreparing: Bool { if case .preparing = phase { true } else { false } }

    /// Kafka's name of the phase.
    package var stateName: String {
        switch phase {
        case .empty: "Empty"
        case .preparing: "PreparingRebalance"
        case .completing: "CompletingRebalance"
        case .stable: "Stable"
        }
    }

    /// When ``tick(now:)`` is due; nil when only a request can change the group.
    package var nextDeadline: Int64? {
        var next = pendingMembers.values.min()
        func consider(_ deadline: Int64) { next = min(next ?? deadline, deadline) }
        for member in members.values where member.isNew || (member.joining == nil && member.syncing == nil) {
            consider(member.deadline)
        }
        switch phase {
        case .empty: break
        case .preparing(let rebalance): consider(rebalance.deadline)
        case .completing(let missing, let deadline), .stable(let missing, let deadline):
            if !missing.isEmpty { consider(deadline) }
        }
        return next
    }

    /// A group read back from the log after a restart: its members get a whole session to be heard from.
    mutating func restore(_ stored: StoredGroup, now: Int64) {
        generation = stored.generation
        protocolType = stored.protocolType.isEmpty ? nil : stored.protocolType
        protocolName = stored.protocolName
        leader = stored.leader
        phaseChanged = now
        for member in stored.members {
            let proposal = GroupMember.Proposal(name: stored.protocolName ?? "", metadata: member.subscription)
            members[member.memberID] = GroupMember(
                id: member.memberID, instanceID: member.groupInstanceID, clientID: member.clientID,
                clientHost: member.clientHost, sessionTimeout: Int64(member.sessionTimeout),
                rebalanceTimeout: Int64(member.rebalanceTimeout), proposals: [proposal],
                assignment: member.assignment, deadline: now + Int64(member.sessionTimeout), isNew: false)
            if let instanceID = member.groupInstanceID { instances[instanceID] = member.memberID }
        }
        phase = members.isEmpty ? .empty : .stable(missing: [], deadline: 0)
    }
}

// Joining

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
        let isUnchanged = member.proposals == attempt.proposals
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
                // An older leader would assign anew, in vain: naming the former id keeps it from doing so.
                response.leader = formerLeader ?? ""
                response.members = []
            }
            if former.proposals != member.proposals || isLeader || former.id != member.id { effects.append(.persist) }
            effects.append(.joined(ticket, response))
            return
        }
        members[member.id]?.joining = ticket
        if !isPreparing { prepareRebalance(now) }
    }

    private mutating func forgetMissing(_ id: String, replacement: String? = nil) {
        func updated(_ missing: Set<String>) -> Set<String> {
            guard missing.contains(id) else { return missing }
            var rest = missing.subtracting([id])
            if let replacement { rest.insert(replacement) }
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
        guard attempt.protocolType == protocolType else { return false }
        // As in Kafka a member's own earlier protocols count too: it changes them one at a time.
        return attempt.proposals.contains { proposal in
            members.values.allSatisfy { $0.proposals.contains { $0.name == proposal.name } }
        }
    }

    /// Why a member id may not act; nil when it may.
    private func fault(of memberID: String, instanceID: String?) -> ErrorCode? {
        if let instanceID {
            guard let current = instances[instanceID] else { return .unknownMemberID }
            if current != memberID { return .fencedInstanceID }
        }
        return members[memberID] == nil ? .unknownMemberID : nil
    }

    private mutating func refuseJoin(_ ticket: Ticket, _ error: ErrorCode, _ memberID: String) {
        var response = JoinGroupResponse()
        response.errorCode = error
        response.memberID = memberID
        effects.append(.joined(ticket, response))
    }

    private mutating func answerJoin(_ ticket: Ticket, for member: GroupMember) {
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

// Rebalancing

extension Group {
    private mutating func prepareRebalance(_ now: Int64) {
        switch phase {
        case .preparing: return
        case .empty:
            let timeout = members.values.map(\.rebalanceTimeout).max() ?? 0
            phase = .preparing(
                Rebalance(
                    deadline: now + settings.initialRebalanceDelay,
                    initialRemaining: max(timeout - settings.initialRebalanceDelay, 0)))
        case .completing:
            for (id, member) in members {
                if let ticket = member.syncing {
                    effects.append(.synced(ticket, .refused(.rebalanceInProgress)))
                    members[id]?.syncing = nil
                    members[id]?.deadline = now + member.sessionTimeout
                }
                members[id]?.assignment = ByteBuffer()
            }
            phase = .preparing(Rebalance(deadline: now + longestRebalanceTimeout))
        case .stable: phase = .preparing(Rebalance(deadline: now + longestRebalanceTimeout))
        }
        phaseChanged = now
    }

    private var longestRebalanceTimeout: Int64 { members.values.map(\.rebalanceTimeout).max() ?? 0 }

    /// Completes the rebalance as soon as nobody is missing; an empty group's first one waits out its delay.
    private mutating func completeIfAllJoined(_ now: Int64) {
        guard case .preparing(let rebalance) = phase else { return }
        if rebalance.initialRemaining != nil {
            if rebalance.deadline <= now || members.isEmpty { endInitialDelay(rebalance, now) }
        } else if pendingMembers.isEmpty, members.values.allSatisfy({ $0.joining != nil }) {
            completeRebalance(now)
        }
    }

    private mutating func endInitialDelay(_ rebalance: Rebalance, _ now: Int64) {
        let remaining = rebalance.initialRemaining ?? 0
        guard rebalance.hasGrown, remaining > 0, settings.initialRebalanceDelay > 0 else {
            return completeRebalance(now)
        }
        let delay = min(settings.initialRebalanceDelay, remaining)
        phase = .preparing(Rebalance(deadline: now + delay, initialRemaining: remaining - delay))
    }

    private mutating func completeRebalance(_ now: Int64) {
        for member in members.values where member.joining == nil && member.instanceID == nil { drop(member) }
        if members[leader ?? ""]?.joining == nil {
            if let joined = members.values.filter({ $0.joining != nil }).min(by: { $0.id < $1.id }) {
                leader = joined.id
            } else if !members.isEmpty {
                // Only static members are left, and none rejoined: their sessions decide.
                phase = .preparing(Rebalance(deadline: now + longestRebalanceTimeout))
                return
            }
        }
        generation = generation == .max ? 1 : generation + 1
        phaseChanged = now
        guard !members.isEmpty else {
            phase = .empty
            protocolName = nil
            leader = nil
            effects.append(.persist)
            return
        }
        protocolName = selectProtocol()
        phase = .completing(missing: Set(members.keys), deadline: now + longestRebalanceTimeout)
        for (id, member) in members {
            members[id]?.joining = nil
            members[id]?.isNew = false
            members[id]?.deadline = now + member.sessionTimeout
            if let ticket = member.joining { answerJoin(ticket, for: member) }
        }
    }

    /// Each member votes for the first of its assignors that everybody supports; ties go to the leader's order.
    private func selectProtocol() -> String? {
        guard let leading = members[leader ?? ""] ?? members.values.min(by: { $0.id < $1.id }) else { return nil }
        let common = leading.proposals.map(\.name).filter { name in
            members.values.allSatisfy { $0.proposals.contains { $0.name == name } }
        }
        var votes: [String: Int] = [:]
        for member in members.values {
            if let choice = member.proposals.first(where: { common.contains($0.name) }) {
                votes[choice.name, default: 0] += 1
            }
        }
        let most = votes.values.max()
        return common.first { votes[$0] == most }
    }

    private mutating func drop(_ member: GroupMember) {
        members[member.id] = nil
        if let instanceID = member.instanceID, instances[instanceID] == member.id { instances[instanceID] = nil }
        if let ticket = member.joining { refuseJoin(ticket, .unknownMemberID, "") }
        if let ticket = member.syncing { effects.append(.synced(ticket, .refused(.unknownMemberID))) }
        if leader == member.id { leader = members.keys.min() }
        forgetMissing(member.id)
    }

    private mutating func remove(_ member: GroupMember, _ now: Int64) {
        drop(member)
        switch phase {
        case .empty, .preparing: break
        case .completing, .stable: prepareRebalance(now)
        }
    }
}

// What members do once they are in

extension Group {
    /// A member fetches its assignment; the leader brings everybody's.
    package mutating func sync(_ request: SyncGroupRequest, ticket: Ticket, now: Int64) {
        func refuse(_ error: ErrorCode) { effects.append(.synced(ticket, .refused(error))) }
        if let error = fault(of: request.memberID, instanceID: request.groupInstanceID) { return refuse(error) }
        guard request.generationID == generation else { return refuse(.illegalGeneration) }
        guard (request.protocolType ?? protocolType) == protocolType,
            (request.protocolName ?? protocolName) == protocolName
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
            missing.remove(request.memberID)
            phase = .completing(missing: missing, deadline: deadline)
            if request.memberID == leader { distribute(request.assignments, now) }
        case .stable(var missing, let deadline):
            missing.remove(request.memberID)
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
            guard memberID.isEmpty || memberID == current else { return .fencedInstanceID }
            remove(member, now)
        } else if pendingMembers.removeValue(forKey: memberID) != nil {
            return .none
        } else {
            guard let member = members[memberID] else { return .unknownMemberID }
            remove(member, now)
        }
        return .none
    }

    /// Whether a commit may be taken; it also counts as a sign of life.
    ///
    /// A negative generation comes from a client that assigns partitions itself, and is refused while others are
    /// members.
    package mutating func admitCommit(memberID: String, instanceID: String?, generation: Int32, now: Int64) -> ErrorCode
    {
        if generation < 0, memberID.isEmpty, instanceID == nil {
            return isEmpty ? .none : .unknownMemberID
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

extension SyncGroupResponse {
    static func refused(_ error: ErrorCode) -> SyncGroupResponse {
        var response = SyncGroupResponse()
        response.errorCode = error
        return response
    }
}

extension GroupMember.Proposal {
    package init(name: String, metadata: ByteBuffer) {
        self.init()
        self.name = name
        self.metadata = metadata
    }
}
