internal import KafkaClient
internal import KafkaWire
internal import NIOCore

// What partitions know of the target, and of where records come from.
extension ShardState {
    /// Partitions to find footing for: nothing of them is in flight, and they do not rest.
    func partitionsWithoutFooting(now: NIODeadline) -> [Int] {
        withoutFooting.filter { index in
            partitions[index].isActive && !partitions[index].awaitsCheckpoint
                && partitions[index].window.answersOutstanding == 0
                && partitions[index].footingRestsUntil <= now && partitions[index].targetLeader != nil
        }.sorted()
    }

    /// When the next of them has rested.
    var nextFootingRest: NIODeadline? {
        withoutFooting.lazy.filter { partitions[$0].isActive && partitions[$0].footingRestsUntil > .distantPast }
            .map { partitions[$0].footingRestsUntil }.min()
    }

    /// - Returns: how many searches have failed in a row.
    mutating func restFooting(_ index: Int, now: NIODeadline) -> Int {
        partitions[index].footingFailures += 1
        let pause = TimeAmount.milliseconds(50 << Int64(min(partitions[index].footingFailures, 5)))
        partitions[index].footingRestsUntil = now + pause
        return partitions[index].footingFailures
    }

    /// Nothing more goes out before it is known what the target has.
    mutating func loseFooting(_ index: Int) {
        if partitions[index].footing == .firm { setFooting(.uncertain, of: index) }
    }

    /// The target has elected a leader: its log may end earlier than we know. Nothing more goes there before that is
    /// known, since a broker that has forgotten the producer would take it, in the wrong place.
    mutating func leaderEpochChanged(_ index: Int) {
        let partition = partitions[index]
        guard delivery == .exactlyOnce, partition.targetEpoch >= 0, partition.seenTargetEpoch > partition.targetEpoch
        else { return }
        loseFooting(index)
    }

    mutating func learn(epochs: [Int64: Int16], of index: Int) {
        partitions[index].recordedEpochs.merge(epochs) { max($0, $1) }
    }

    enum FootingResult: Hashable {
        /// With this many records of an earlier run that were not accounted for.
        case firm(recovered: Int64)
        /// This many source offsets are copied again. So many records lie in front of what is missing, which come once
        /// more behind it.
        case refills(Int64, doubled: Int64)
        /// So many records lie in front of what the target had refused, and come once more behind it.
        case landed(at: Int64, records: Int64)
        /// The target's tail holds what this instance did not write.
        case foreignUnderOurID
        case recreated
        /// So many records that the target has are no longer at the source.
        case sourceWasCut(at: Int64, records: Int64)
    }

    /// Takes in what the target was found to have.
    mutating func apply(
        _ findings: FootingFindings, to index: Int, now: NIODeadline, wallClock: Int64
    ) -> FootingResult {
        var partition: PartitionState { partitions[index] }
        let isRecreated = partition.isTargetRecreated
        guard !(isRecreated && policies.recreated == .stop && findings.from > 0) else { return .recreated }
        partitions[index].isTargetRecreated = false
        partitions[index].footingFailures = 0
        partitions[index].footingRestsUntil = .distantPast
        if let cut = findings.cut ?? (isRecreated && findings.from > 0 ? 0 : nil) {
            let gone = partition.map.firstGone(fromTarget: cut)
            return .refills(
                refill(index, from: gone.source, findings),
                doubled: double(findings.tail.count + gone.uncertain, index))
        }
        if findings.areOutdated(for: partition) {
            for producer in findings.epochs { partitions[index].window.renew(producer) }
            return .firm(recovered: 0)
        }
        if let cut = findings.recovery?.sourceCut, policies.truncated == .stop {
            return .sourceWasCut(at: cut.offset, records: cut.records)
        }
        if let landed = findings.recovery?.landed {
            _ = recover(findings, index)
            startOver(index, findings)
            let doubled = double(landed.records, index)
            if landed.behindRefused { return .landed(at: landed.offset, records: doubled) }
            partitions[index].metrics.targetWentBackwards()
            return .refills(0, doubled: doubled)
        }
        if partition.footing == .uncertain {
            let result = matchWindow(findings, index, now: now, wallClock: wallClock)
            if case .landed = result { startOver(index, findings) } else { goOn(index, findings) }
            return result
        }
        defer { goOn(index, findings) }
        let recovered = recover(findings, index)
        if let cut = findings.recovery?.sourceCut { return .sourceWasCut(at: cut.offset, records: cut.records) }
        return .firm(recovered: recovered)
    }

    private mutating func goOn(_ index: Int, _ findings: FootingFindings) {
        for producer in findings.epochs { partitions[index].window.renew(producer) }
        for (used, successor) in partitions[index].successors {
            partitions[index].window.reassign(from: used, to: ProducerIdentity(id: successor, epoch: 0))
        }
        partitions[index].successors = [:]
        partitions[index].regression = nil
        partitions[index].needsNewEpoch = false
        partitions[index].isOtherLog = false
        partitions[index].targetEnd = findings.end
        partitions[index].targetEpoch = findings.epoch
        setFooting(.firm, of: index)
        partitions[index].wasFirm = true
        // The leader has changed again behind the search.
        let seen = partitions[index].seenTargetEpoch
        if seen > findings.seenEpoch, seen > findings.epoch { leaderEpochChanged(index) }
        settlePassed(index)
        noteChange(index)
        enqueueIfReady(index)
    }

