package import KafkaClient
internal import KafkaWire
package import Logging
package import NIOCore

/// The place of this process in the group of a flow: joins, stays, divides the parts when it leads, and says which are
/// its own.
///
/// Joining and staying have connections of their own, since a coordinator answers a request to join when all have joined.
package actor InstanceMember {
    package nonisolated var unownedExecutor: UnownedSerialExecutor {
        client.eventLoop.executor.asUnownedSerialExecutor()
    }

    /// News of the membership, in their order.
    package enum News: Hashable, Sendable {
        case assigned(InstanceAssignment, generation: Int32)
        /// Everything may belong to others by now: nothing may be written any more. It joins again by itself.
        case lost
        /// The group does not take it until a person acts; nothing may be written any more. It is tried again now and then.
        case refused(GroupRefusal)
    }

    /// Answers of the flow to what the group asks.
    package struct Callbacks: Sendable {
        let subscription: @Sendable () async -> InstanceSubscription
        let parts: @Sendable () async -> (parts: Set<FlowPart>, racks: [FlowPart: String])
        let news: @Sendable (News) async -> Void

        /// - Parameters:
        ///   - subscription: this instance as it presents itself now.
        ///   - parts: everything that is to be divided, and the racks of partitions.
        package init(
            subscription: @escaping @Sendable () async -> InstanceSubscription,
            parts: @escaping @Sendable () async -> (parts: Set<FlowPart>, racks: [FlowPart: String]),
            news: @escaping @Sendable (News) async -> Void
        ) {
            self.subscription = subscription
            self.parts = parts
            self.news = news
        }
    }

    private nonisolated let client: ClusterClient
    private let flow: Callbacks
    private let logger: Logger
    private var membership: GroupMembership
    private let lease: InstanceLease
    /// End of the time for which everything may be written before the group has answered; nil for one that waits for it.
    private var provisionalUntil: NIODeadline?
    /// An assignment has come, and nothing has taken it away since.
    private var hasAssignment = false
    private let joinDue = Signal()
    private let beatDue = Signal()
    /// Heartbeats to be sent soon after one another.
    private var quickBeats = 0
    private var isRejoinWanted = false
    /// One piece of news is told at a time, in their order: what is lost has to be let go of before anything is assigned
    /// again, and before the group hears what this instance has.
    private let telling = AsyncSemaphore(1)
    /// The coordinator names an earlier process of this name as the leader.
    private var isReplacedLeader = false
    /// A generation was asked for that this process leads, in place of the earlier one.
    private var hasAskedToLead = false
    private var failures = 0
    /// Version of the last assignment: all members of the group read that.
    private var groupVersion = 1
    /// Weights of the parts when they were divided last.
    private var remembered: [FlowPart: Double] = [:]
    private var random = SystemRandomNumberGenerator()

    private static let refusedPause: Duration = .seconds(5)
    /// Heartbeats in a session.
    private static let beats = 10
    /// Heartbeats after a word from another instance: the coordinator may not have heard of its change yet.
    private static let mostQuickBeats = 4
    private static let quickPause: Duration = .milliseconds(25)

    /// - Parameters:
    ///   - lease: extended for as long as the coordinator holds on to this member, and ended with that.
    ///   - provisionalUntil: end of the time, on ``SessionClock``, for which the flow works before it is a member.
    package init(
        _ settings: GroupMembership.Settings, client: ClusterClient, flow: Callbacks,
        lease: InstanceLease = InstanceLease(), provisionalUntil: NIODeadline? = nil, logger: Logger
    ) {
        membership = GroupMembership(settings)
        self.lease = lease
        self.provisionalUntil = provisionalUntil
        self.client = client
        self.flow = flow
        self.logger = logger
    }

    package static func settings(flow: String, instance: String, sessionTimeout: Duration) -> GroupMembership.Settings {
        GroupMembership.Settings(
            group: "__replicator.\(flow)", protocolType: "replicator", protocolName: "sticky-load",
            instanceID: instance, sessionTimeout: sessionTimeout, rebalanceTimeout: sessionTimeout * 2)
    }

    /// Takes part until the task is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.keepJoined() }
            group.addTask { await self.keepBeating() }
            group.addTask { await self.keepLease() }
            await group.waitForAll()
        }
    }

    /// Has the group look at its parts again.
    package func rejoin() {
        isRejoinWanted = true
        membership.rejoin()
        joinDue.notify()
    }

    /// Asks the coordinator at once whether the group goes to another generation: an instance says so.
    package func beatSoon() {
        quickBeats = Self.mostQuickBeats
        beatDue.notify()
    }

    /// True if it divides the parts of the present generation.
    package var isLeader: Bool { membership.isLeader && membership.phase == .member }

    /// The coordinator's promise is as long as the membership says; before the first there is none to shorten.
    private func extendLease() {
        guard let deadline = membership.leaseDeadline, hasAssignment || provisionalUntil != nil else { return }
        lease.extend(to: deadline)
        provisionalUntil = provisionalUntil.map { max($0, deadline) }
    }

    /// Leaves at once, so that the others need not wait for the session to end. Nothing may be held any more.
    package func leave() async {
        guard let request = membership.leaveRequest(reason: "the instance stops") else { return }
        joinDue.notify()
        do {
            _ = try await client.send(request, to: .coordinator(group: membership.settings.group), timeout: .seconds(5))
        } catch {
            logger.debug("cannot leave the group; the session ends by itself", metadata: ["error": "\(error)"])
        }
    }
}

