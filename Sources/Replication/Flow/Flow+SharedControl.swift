internal import KafkaClient
internal import Logging
internal import NIOCore
internal import PlainText

// What concerns the whole flow, however many instances share it: recorded on the target by the one that is asked, and
// obeyed by all as they read it.
extension Flow {
    private static let controlInterval: Duration = .seconds(10)
    private static let lookInterval: Duration = .seconds(2)
    private static let leastMeasuring: TimeAmount = .seconds(5)

    /// Takes in what operators have said before, and claims a share of the flow's limit.
    func openControl() async throws(FlowError) {
        var records = control.open(await progress.control, now: wallClock())
        if let report = control.report(loads.traffic, now: wallClock()) { records.append(report) }
        try await record(records)
        await applyPauses()
        await obeyRate()
        let paused = control.pauses.scopes.map(\.description).sorted()
        guard !paused.isEmpty else { return }
        logger.info("paused since before this start", metadata: ["what": "\(paused.joined(separator: ", "))"])
    }

    /// Records what all instances are to know, and obeys it together with what others have recorded before it.
    func record(_ records: [InstanceRecord]) async throws(FlowError) {
        if !records.isEmpty { _ = try await progress.appendInPlace(records.map { .control($0) }) }
        await followControl()
    }

    /// Records an operator's wish that this instance has obeyed already.
    func tell(_ records: [InstanceRecord], of scope: PauseScope) async throws(FlowControlError) {
        do throws(FlowError) {
            try await record(records)
        } catch {
            throw .notRecorded(flow: name, scope, reason: "\(error)")
        }
    }

    /// Obeys what is recorded by now.
    func followControl() async {
        let change = control.follow(await progress.control)
        if change.arePausesNew {
            await applyPauses()
            let paused = control.pauses.scopes.map(\.description).sorted().joined(separator: ", ")
            logger.info(
                "another instance was asked to pause or resume",
                metadata: ["paused": "\(paused.isEmpty ? "nothing" : paused)"])
        }
        for (scope, command) in change.retries {
            let count = await retryHere(scope)
            logger.info(
                "another instance was asked to try again",
                metadata: ["what": "\(scope)", "instance": "\(command.by.printable())", "partitions": "\(count)"])
        }
        if change.isRateNew { await obeyRate() }
        if change.areReportsNew, control.limit != nil { controlDue.notify() }
        if let silence = change.sourceSilence, sight.others(silentFor: .milliseconds(silence), at: .now()) {
            await sightChanged()
        }
    }

    private func obeyRate() async {
        if let share = control.rate, control.limit == limitObeyed {
            rateLimit.reshare(bytesPerSecond: share)
        } else {
            rateLimit.set(bytesPerSecond: control.rate)
        }
        limitObeyed = control.limit
        for shard in shards { await shard.limitChanged() }
    }

    /// The configuration names another limit.
    func limitConfigured(_ limit: Int?) async {
        let records = control.configure(limit: limit)
        do throws(FlowError) {
            try await record(records)
        } catch {
            // It is tried again with the next report.
            logger.warning("another limit cannot be recorded yet", metadata: ["error": "\(error)"])
        }
        await obeyRate()
        controlDue.notify()
    }

    /// Tells the others how much passes through here, and looks whether it is divided well.
    func keepControl() async {
        var signals = controlDue.makeWaiter()
        var rule = RebalanceRule()
        while !Task.isCancelled {
            let isLook = await measureTraffic()
            // They are found again until they are recorded.
            var records = control.departed(at: SessionClock.now()) + control.unrecorded
            let silence = sight.silence(at: .now()).nanoseconds / 1_000_000
            if let report = control.report(loads.traffic, sourceSilence: silence, now: wallClock()) {
                records.append(report)
            }
            do throws(FlowError) {
                if !records.isEmpty { try await record(records) }
            } catch {
                logger.debug("what other instances are to know cannot be recorded", metadata: ["error": "\(error)"])
            }
            if isLook, let member, await member.isLeader, let loads = control.loads, rule.isDue(loads, at: .now()) {
                logger.info("the instances' traffic differs: parts are divided again")
                await member.rejoin()
            }
            let next = control.nextDeparture(at: SessionClock.now()) ?? Self.controlInterval
            guard await controlDue.wait(&signals, atMost: min(next, Self.controlInterval)) else { return }
        }
    }

    /// Asks the source for as much as shows that it can be read, while there are others who could read it instead.
    func keepLooking() async {
        while !Task.isCancelled {
            if parts.isShared {
                if (try? await source.metadata(.none)) != nil, sight.heard(at: .now()) { await sightChanged() }
            } else {
                let wasBlind = sight.isBlind
                sight = SourceSight(at: .now())
                if wasBlind { await sightChanged() }
            }
            guard (try? await Task.sleep(for: Self.lookInterval)) != nil else { return }
        }
    }

    private func sightChanged() async {
        if sight.isBlind {
            troubles.began(
                .sight, "\(settings.source.name) cannot be reached from instance \(instance.id.printable())")
        } else {
            troubles.ended(.sight)
        }
        await member?.rejoin()
    }

    /// Not more often than every few seconds: it looks at every partition.
    ///
    /// - Returns: whether it was time for it.
    @discardableResult
    func measureTraffic() async -> Bool {
        let now = NIODeadline.now()
        guard loadsMeasured.map({ now - $0 >= Self.leastMeasuring }) ?? true else { return false }
        loadsMeasured = now
        var counters: [FlowPart: PartLoads.Counters] = [:]
        for shard in shards {
            for traffic in await shard.traffic {
                counters[.partition(traffic.partition)] = PartLoads.Counters(
                    bytes: traffic.bytes, requests: traffic.batches)
            }
        }
        loads.measure(counters, at: now)
        return true
    }
}