    /// Which of the batches without an answer the log has.
    private mutating func matchWindow(
        _ findings: FootingFindings, _ index: Int, now: NIODeadline, wallClock: Int64
    ) -> FootingResult {
        let tail = findings.tail
        var landed: (offset: Int64, records: Int64)?
        func isInLog(_ sent: (batch: OutgoingBatch, recordCount: Int32), _ batch: TargetTail.Batch) -> Bool {
            guard Int64(sent.recordCount) == batch.count else { return false }
            // Damaged at the source: then the target has not taken it.
            guard let prints = try? sent.batch.records.prints(ignoringTimestamp: tail.ignoresTimestamps) else {
                return false
            }
            return tail.holds(prints.map(\.print), in: batch)
        }
        // Those behind a lost answer may have been acknowledged already, and pass with it.
        for batch in tail.batches where batch.baseOffset >= partitions[index].targetEnd {
            if let oldest = partitions[index].window.oldest, isInLog(oldest, batch) {
                acknowledge(
                    partitions[index].window.found(baseOffset: batch.baseOffset), index, now: now,
                    wallClock: wallClock)
            } else if partitions[index].window.batches.contains(where: { isInLog($0, batch) }) {
                // The broker has forgotten us, and has taken it in front of one that it had refused.
                landed = (landed?.offset ?? batch.baseOffset, (landed?.records ?? 0) + batch.count)
            } else {
                return .foreignUnderOurID
            }
        }
        guard let landed else { return .firm(recovered: 0) }
        return .landed(at: landed.offset, records: double(landed.records, index))
    }

    /// What an earlier run wrote beyond its checkpoint has passed.
    private mutating func recover(_ findings: FootingFindings, _ index: Int) -> Int64 {
        partitions[index].accounting.meetForeign(findings.tail.foreign)
        guard let recovery = findings.recovery, recovery.position > recovery.start else { return 0 }
        partitions[index].accounting.write(recovery.written)
        partitions[index].accounting.skip(recovery.skipped)
        if let copies = recovery.copies {
            for copy in copies { partitions[index].map.append(SourceRuns(copy.sources), at: copy.target) }
        } else {
            partitions[index].map.lose(upTo: recovery.position)
        }
        partitions[index].position = recovery.position
        // The checkpoint's epoch may have ended before this position: kept, it would look like a log that was cut.
        partitions[index].lastReadEpoch = recovery.readEpoch
        partitions[index].passed = recovery.position
        partitions[index].metrics.recovered(recovery.written)
        return recovery.written
    }

    /// The target has lost everything of ours from an offset on: back to where that begins at the source.
    ///
    /// The partition is taken over anew once a checkpoint says so.
    ///
    /// - Returns: how many source offsets are gone back over.
    private mutating func refill(_ index: Int, from gone: Int64, _ findings: FootingFindings) -> Int64 {
        dropBuffered(index)
        let passed = partitions[index].passed
        let source = min(gone, partitions[index].regression?.source ?? passed, passed)
        partitions[index].accounting.rewind(passed - source)
        partitions[index].position = source
        partitions[index].passed = source
        partitions[index].regression = nil
        awaitCheckpoint(index, findings)
        partitions[index].metrics.targetWentBackwards()
        return passed - source
    }

    /// What has not passed comes once more, behind what has landed in front of it.
    private mutating func startOver(_ index: Int, _ findings: FootingFindings) {
        dropBuffered(index)
        for producer in findings.epochs { partitions[index].window.renew(producer) }
        awaitCheckpoint(index, findings)
    }

    /// Nothing is added to a log that something is missing from before a checkpoint says so; then the partition is taken over
    /// anew.
    private mutating func awaitCheckpoint(_ index: Int, _ findings: FootingFindings) {
        partitions[index].targetEnd = findings.end
        partitions[index].targetEpoch = findings.epoch
        setFooting(.takeover, of: index)
        partitions[index].awaitsCheckpoint = true
    }

    /// - Returns: `records`, which come once more in their place.
    private mutating func double(_ records: Int64, _ index: Int) -> Int64 {
        partitions[index].accounting.double(records)
        partitions[index].metrics.doubled(records)
        return records
    }

    /// A checkpoint holds where these partitions stood after their target's log had gone backwards.
    mutating func checkpointed(_ sources: [TopicPartition]) {
        for source in sources {
            guard let index = index(ofSource: source), partitions[index].awaitsCheckpoint else { continue }
            partitions[index].awaitsCheckpoint = false
        }
    }

    /// Forgets what was read and not yet acknowledged; it will be read again.
    mutating func dropBuffered(_ index: Int) {
        for batch in partitions[index].window.abandon() { giveBack(batch) }
        partitions[index].bufferedBytes = 0
        partitions[index].openSkips = [:]
        partitions[index].endOfReading = nil
        partitions[index].position = partitions[index].passed
    }

    mutating func giveBack(_ batch: OutgoingBatch) {
        for frame in batch.frames { ledger.giveBack(frame) }
    }

    // Origins

    mutating func learn(_ ids: Set<Int64>, _ found: [Int64: Provenance]) {
        updateOrigins { $0.learn(ids, found) }
        satisfy { if case .origin(let id) = $0 { ids.contains(id) } else { false } }
    }

    mutating func learn(producerID: Int64, for provenance: Provenance) {
        updateOrigins { $0.producerIDs[provenance] = producerID }
        satisfy { $0 == .producer(provenance) }
    }

    /// An id is used up; what waits under it goes out under its successor, once its partition has footing again.
    mutating func replace(_ used: Int64, by successor: Int64, for provenance: Provenance) {
        updateOrigins { $0.producerIDs[provenance] = successor }
        for index in partitions.indices where partitions[index].window.epoch(of: used) == .max {
            partitions[index].successors[used] = successor
        }
    }

    private mutating func satisfy(_ isMet: (OriginRules.Need) -> Bool) {
        removeNeeds(isMet)
        for index in partitions.indices {
            guard let need = partitions[index].need, isMet(need) else { continue }
            partitions[index].need = nil
            noteChange(index)
        }
    }
}
