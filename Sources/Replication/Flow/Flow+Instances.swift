internal import FoundationEssentials
internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore
internal import PlainText

// The flow as one instance of several that share it: what it has, and how that comes and goes.
//
// What the group says changes ``InstanceParts`` at once; ``arrange(_:)`` follows: it lets go of what is to go, and begins
// with what has come. Only a lease that has ended is obeyed on the spot.
extension Flow {
    /// Time for what is under way to reach the target when a partition goes to another instance.
    static let releaseTimeout: Duration = .seconds(30)
    /// Time for one request that waits for others' records.
    private static let newsPatience: Duration = .seconds(2)
    private static let retryPause: Duration = .milliseconds(200)
    /// Time that partitions which are free wait for others that are to be given away, too.
    private static let tellingPause: Duration = .seconds(1)
    private static let arrangeInterval: Duration = .seconds(1)
    private static let restInterval: Duration = .seconds(30)

    /// Settings of a process that has been given no name.
    static var processInstance: InstanceSettings {
        let process = ProcessInfo.processInfo
        return InstanceSettings(id: "\(process.hostName)-\(process.processIdentifier)")
    }

    var group: String { membershipSettings.group }

    var membershipSettings: GroupMembership.Settings {
        InstanceMember.settings(flow: name, instance: instance.id, sessionTimeout: instance.sessionTimeout)
    }
}

// Beginning and end.
extension Flow {
    /// In a group without members there is no member to wait for: the flow begins with everything, and joins meanwhile.
    ///
    /// - Throws: when the group is not ours to join.
    func beginMembership() async throws(FlowError) {
        parts = InstanceParts(instance: instance.id, at: wallClock())
        lease.end()
        let begin = SessionClock.now()
        isFirstStart = await progress.isNewFlow
        let group = try await lookAtGroup()
        let hasClaim = group == .occupied ? false : try await progress.claimStart(instance.id)
        hasNoGroup = group == .unknown
        guard hasClaim || hasNoGroup else {
            await setShared(true)
            return
        }
        if hasNoGroup {
            logger.warning(
                "the target does not support groups: this instance takes all partitions, and a second one would take them away",
                metadata: ["cluster": "\(settings.target.name)"])
            control.assigned(peers: [instance.id], generation: -1)
        }
        claimedAt = wallClock()
        parts.beginAlone(at: wallClock())
        provisionalEnd = hasNoGroup ? .distantFuture : begin + TimeAmount(instance.sessionTimeout * 0.9)
        lease.extend(to: provisionalEnd)
        await setShared(false)
    }

    private enum GroupFinding {
        /// Others may be members, or about to be.
        case occupied
        case empty
        /// The target does not know the requests of groups, so that nobody can be a member.
        case unknown
    }

    private func lookAtGroup() async throws(FlowError) -> GroupFinding {
        let found: GroupDescription
        do throws(KafkaError) {
            found = try await target.describeGroup(group)
        } catch {
            if error.code == .groupAuthorizationFailed { throw cannotJoin(.notAuthorized) }
            if error.isUnsupported { return .unknown }
            throw .kafka(error)
        }
        guard found.members.isEmpty || found.protocolType == membershipSettings.protocolType else {
            throw cannotJoin(.otherProtocol)
        }
        return found.members.allSatisfy { $0.instanceID == instance.id } ? .empty : .occupied
    }

    private func cannotJoin(_ refusal: GroupRefusal) -> FlowError {
        .cannotJoin(group: group, cluster: settings.target.name, reason: explanation(of: refusal))
    }

    private func explanation(of refusal: GroupRefusal) -> String {
        guard refusal == .notAuthorized else { return "\(refusal)" }
        let missing = MissingPermission(.read, on: .group, group, of: settings.target)
        return "\(missing); grant it with: \(missing.command)"
    }

