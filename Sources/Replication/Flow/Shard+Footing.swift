internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that finds out what the target has, where that is not known: when partitions are taken over, and after
/// lost answers. Many partitions at once, in few requests.
///
/// ```
/// epochs in use ─▶ end of log ─▶ was it cut? ─▶ fence older epochs ─▶ read the tail ─▶ walk the source beside it ─▶ go on
/// ```
extension Shard {
    func keepFooting() async {
        var wakes = footingWake.makeWaiter()
        while !isFinished, !Task.isCancelled {
            if !state.needs.isEmpty, await learnNeeds() {
                ringAllSources()
                continue
            }
            await lookIntoRanges()
            let due = state.partitionsWithoutFooting(now: .now())
            guard !due.isEmpty else {
                guard await wakes.next() != nil else { return }
                continue
            }
            await findFooting(due)
            ringAll()
            endIfDrained()
        }
    }

    private func findFooting(_ indexes: [Int]) async {
        var search = FootingSearch()
        search.ours = await own.all
        search.fresh = await own.fresh
        for index in indexes { search.begin(index, state.partitions[index]) }
        await describeProducers(&search)
        for index in search.fencedOut {
            stop(index, .fenced, "another instance of this flow has taken the partition over")
            search.drop(index)
        }
        await replaceExhausted(search.exhausted)
        for (target, end) in await findEnds(&search) { search.ended(target, end) }
        await findCuts(&search)
        await fence(&search)
        for (target, end) in await findEnds(&search) { search.endsNow(target, end) }
        if delivery == .exactlyOnce {
            await readTails(&search)
            search.checkEpochs()
            await walkSources(&search)
        }
        // Everything has reached the target while it was being asked.
        guard !Task.isCancelled else { return }
        for (index, cut) in search.sourceCuts {
            state.learn(epochs: search.knownEpochs(of: state.partitions[index].target), of: index)
            search.drop(index)
            truncated(index, endsAt: cut.offset, epoch: cut.epoch)
        }
        for (index, error) in search.failures {
            state.learn(epochs: search.knownEpochs(of: state.partitions[index].target), of: index)
            failedFooting(index, error)
        }
        for (index, findings) in search.findings { apply(findings, to: index) }
        if let next = state.nextFootingRest {
            eventLoop.scheduleTask(deadline: next) { [footingWake] in footingWake.ring() }
        }
    }

    /// Asks what batches are waiting to learn.
    ///
    /// - Returns: whether everything is known now; if not, another ring comes later.
    private func learnNeeds() async -> Bool {
        if await learn(state.needs) { return true }
        eventLoop.scheduleTask(in: .milliseconds(500)) { [footingWake] in footingWake.ring() }
        return false
    }

    private func learn(_ needs: Set<OriginRules.Need>) async -> Bool {
        var ids: Set<Int64> = []
        do throws(KafkaError) {
            for need in needs {
                switch need {
                case .origin(let id): ids.insert(id)
                case .producer(let provenance):
                    state.learn(producerID: try await own.producerID(for: provenance), for: provenance)
                }
            }
            if !ids.isEmpty { state.learn(ids, try await sourceOrigins.lookUp(ids)) }
            originFailures = 0
            return true
        } catch {
            originFailures += 1
            if originFailures == 1 || originFailures % 20 == 0 {
                logger.warning(
                    "cannot find out where records come from, trying again", metadata: ["error": "\(error)"])
            }
            return false
        }
    }

    private func failedFooting(_ index: Int, _ error: KafkaError) {
        if error.code == .topicAuthorizationFailed {
            return stop(
                index, .notAuthorized,
                "exactly once needs to read the target topic (\(error)); grant READ and DESCRIBE on it, "
                    + "or set delivery: atLeastOnce")
        }
        let attempts = state.restFooting(index, now: .now())
        guard attempts == 1 || attempts % 20 == 0 else { return }
        let target = state.partitions[index].target
        logger.warning(
            "cannot find out what the target has, trying again",
            metadata: ["topic": "\(target.topic)", "partition": "\(target.partition)", "error": "\(error)"])
    }

    private func describeProducers(_ search: inout FootingSearch) async {
        for (partition, outcome) in await target.describeProducers(search.touchedTargets) {
            switch outcome {
            case .success(let producers): search.described(partition, producers)
            // Older brokers and other makes cannot tell: the checkpoint knows the epochs, too.
            case .failure: continue
            }
        }
    }

    /// A producer id whose last epoch is in use cannot be raised any further: another takes its place.
    private func replaceExhausted(_ ids: Set<Int64>) async {
        for id in ids where state.intake.origins.producerIDs.values.contains(id) {
            do throws(KafkaError) {
                guard let successor = try await own.successor(of: id) else { continue }
                state.replace(id, by: successor.producerID, for: successor.provenance)
                logger.info(
                    "the epochs of a producer id are used up, going on with another",
                    metadata: ["used": "\(id)", "producerID": "\(successor.producerID)"])
            } catch {
                logger.warning("cannot get another producer id, trying again", metadata: ["error": "\(error)"])
            }
        }
    }

