import KafkaWire
import Logging
import NIOCore

/// An offset that a group committed.
struct CommittedOffset: Hashable {
    var offset: Int64
    var leaderEpoch: Int32
    var metadata: String
    /// Milliseconds since 1970.
    var commitTimestamp: Int64
    /// Set by old clients that say how long their commit holds; nil leaves it to the group's retention.
    var expireTimestamp: Int64?
    /// The offset of its record in the group's partition of `__consumer_offsets`: the later of two commits holds.
    var position: Int64 = -1
}

/// A group with what it committed, and the timer for its next deadline.
final class GroupEntry {
    var state: GroupState
    /// By topic, then partition.
    var offsets: [String: [Int32: CommittedOffset]] = [:]
    /// Committed in transactions that are still open.
    var pendingOffsets = PendingOffsets()
    /// The time since which there are no members, in milliseconds since 1970.
    var emptySince: Int64
    fileprivate var hadMembers = false
    fileprivate var timer: Scheduled<Void>?
    fileprivate var timerDeadline: Int64 = .max

    init(_ state: GroupState, wallTime: Int64) {
        self.state = state
        emptySince = wallTime
    }

    var id: String { state.id }
}

/// All groups, and the requests that wait for them to settle.
struct GroupCoordinator {
    var groups: [ExactName: GroupEntry] = [:]
    fileprivate var joins: [Ticket: Call<JoinGroupResponse>] = [:]
    fileprivate var syncs: [Ticket: Call<SyncGroupResponse>] = [:]
    private var lastTicket: Ticket = 0
    /// Groups that are listed as of a type of their own, whatever they are; see `EmbeddedCluster.listGroup(_:as:)`.
    var listedTypes: [ExactName: String] = [:]

    fileprivate mutating func newTicket() -> Ticket {
        lastTicket += 1
        return lastTicket
    }
}

/// Drives the group machines: time, answers, and what must survive a restart.
extension Cluster {
    /// The group's entry; if there is none it is created as a classic group without members.
    func group(_ id: String) -> GroupEntry {
        if let entry = groups.groups[id] { return entry }
        return addGroup(.classic(Group(id: id, settings: classicSettings, now: clock.steadyTime())))
    }

    func addGroup(_ state: GroupState) -> GroupEntry {
        let entry = GroupEntry(state, wallTime: clock.wallTime())
        groups.groups[state.id] = entry
        return entry
    }

    var classicSettings: Group.Settings {
        Group.Settings(
            initialRebalanceDelay: Int64(configs.number("group.initial.rebalance.delay.ms")),
            maxSize: configs.number("group.max.size"))
    }

    func join(_ attempt: JoinAttempt, _ entry: GroupEntry, _ call: Call<JoinGroupResponse>) {
        let ticket = groups.newTicket()
        groups.joins[ticket] = call
        call.onAbandon = { [unowned self] in groups.joins[ticket] = nil }
        entry.state.changeClassic { $0.join(attempt, ticket: ticket, now: clock.steadyTime()) }
        runEffects(entry)
    }

    func sync(_ request: SyncGroupRequest, _ entry: GroupEntry, _ call: Call<SyncGroupResponse>) {
        let ticket = groups.newTicket()
        groups.syncs[ticket] = call
        call.onAbandon = { [unowned self] in groups.syncs[ticket] = nil }
        entry.state.changeClassic { $0.sync(request, ticket: ticket, now: clock.steadyTime()) }
        runEffects(entry)
    }

    /// Does what the last steps of a group's machine called for.
    ///
    /// - Throws: when what must survive a restart cannot be written. A consumer group keeps it for the next time, and its
    ///   member may not be told of it; a classic group works on, and after a restart its members join again.
    func settle(_ entry: GroupEntry) throws(AdminRefusal) {
        defer {
            let hasMembers = entry.state.memberCount > 0
            if hasMembers || entry.hadMembers { entry.emptySince = clock.wallTime() }
            entry.hadMembers = hasMembers
            schedule(entry)
        }
        if let effects = entry.state.changeClassic({ $0.takeEffects() }) { run(effects, of: entry) }
        try writeConsumerGroup(entry)
    }

    /// The same where nobody can be told that something was not written.
    func runEffects(_ entry: GroupEntry) {
        do throws(AdminRefusal) {
            try settle(entry)
        } catch {
            logger.error("group cannot be stored", metadata: ["group": "\(entry.id)", "reason": "\(error.message)"])
        }
    }

    /// Carries out the effects of a classic group.
    func run(_ effects: [GroupEffect], of entry: GroupEntry) {
        // Written down first: an assignment that was answered must not be lost.
        for case .persist in effects {
            persist(entry)
            break
        }
        for effect in effects {
            switch effect {
            case .joined(let ticket, let response): groups.joins.removeValue(forKey: ticket)?.reply(response)
            case .synced(let ticket, let response): groups.syncs.removeValue(forKey: ticket)?.reply(response)
            case .persist: break
            }
        }
    }

    /// Deadlines that only moved back are noticed when the timer fires too early.
    private func schedule(_ entry: GroupEntry) {
        guard let deadline = entry.state.nextDeadline, deadline < entry.timerDeadline else { return }
        entry.timer?.cancel()
        entry.timerDeadline = deadline
        let delay = max(deadline - clock.steadyTime(), 0)
        entry.timer = loop.scheduleTask(in: .milliseconds(delay)) { [weak self, weak entry] in
            guard let self, let entry else { return }
            entry.timerDeadline = .max
            tick(entry)
            runEffects(entry)
        }
    }

    private func tick(_ entry: GroupEntry) {
        let now = clock.steadyTime()
        switch entry.state {
        case .classic: entry.state.changeClassic { $0.tick(now: now) }
        case .consumer:
            let context = consumerContext(of: entry.id, caller: nil)
            _ = try? entry.state.changeConsumer { $0.tick(context) }
            downgradeIfClassic(entry, rebalances: true)
        case .memberless: break
        }
    }

    func removeGroup(_ entry: GroupEntry) {
        entry.timer?.cancel()
        groups.groups[entry.id] = nil
    }

    func closeGroups() {
        for entry in groups.groups.values { entry.timer?.cancel() }
        groups.groups.removeAll()
    }

    private func persist(_ entry: GroupEntry) {
        guard let group = entry.state.classic else { return }
        do throws(AdminRefusal) {
            let stored = StoredGroup(group, now: clock.wallTime())
            try writeOffsets([(.group(entry.id), try? stored.encodeWithVersion(3))], of: entry.id)
        } catch {
            // The group works on; after a restart its members join again.
            logger.error("group cannot be stored", metadata: ["group": "\(entry.id)", "reason": "\(error.message)"])
        }
    }
}

/// The coordinators of groups.
extension Cluster {
    /// The partition of `__consumer_offsets` that a group belongs to.
    func offsetsPartition(of group: String) -> Partition? {
        topics[TopicName.offsets]?.partition(ofKey: group)
    }

    /// The reason why a node may not act for a group; nil when it is the group's coordinator.
    func coordinatorFault(_ group: String, at node: Node) -> ErrorCode? {
        guard let partition = offsetsPartition(of: group) else { return .notCoordinator }
        return partition.leader == node.id ? nil : .notCoordinator
    }
}