    /// Takes part in the group until the task is cancelled.
    func keepMembership(_ factory: PartitionFactory) async {
        let member = InstanceMember(
            membershipSettings, client: target,
            flow: InstanceMember.Callbacks(
                subscription: { [weak self] in await self?.subscription() ?? InstanceSubscription(instance: "") },
                parts: { [weak self] in await self?.divided() ?? ([], [:]) },
                news: { [weak self] in await self?.heard($0) }),
            lease: lease, provisionalUntil: parts.isProvisional ? provisionalEnd : nil, logger: logger)
        if !hasNoGroup { self.member = member }
        await withTaskGroup(of: Void.self) { [hasNoGroup] group in
            if !hasNoGroup { group.addTask { await member.run() } }
            group.addTask { await self.keepParts(factory) }
            group.addTask { await self.keepFollowing() }
            group.addTask { await self.keepControl() }
            if !hasNoGroup { group.addTask { await self.keepLooking() } }
            await group.waitForAll()
        }
    }

    /// Leaves, so that the others need not wait for the session to end. Nothing may be written any more. One that is cut
    /// short says nothing: what it has sent may still arrive.
    func leaveGroup() async {
        guard !Task.isCancelled else { return }
        if let farewell = control.farewell { try? await record([farewell]) }
        lease.end()
        await member?.leave()
        let isShared = parts.isShared
        if isShared { try? await progress.wakeOthers(instance.id) }
        if claimedAt != nil { try? await progress.releaseStart(instance.id) }
    }
}

// The group's questions and news.
extension Flow {
    private func subscription() async -> InstanceSubscription {
        // One that began alone, before it could join, has the older right.
        if !parts.mayBegin, known.isEmpty { parts.standBack() }
        await measureTraffic()
        var owned: [FlowPart: Double?] = [:]
        for part in parts.ownership.held {
            if case .task = part { owned[part] = 0 } else { owned.updateValue(loads.load(of: part), forKey: part) }
        }
        return InstanceSubscription(
            version: min(instance.assignmentVersion, InstanceAssignment.newestVersion), instance: instance.id,
            address: instance.address, rack: instance.rack, generation: parts.ownership.generation, owned: owned,
            releasing: parts.ownership.releasing, isLeaving: phase == .draining, isBlind: sight.isBlind)
    }

    /// Everything that is to be divided: what is recorded of topics that the flow copies, and what it copies already.
    private func divided() async -> (parts: Set<FlowPart>, racks: [FlowPart: String]) {
        await catchUpForDivision()
        let parts = await allParts()
        lastDivided = parts
        await reportUndivided(besides: parts)
        var racks: [FlowPart: String] = [:]
        for part in parts {
            guard case .partition(let partition) = part,
                let leader = sourceSeen?.partition(partition.topic, partition.partition)?.leader,
                let rack = sourceSeen?.brokers[leader]?.rack
            else { continue }
            racks[part] = rack
        }
        return (parts, racks)
    }

    /// The members that wait are removed when they have not been told their parts in time, as this one would be. What is
    /// read later is divided later.
    private func catchUpForDivision() async {
        await withTaskGroup(of: Void.self) { [progress, logger, instance] group in
            group.addTask {
                do throws(FlowError) {
                    try await progress.catchUp()
                } catch {
                    logger.debug("the records of other instances cannot be read", metadata: ["error": "\(error)"])
                }
            }
            group.addTask { try? await Task.sleep(for: instance.sessionTimeout / 2) }
            _ = await group.next()
            group.cancelAll()
        }
    }

    /// Says which recorded topics nobody copies, since this instance divides what its own configuration selects.
    private func reportUndivided(besides divided: Set<FlowPart>) async {
        // One alone copies what it selects, which is no accident.
        guard parts.isShared else { return }
        let recorded = await progress.known
        var topics: Set<String> = []
        for partition in recorded.keys where !divided.contains(.partition(partition)) {
            if pairs[partition] == nil, isAtSource(partition.topic), !waitingTopics.contains(partition.topic) {
                topics.insert(partition.topic)
            }
        }
        defer { undivided = topics }
        guard !topics.subtracting(undivided).isEmpty else { return }
        let shown = topics.sorted().prefix(20).map { $0.printable() }.joined(separator: ",")
        logger.warning(
            "topics that were copied are given to no instance: the configuration of this one, which divides them, does not copy them",
            metadata: [
                "instance": "\(instance.id.printable())",
                "topics": "\(shown)\(topics.count > 20 ? ",… (\(topics.count) in all)" : "")",
            ])
    }

