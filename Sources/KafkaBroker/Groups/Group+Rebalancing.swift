import KafkaWire
import NIOCore

/// Begin, wait and completion of a rebalance.
extension Group {
    mutating func prepareRebalance(_ now: Int64) {
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
    mutating func completeIfAllJoined(_ now: Int64) {
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

    mutating func completeRebalance(_ now: Int64) {
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
    func selectProtocol() -> String? {
        guard let leading = members[leader ?? ""] ?? members.values.min(by: { $0.id < $1.id }) else { return nil }
        let common = leading.proposals.map(\.name).filter { name in
            members.values.allSatisfy { $0.supports(name) }
        }
        func isCommon(_ name: String) -> Bool { common.contains(where: name.isExactly) }
        var votes: [ExactName: Int] = [:]
        for member in members.values {
            if let choice = member.proposals.first(where: { isCommon($0.name) }) {
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
        if leader == member.id { leader = members.keys.map(\.text).min() }
        forgetMissing(member.id)
    }

    mutating func remove(_ member: GroupMember, _ now: Int64) {
        drop(member)
        switch phase {
        case .empty, .preparing: break
        case .completing, .stable: prepareRebalance(now)
        }
    }
}