    private func findEnds(_ search: inout FootingSearch) async -> [TopicPartition: FootingSearch.LogEnd] {
        let partitions = search.targets
        guard !partitions.isEmpty else { return [:] }
        var ends: [TopicPartition: FootingSearch.LogEnd] = [:]
        let queries = Dictionary(partitions.map { ($0, OffsetQuery.latest) }) { first, _ in first }
        for (partition, outcome) in await target.offsets(queries) {
            switch outcome {
            case .success(let found):
                ends[partition] = FootingSearch.LogEnd(offset: found.offset ?? 0, epoch: found.leaderEpoch)
            case .failure(let error): search.fail(partition, error)
            }
        }
        return ends
    }

    /// A log that was cut may be longer by now than it was: what was on its way has landed there. Where its epochs have
    /// ended tells (KIP-320).
    private func findCuts(_ search: inout FootingSearch) async {
        let epochs = search.changedEpochs
        guard delivery == .exactlyOnce, !epochs.isEmpty else { return }
        for (partition, outcome) in await target.epochEnds(epochs) {
            switch outcome {
            case .success(let end):
                guard let offset = end.endOffset,
                    let doubt = search.epochEnded(partition, at: offset, { state.partitions[$0].map })
                else { continue }
                do throws(KafkaError) {
                    if try await !isWhereItWas(doubt) { search.foundCut(partition, at: doubt.end) }
                } catch {
                    search.fail(partition, error)
                }
            // Other makes cannot tell, or do not tell everybody: then only a log that is shorter shows.
            case .failure(let error) where error.remedy == .stop: continue
            case .failure(let error): search.fail(partition, error)
            }
        }
    }

    /// Whether the target still has the first copy behind the end of an epoch. Without a copy to look at nothing speaks
    /// for a cut; with one whose record the source has no more, nothing speaks against it.
    private func isWhereItWas(_ doubt: FootingSearch.CutDoubt) async throws(KafkaError) -> Bool {
        guard let copy = try await record(of: doubt.target, at: doubt.copy.target, target) else { return true }
        guard let record = try await record(of: doubt.source, at: doubt.copy.source, source) else { return false }
        return ContentPrint(copy, ignoringTimestamp: false) == ContentPrint(record, ignoringTimestamp: false)
    }

    /// Nil for what retention or compaction has taken.
    private func record(
        of partition: TopicPartition, at offset: Int64, _ cluster: ClusterClient
    ) async throws(KafkaError) -> Record? {
        do throws(KafkaError) {
            return try await cluster.record(of: partition, at: offset)
        } catch {
            if error.code == .offsetOutOfRange { return nil }
            // With everything behind it gone, too, an answer holds nothing.
            if case .unexpectedAnswer = error.reason { return nil }
            throw error
        }
    }

    private func fence(_ search: inout FootingSearch) async {
        let fences = search.fences
        guard !fences.isEmpty, await own.canFence else {
            search.dropUnfencedRenewals()
            return
        }
        var refusal: KafkaError?
        for (partition, outcome) in await target.fence(fences) {
            guard case .failure(let error) = outcome else { continue }
            switch error.code {
            case .invalidProducerEpoch?, .producerFenced?:
                // Somebody has a higher one, or the cluster could not tell us ours.
                search.epochTooLow(partition)
                search.fail(partition, error)
            case .clusterAuthorizationFailed?, .unsupportedVersion?: refusal = error
            default:
                if case .unsupported = error.reason { refusal = error } else { search.fail(partition, error) }
            }
        }
        guard let refusal else { return }
        search.dropUnfencedRenewals()
        guard await own.fencingRefused() else { return }
        logger.warning(
            """
            the target does not let us fence older writers: one that still runs is shut out only by the first new \
            batch. Grant ALTER on CLUSTER to close that gap
            """,
            metadata: ["error": "\(refusal)"])
    }

    private func readTails(_ search: inout FootingSearch) async {
        while true {
            let positions = search.unreadTails
            guard !positions.isEmpty else { return }
            var hasMoved = false
            var tooEarly: [TopicPartition] = []
            for (partition, outcome) in await target.read(positions, isolation: .readUncommitted) {
                switch outcome {
                case .success(let fetched):
                    if search.tookTail(partition, fetched.records?.contiguous ?? ByteBuffer()) { hasMoved = true }
                case .failure(let error) where error.code == .offsetOutOfRange: tooEarly.append(partition)
                case .failure(let error): search.fail(partition, error)
                }
            }
            if !tooEarly.isEmpty {
                hasMoved = true
                let queries = Dictionary(tooEarly.map { ($0, OffsetQuery.earliest) }) { first, _ in first }
                for (partition, outcome) in await target.offsets(queries) {
                    switch outcome {
                    case .success(let found): search.tailBegins(partition, at: found.offset ?? 0)
                    case .failure(let error): search.fail(partition, error)
                    }
                }
            }
            // Compaction has taken the rest.
            if !hasMoved { search.closeTails() }
        }
    }