    /// The topic exists, as discovery saw the source last.
    func isAtSource(_ topic: String) -> Bool { sourceSeen?.topics[topic]?.partitions.isEmpty == false }

    private func allParts() async -> Set<FlowPart> {
        let recorded = await progress.known
        let unreadable = await progress.unreadable
        var parts = Set(FlowTask.allCases.map { FlowPart.task($0) })
        for partition in pairs.keys where recorded[partition] != nil || unreadable[partition] != nil {
            parts.insert(.partition(partition))
        }
        for partition in known.keys { parts.insert(.partition(partition)) }
        return parts
    }

    func heard(_ news: InstanceMember.News) async {
        switch news {
        // It leaves as a whole once everything has reached the target: what it has stays its own until then.
        case .assigned where phase == .draining: break
        case .assigned(let assignment, let generation):
            let before = parts
            let tasks = parts.assigned(
                assignment, generation: generation, takesMore: phase == .running, at: wallClock())
            forgetUnattendedOfOthers()
            control.assigned(peers: assignment.peers.map(\.instance), generation: generation)
            controlDue.notify()
            await setShared(parts.isShared)
            troubles.ended(.membership)
            // Loops look whether they hold their tasks before each round; a round that is under way is one of ours still.
            if !tasks.isEmpty {
                if parts.released(tasks, at: wallClock()) {
                    await member?.rejoin()
                } else {
                    untoldSince = untoldSince ?? .now
                }
            }
            if before.membership.state != .member || before.peers != parts.peers {
                logger.info(
                    "instances share the flow",
                    metadata: [
                        "instance": "\(instance.id)", "generation": "\(generation)",
                        "instances": "\(parts.peers.map { $0.instance.printable() }.joined(separator: ","))",
                        "partitions": "\(parts.partitions.count)",
                    ])
            }
        case .lost:
            await letEverythingGo(
                "its group \(group) on \(settings.target.name) has not answered, or has continued without it: "
                    + "it writes nothing until it is a member again", isRefused: false)
        case .refused(let refusal):
            let reason =
                "group \(group) on \(settings.target.name) does not take instance \(instance.id.printable()): "
                + explanation(of: refusal)
            await letEverythingGo(reason, isRefused: true)
        }
        isDivisionStale = true
        partsDue.notify()
    }

    private func letEverythingGo(_ reason: String, isRefused: Bool) async {
        let count = parts.ownership.held.count
        lease.end()
        parts.lost(reason, isRefused: isRefused, at: wallClock())
        known = [:]
        releases = [:]
        untoldSince = nil
        unrecorded = []
        await checkpoints.forget()
        for shard in shards {
            remember(unattended: await shard.statuses)
            await shard.letGo()
        }
        await setShared(true)
        // Told as that trouble's other side: why it lasts is in the status.
        troubles.began(.membership, reason)
        logger.debug("all partitions are given up", metadata: ["instance": "\(instance.id)", "parts": "\(count)"])
    }

    /// Others may write what this instance writes, from now on or not any more.
    private func setShared(_ isShared: Bool) async {
        await identity?.own.setShared(isShared || parts.isProvisional && !isFirstStart)
        await topicSync.setShared(isShared)
        for shard in shards { await shard.setShared(isShared || parts.isProvisional) }
        if isShared { followingDue.notify() }
    }
}

// Following what the group has said.
extension Flow {
    private func keepParts(_ factory: PartitionFactory) async {
        var signals = partsDue.makeWaiter()
        while !Task.isCancelled {
            let isGiving = !releases.isEmpty || !unrecorded.isEmpty
            guard await partsDue.wait(&signals, atMost: isGiving ? Self.arrangeInterval : Self.restInterval) else {
                return
            }
            await arrange(factory)
        }
    }

