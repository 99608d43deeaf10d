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
    /// Where its record lies in the group's partition of `__consumer_offsets`: the later of two commits holds.
    var position: Int64 = -1
}

/// A group with what it committed, and the timer for its next deadline.
final class GroupEntry {
    var machine: Group
    /// By topic, then partition.
    var offsets: [String: [Int32: CommittedOffset]] = [:]
    /// Committed in transactions that are still open.
    var pendingOffsets = PendingOffsets()
    /// Since when nobody is a member, in milliseconds since 1970.
    var emptySince: Int64
    fileprivate var hadMembers = false
    fileprivate var timer: Scheduled<Void>?
    fileprivate var timerDeadline: Int64 = .max

    init(_ machine: Group, wallTime: Int64) {
        self.machine = machine
        emptySince = wallTime
    }
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
    /// The group's entry, created if need be.
    func group(_ id: String) -> GroupEntry {
        if let entry = groups.groups[id] { return entry }
        let settings = Group.Settings(
            initialRebalanceDelay: Int64(configs.number("group.initial.rebalance.delay.ms")),
            maxSize: configs.number("group.max.size"))
        let entry = GroupEntry(
            Group(id: id, settings: settings, now: clock.steadyTime()), wallTime: clock.wallTime())
        groups.groups[id] = entry
        return entry
    }

    func join(_ attempt: JoinAttempt, _ entry: GroupEntry, _ call: Call<JoinGroupResponse>) {
        let ticket = groups.newTicket()
        groups.joins[ticket] = call
        call.onAbandon = { [unowned self] in groups.joins[ticket] = nil }
        entry.machine.join(attempt, ticket: ticket, now: clock.steadyTime())
        runEffects(entry)
    }

    func sync(_ request: SyncGroupRequest, _ entry: GroupEntry, _ call: Call<SyncGroupResponse>) {
        let ticket = groups.newTicket()
        groups.syncs[ticket] = call
        call.onAbandon = { [unowned self] in groups.syncs[ticket] = nil }
        entry.machine.sync(request, ticket: ticket, now: clock.steadyTime())
        runEffects(entry)
    }

    /// Does what the last steps of a group's machine called for.
    func runEffects(_ entry: GroupEntry) {
        // Written down first: an assignment that was answered must not be lost.
        let effects = entry.machine.takeEffects()
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
        let hasMembers = !entry.machine.members.isEmpty
        if hasMembers || entry.hadMembers { entry.emptySince = clock.wallTime() }
        entry.hadMembers = hasMembers
        schedule(entry)
    }

    /// Deadlines that only moved back are noticed when the timer fires too early.
    private func schedule(_ entry: GroupEntry) {
        guard let deadline = entry.machine.nextDeadline, deadline < entry.timerDeadline else { return }
        entry.timer?.cancel()
        entry.timerDeadline = deadline
        let delay = max(deadline - clock.steadyTime(), 0)
        entry.timer = loop.scheduleTask(in: .milliseconds(delay)) { [weak self, weak entry] in
            guard let self, let entry else { return }
            entry.timerDeadline = .max
            entry.machine.tick(now: clock.steadyTime())
            runEffects(entry)
        }
    }

    func removeGroup(_ entry: GroupEntry) {
        entry.timer?.cancel()
        groups.groups[entry.machine.id] = nil
    }

    func closeGroups() {
        for entry in groups.groups.values { entry.timer?.cancel() }
        groups.groups.removeAll()
    }

    private func persist(_ entry: GroupEntry) {
        do throws(AdminRefusal) {
            let stored = StoredGroup(entry.machine, now: clock.wallTime())
            try writeOffsets([(.group(entry.machine.id), try? stored.encodeWithVersion(3))], of: entry.machine.id)
        } catch {
            // The group works on; after a restart its members join anew.
            logger.error(
                "group cannot be stored", metadata: ["group": "\(entry.machine.id)", "reason": "\(error.message)"])
        }
    }
}

/// Who coordinates a group.
extension Cluster {
    /// The partition of `__consumer_offsets` that a group belongs to.
    func offsetsPartition(of group: String) -> Partition? {
        topics[TopicName.offsets]?.partition(ofKey: group)
    }

    /// Why a node may not act for a group; nil when it is the group's coordinator.
    func coordinatorFault(_ group: String, at node: Node) -> ErrorCode? {
        guard let partition = offsetsPartition(of: group) else { return .notCoordinator }
        return partition.leader == node.id ? nil : .notCoordinator
    }
}