    private func walkSources(_ search: inout FootingSearch) async {
        search.beginWalks { state.partitions[$0] }
        await findSourceCuts(&search)
        await walkToEnds(&search)
        await findSourceEnds(&search)
    }

    /// Before anything is counted: whether the source has still what was read last (KIP-320).
    private func findSourceCuts(_ search: inout FootingSearch) async {
        let epochs = search.readEpochs
        for source in epochs.filter({ $0.value < 0 }).keys { search.readEpochEnded(source, at: nil) }
        let known = epochs.filter { $0.value >= 0 }
        guard !known.isEmpty else { return }
        for (partition, outcome) in await source.epochEnds(known) {
            switch outcome {
            case .success(let end): search.readEpochEnded(partition, at: end)
            // Other makes cannot tell, or do not tell everybody: then contents do.
            case .failure(let error) where error.remedy == .stop: search.readEpochEnded(partition, at: nil)
            case .failure(let error): search.failSource(partition, error)
            }
        }
    }

    /// A leader that was just elected shows its log only as far as its followers have it.
    private func findSourceEnds(_ search: inout FootingSearch) async {
        let sources = search.shortSources
        guard !sources.isEmpty else { return }
        for (partition, outcome) in await source.leaderLogEnds(of: sources) {
            switch outcome {
            case .success(let end): search.sourceEnds(partition, at: end.endOffset, cluster: source.settings.name)
            case .failure(let error) where error.remedy == .stop: continue
            case .failure(let error): search.failSource(partition, error)
            }
        }
    }

    private func walkToEnds(_ search: inout FootingSearch) async {
        while true {
            let positions = search.unwalked
            guard !positions.isEmpty else { return }
            var unknown: Set<OriginRules.Need> = []
            for (partition, outcome) in await source.read(
                positions, isolation: readCommitted ? .readCommitted : .readUncommitted)
            {
                switch outcome {
                case .success(let fetched):
                    if let need = search.walked(partition, fetched, state.intake) { unknown.insert(need) }
                case .failure(let error) where error.code == .offsetOutOfRange: await skipExpired(partition, &search)
                case .failure(let error): search.failSource(partition, error)
                }
            }
            guard !unknown.isEmpty, await !learn(unknown) else { continue }
            search.failWalks(
                KafkaError(
                    .unexpectedAnswer("the origins of records cannot be looked up"), during: .request(.fetch),
                    cluster: source.settings.name))
        }
    }

    private func skipExpired(_ partition: TopicPartition, _ search: inout FootingSearch) async {
        switch await source.offsets([partition: .earliest])[partition] {
        case .success(let found)?: search.sourceBegins(partition, at: found.offset ?? 0)
        case .failure(let error)?: search.failSource(partition, error)
        case nil: search.endWalk(partition)
        }
    }

    private func reportDoubled(_ records: Int64, of partition: TopicPartition, from offset: Int64, _ reason: String) {
        logger.warning(
            "\(reason); they come once more in their place, and are there twice",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)", "firstOffset": "\(offset)",
                "records": "\(records)",
            ])
    }

    private func apply(_ findings: FootingFindings, to index: Int) {
        let partition = state.partitions[index].target
        switch state.apply(findings, to: index, now: .now(), wallClock: wallClock()) {
        case .firm(let recovered):
            guard recovered > 0 else { return }
            logger.info(
                "found records on the target that were not accounted for",
                metadata: [
                    "topic": "\(partition.topic)", "partition": "\(partition.partition)", "records": "\(recovered)",
                ])
        case .refills(let offsets, let doubled):
            logger.warning(
                "the target's log went backwards; copying again what it has lost",
                metadata: [
                    "topic": "\(partition.topic)", "partition": "\(partition.partition)",
                    "cutAt": "\(findings.cutAt ?? 0)", "knownEnd": "\(findings.from)", "offsets": "\(offsets)",
                ])
            guard doubled > 0 else { return }
            reportDoubled(
                doubled, of: partition, from: findings.cutAt ?? 0,
                "records were on their way when the target's log was cut, and landed in front of what it had lost")
        case .landed(let offset, let records):
            reportDoubled(
                records, of: partition, from: offset,
                "the target has forgotten our producer id, and took records although it had refused those before them")
        case .foreignUnderOurID:
            stop(
                index, .fenced,
                "the target holds records under this flow's producer id that this instance did not write: "
                    + "another instance of the flow runs")
        case .sourceWasCut(let offset, let records): sourceWasCut(index, at: offset, records: records)
        case .recreated:
            stop(
                index, .recreated,
                "the target topic was deleted and created again: its copies are gone. With policies: "
                    + "{recreated: continue} they are copied again as far as the source still has them")
        }
    }
}