    /// Gives away what is to go, and begins with what has come.
    func arrange(_ factory: PartitionFactory) async {
        guard (try? await arranging.wait()) != nil else { return }
        defer { arranging.signal() }
        await giveUpFenced()
        await release()
        guard isDivisionStale else { return }
        isDivisionStale = false
        await begin(factory)
        guard parts.isShared, await member?.isLeader == true else { return }
        // One that leads and has not divided was started again within its session: the assignments are those of its former
        // self, which knew less perhaps.
        let all = await allParts()
        if all != lastDivided {
            lastDivided = all
            await member?.rejoin()
        }
    }

    private func giveUpFenced() async {
        var fenced: Set<FlowPart> = []
        for shard in shards {
            let lost = await shard.takeFenced()
            guard !lost.isEmpty else { continue }
            await shard.letGo(lost)
            for partition in lost {
                known[partition] = nil
                fenced.insert(.partition(partition))
            }
        }
        guard !fenced.isEmpty else { return }
        parts.forfeited(fenced, at: wallClock())
        isDivisionStale = true
        await member?.rejoin()
    }

    private func release() async {
        let tenure = parts.tenure
        let now = ContinuousClock.now
        var news: [Int: [TopicPartition]] = [:]
        var free: Set<FlowPart> = []
        for partition in parts.releasing where releases[partition] == nil {
            releases[partition] = now
            if let shard = known[partition] {
                news[shard, default: []].append(partition)
            } else {
                free.insert(.partition(partition))
            }
        }
        for (shard, partitions) in news { await shards[shard].release(partitions) }
        for shard in shards {
            let drained = await shard.takeReleased()
            guard tenure == parts.tenure else { return }
            unrecorded += drained
        }
        if !unrecorded.isEmpty {
            let recording = unrecorded
            if await checkpoints.write(from: shards, released: recording) {
                guard tenure == parts.tenure else { return }
                for progress in recording { free.insert(.partition(progress.source)) }
                unrecorded = []
            }
        }
        guard tenure == parts.tenure else { return }
        for (partition, since) in releases where now - since > Self.releaseTimeout {
            guard let shard = known[partition], parts.releasing.contains(partition) else { continue }
            logger.warning(
                "the target did not take everything in time; the instance that takes the partition over copies the rest",
                metadata: ["topic": "\(partition.topic)", "partition": "\(partition.partition)"])
            await shards[shard].letGo([partition])
            free.insert(.partition(partition))
        }
        guard tenure == parts.tenure else { return }
        if !free.isEmpty {
            for case .partition(let partition) in free {
                known[partition] = nil
                releases[partition] = nil
            }
            isDivisionStale = true
            let isOver = parts.released(free, at: wallClock())
            untoldSince = isOver ? now - Self.tellingPause : untoldSince ?? now
        }
        // One partition that its target does not take keeps the others from nobody.
        guard let since = untoldSince, now - since >= Self.tellingPause else { return }
        untoldSince = nil
        await member?.rejoin()
        try? await progress.wakeOthers(instance.id)
    }

    private func begin(_ factory: PartitionFactory) async {
        guard [.running, .starting, .waiting, .resting].contains(phase) else { return }
        guard await catchUp() else { return }
        if parts.isAlone {
            let all = await allParts()
            if parts.isAlone { parts.take(all, at: wallClock()) }
        }
        let tenure = parts.tenure
        let due = parts.partitions.filter { known[$0] == nil }
        guard !due.isEmpty, let found = lastFound else { return }
        lookFor(due.filter { pairs[$0] == nil })
        let ready = due.compactMap { pairs[$0] }
        guard !ready.isEmpty else { return }
        let discovery = FlowDiscovery(topicSync: topicSync, progress: progress, startFrom: settings.startFrom)
        let new = await discovery.resume(ready)
        guard !new.isEmpty else { return }
        do {
            let renewed = try await topicSync.renewed(
                found, for: new.compactMap { one in one.checkpoint.map { (one.pair, $0) } })
            await start(new, renewed, factory, tenure: tenure)
        } catch {
            guard !Task.isCancelled else { return }
            logger.debug("partitions cannot be begun with yet, trying again", metadata: ["error": "\(error)"])
            await tryAgainSoon()
        }
    }

