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
        case completing(missing: Set<ExactName>, deadline: Int64)
        case stable(missing: Set<ExactName>, deadline: Int64)
    }

    /// A rebalance that waits for its members.
    struct Rebalance {
        var deadline: Int64
        /// Time for which newcomers may still prolong an empty group's first rebalance.
        var initialRemaining: Int64?
        var hasGrown = false
    }

    package struct Settings {
        package var initialRebalanceDelay: Int64 = 0
        package var maxSize = Int.max
        /// The time for which a newcomer is kept while it waits for its first rebalance.
        package var newMemberJoinTimeout: Int64 = 300_000

        package init(initialRebalanceDelay: Int64 = 0, maxSize: Int = .max) {
            self.initialRebalanceDelay = initialRebalanceDelay
            self.maxSize = maxSize
        }
    }

    package let id: String
    let settings: Settings
    var phase = Phase.empty
    package internal(set) var generation: Int32 = 0
    package internal(set) var protocolType: String?
    package internal(set) var protocolName: String?
    package internal(set) var leader: String?
    package internal(set) var members: [ExactName: GroupMember] = [:]
    /// Time of the last change of phase, from which offsets of an empty group expire.
    var phaseChanged: Int64
    var instances: [ExactName: String] = [:]
    /// Ids handed out to newcomers that have not come back with them, and until when they may.
    var pendingMembers: [ExactName: Int64] = [:]
    var effects: [GroupEffect] = []

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
    var isPreparing: Bool { if case .preparing = phase { true } else { false } }

    /// Kafka's name of the phase.
    package var stateName: String {
        switch phase {
        case .empty: "Empty"
        case .preparing: "PreparingRebalance"
        case .completing: "CompletingRebalance"
        case .stable: "Stable"
        }
    }

    /// Time at which ``tick(now:)`` is due; nil when only a request can change the group.
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