// Joining.
extension InstanceMember {
    private func keepJoined() async {
        var signals = joinDue.makeWaiter()
        while !Task.isCancelled {
            switch membership.phase {
            case .left: return
            case .member, .joining, .syncing:
                guard await signals.next() != nil else { return }
            case .refused(let refusal):
                guard (try? await Task.sleep(for: Self.refusedPause)) != nil else { return }
                if case .fenced = refusal, await isNameTaken() { continue }
                membership = GroupMembership(membership.settings)
            case .outside:
                await join()
            }
        }
    }

    /// Tells whether the group has a member of this name: to join would shut it out in turn.
    private func isNameTaken() async -> Bool {
        guard let found = try? await client.describeGroup(membership.settings.group) else { return true }
        return found.members.contains { $0.instanceID == membership.settings.instanceID }
    }

    private func join() async {
        isRejoinWanted = false
        guard (try? await telling.wait()) != nil else { return }
        let subscription = await flow.subscription()
        telling.signal()
        // It may have left, or been refused, meanwhile.
        guard membership.phase == .outside else { return }
        let bytes: ByteBuffer
        do {
            bytes = try subscription.encoded(for: groupVersion)
        } catch {
            preconditionFailure("a subscription is made of numbers and names: \(error)")
        }
        let request = membership.joinRequest(subscription: bytes, reason: "parts of \(membership.settings.group)")
        let patience = membership.settings.rebalanceTimeout + .seconds(5)
        let sent = SessionClock.now()
        let answer = await outcome { () async throws(KafkaError) in
            try await self.client.send(request, to: self.coordinator, purpose: .membership, timeout: patience)
        }
        // It stops: what the group would have said does not matter any more.
        guard !Task.isCancelled else { return }
        if case .success(let response) = answer, response.errorCode == .none {
            isReplacedLeader = response.leader != response.memberID && isOwnName(of: response.leader)
        }
        let step = membership.joined(answer, sent: sent)
        extendLease()
        await take(step)
    }

    private func take(_ step: GroupMembership.Step) async {
        switch step {
        case .rest: break
        case .join: joinDue.notify()
        case .joinLater: await pause()
        case .findCoordinator:
            await client.forgetCoordinator(.group(membership.settings.group))
            await pause()
        case .sync(let leadership): await sync(leadership)
        case .assigned(let bytes): await assigned(bytes)
        case .lost:
            await lose()
            joinDue.notify()
        case .refused(let refusal):
            endLease()
            await tell(.refused(refusal))
        }
    }

    private func lose() async {
        endLease()
        await tell(.lost)
    }

    private func tell(_ news: News) async {
        guard (try? await telling.wait()) != nil else { return }
        await flow.news(news)
        telling.signal()
    }

    private func endLease() {
        lease.end()
        hasAssignment = false
        provisionalUntil = nil
    }

    private func sync(_ leadership: GroupMembership.Leadership?) async {
        var assignments: [String: ByteBuffer] = [:]
        if let leadership, !leadership.keepsAssignment { assignments = await divide(among: leadership.members) }
        let request = membership.syncRequest(assignments: assignments)
        let sent = SessionClock.now()
        let answer = await outcome { () async throws(KafkaError) in
            try await self.client.send(request, to: self.coordinator, purpose: .membership)
        }
        guard !Task.isCancelled else { return }
        await take(membership.synced(answer, sent: sent))
    }