    /// Reads what others have recorded before anything that they had is begun with.
    ///
    /// - Returns: whether it is known.
    private func catchUp() async -> Bool {
        guard parts.isBehind || parts.isShared else { return true }
        let tenure = parts.tenure
        let (wasBehind, generation) = (parts.isBehind, parts.ownership.generation)
        do throws(FlowError) {
            try await progress.catchUp()
            await identity?.own.learnOfOthers()
            guard tenure == parts.tenure, generation == parts.ownership.generation else {
                isDivisionStale = true
                partsDue.notify()
                return false
            }
            let members = Set(parts.peers.map(\.instance) + [instance.id])
            if !parts.isProvisional, await progress.isClaimed(byOthersThan: members) {
                await tryAgainSoon()
                return false
            }
            parts.caughtUp()
            if claimedAt != nil, parts.membership.state == .member {
                try await progress.releaseStart(instance.id)
                claimedAt = nil
            }
        } catch {
            guard !Task.isCancelled else { return false }
            logger.debug("partitions cannot be taken over yet, trying again", metadata: ["error": "\(error)"])
            await tryAgainSoon()
            return false
        }
        if wasBehind, parts.membership.state == .member {
            if parts.holds(.groups) { await groups?.hasten() }
            if parts.holds(.topics), phase == .running { discoveryDue.notify() }
        }
        return true
    }

    private func tryAgainSoon() async {
        isDivisionStale = true
        try? await Task.sleep(for: Self.retryPause)
        partsDue.notify()
    }

    /// Has partitions found that others have recorded, and that the last discovery has not seen. Once for each: it may
    /// have gone, or not be selected here.
    private func lookFor(_ partitions: [TopicPartition]) {
        guard !lookedFor.isSuperset(of: partitions) else { return }
        lookedFor.formUnion(partitions)
        discoveryDue.notify()
    }
}

// Following what others record.
extension Flow {
    private func keepFollowing() async {
        var signals = followingDue.makeWaiter()
        while !Task.isCancelled {
            guard parts.isShared else {
                guard await signals.next() != nil else { return }
                continue
            }
            do {
                guard try await progress.awaitNews(atMost: Self.newsPatience) else { continue }
                try await progress.catchUp()
                await take(await progress.takeNews())
            } catch {
                guard (try? await Task.sleep(for: Self.retryPause)) != nil else { return }
            }
        }
    }

    /// Others have recorded something.
    private func take(_ news: Set<ProgressRecord.Key>) async {
        var overwritten: [TopicPartition] = []
        if news.contains(where: \.isControl) { await followControl() }
        for key in news {
            switch key {
            case .wake: await member?.beatSoon()
            case .checkpoint(let partition):
                if known[partition] != nil {
                    overwritten.append(partition)
                } else if pairs[partition] == nil {
                    lookFor([partition])
                } else if parts.owns(partition) || lastDivided?.contains(.partition(partition)) == false {
                    isDivisionStale = true
                    partsDue.notify()
                }
            case .identity, .segments, .producer, .generation, .former, .start, .control: break
            }
        }
        guard !overwritten.isEmpty else { return }
        // One that did not know yet that it has lost them: what is known here counts.
        for shard in shards { await shard.tellAgain(overwritten) }
    }
}

// Telling.
extension Flow {
    /// Reason why the flow does nothing as a member of its group; nil when that is not so.
    var membershipTrouble: String? { parts.membership.reason }

    func tell(_ status: inout FlowStatus) {
        status.membership = parts.membership
        guard parts.membership.state == .member || parts.isProvisional else { return }
        status.instances = parts.instances(instance)
        status.tasks = parts.tasks
        for index in status.partitions.indices {
            let place = TopicPartition(status.partitions[index].topic, status.partitions[index].partition)
            guard known[place] != nil else { continue }
            status.partitions[index].instance = instance.id
            status.partitions[index].instanceSince = parts.since[.partition(place)]
        }
    }
}