    /// A member whose subscription cannot be understood gets its part; what it claims to have is not known.
    private func divide(among members: [GroupMembership.Member]) async -> [String: ByteBuffer] {
        var subscriptions: [String: InstanceSubscription] = [:]
        for member in members {
            do {
                subscriptions[member.id] = try InstanceSubscription(decoding: member.metadata)
            } catch {
                logger.warning(
                    "an instance cannot be understood, and gets nothing",
                    metadata: ["member": "\(member.id)", "error": "\(error)"])
            }
        }
        let (parts, racks) = await flow.parts()
        let told = subscriptions.map { id, found in
            AssignmentPlanner.Member(
                id: id, rack: found.rack, generation: found.generation, owned: found.owned,
                releasing: found.releasing, isLeaving: found.isLeaving, isBlind: found.isBlind)
        }
        let planner = AssignmentPlanner(parts: parts, racks: racks, remembered: remembered)
        remembered = planner.loads(told: told)
        let plan = planner.plan(for: told)
        let version = subscriptions.values.map(\.version).min() ?? InstanceAssignment.newestVersion
        let peers = subscriptions.values.map { InstanceAssignment.Peer(instance: $0.instance, address: $0.address) }
            .sorted { $0.instance < $1.instance }
        return plan.assignments.compactMapValues {
            try? InstanceAssignment(version: version, parts: $0, peers: peers).encoded()
        }
    }

    private func assigned(_ bytes: ByteBuffer) async {
        failures = 0
        do {
            let assignment = try InstanceAssignment(decoding: bytes)
            let generation = membership.generation
            guard (try? await telling.wait()) != nil else { return }
            defer { telling.signal() }
            // What came before may have taken long to tell, and the session has ended meanwhile.
            guard membership.generation == generation, membership.phase != .left else { return }
            hasAssignment = true
            groupVersion = assignment.version
            extendLease()
            provisionalUntil = nil
            await flow.news(.assigned(assignment, generation: generation))
            if isRejoinWanted { rejoin() }
            leadIfReplaced()
        } catch {
            logger.error("an assignment cannot be understood, joining again", metadata: ["error": "\(error)"])
            membership.rejoin()
            await pause()
        }
    }

    /// A coordinator before JoinGroup 9 (KIP-814) tells a leader that was started again that its former self leads, so that it
    /// does not divide: until the next generation nobody would. Asked for once: it is not sure that the coordinator means that.
    private func leadIfReplaced() {
        guard isReplacedLeader, !hasAskedToLead else { return }
        hasAskedToLead = true
        rejoin()
    }

    /// Coordinators make the id of a static member of its name, a hyphen and a UUID.
    private func isOwnName(of id: String) -> Bool {
        guard let name = membership.settings.instanceID else { return false }
        return id.hasPrefix("\(name)-") && id.utf8.count == name.utf8.count + Self.uuidLength
    }

    /// With the hyphen before it.
    private static let uuidLength = 37

    private var coordinator: BrokerTarget { .coordinator(group: membership.settings.group) }

    private func pause() async {
        failures += 1
        let delay = client.settings.retryBackoff.delay(after: failures, using: &random)
        try? await Task.sleep(for: delay)
        joinDue.notify()
    }

    private func outcome<Value: Sendable>(
        _ body: () async throws(KafkaError) -> Value
    ) async -> Result<Value, KafkaError> {
        do throws(KafkaError) { return .success(try await body()) } catch { return .failure(error) }
    }
}

// Staying.
extension InstanceMember {
    private func keepBeating() async {
        let interval = membership.settings.sessionTimeout / Self.beats
        var signals = beatDue.makeWaiter()
        while membership.phase != .left {
            let pause = quickBeats > 0 ? Self.quickPause : interval
            quickBeats = max(0, quickBeats - 1)
            guard await beatDue.wait(&signals, atMost: pause) else { return }
            guard let request = membership.heartbeatRequest else { continue }
            let generation = membership.generation
            let sent = SessionClock.now()
            let patience = membership.settings.sessionTimeout / 3
            let answer = await outcome { () async throws(KafkaError) in
                try await self.client.send(request, to: self.coordinator, purpose: .heartbeat, timeout: patience)
            }
            guard !Task.isCancelled else { return }
            let step = membership.beat(answer, of: generation, sent: sent)
            extendLease()
            switch step {
            case .findCoordinator: await client.forgetCoordinator(.group(membership.settings.group))
            case let step: await take(step)
            }
        }
    }

    /// Gives everything up in time when the coordinator has not been heard of.
    private func keepLease() async {
        while membership.phase != .left, !Task.isCancelled {
            let now = SessionClock.now()
            guard let deadline = provisionalUntil ?? (hasAssignment ? membership.leaseDeadline : nil) else {
                guard (try? await Task.sleep(for: .milliseconds(100))) != nil else { return }
                continue
            }
            if now >= deadline {
                logger.debug(
                    "the group's coordinator has not been heard of for a session: nothing is written until it is",
                    metadata: ["cluster": "\(client.settings.name)", "group": "\(membership.settings.group)"])
                // A request to join that is under way is not ended: nothing has been promised yet.
                if provisionalUntil != nil { await lose() } else { await take(membership.sessionEnded()) }
            } else if (try? await Task.sleep(for: Duration(deadline - now))) == nil {
                return
            }
        }
    }
}
