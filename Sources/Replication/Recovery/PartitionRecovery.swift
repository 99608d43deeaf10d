package import KafkaClient
internal import KafkaWire
package import NIOCore

/// The recovery of one partition: finds out what the target has, and where the source continues. No I/O, no clock: it
/// is asked for its ``nextRequest`` and given the answer to it.
///
/// ```
/// producers ─▶ end ─▶ truncated? ─▶ fence ─▶ end again ─▶ tail ─▶ last copies ─▶ source epoch ─▶ match ─▶ done
/// ```
///
/// Epochs are renewed before the tail is read, so that nothing can be appended behind it. A log that was truncated is
/// not fenced: nothing is added to it before a checkpoint says so.
package struct PartitionRecovery: Sendable {
    /// A question to one of the clusters, or to the flow.
    package enum Request: Hashable, Sendable {
        case describeProducers
        /// These ids have no epochs left.
        case replaceProducers(Set<Int64>)
        case targetEnd
        /// End of this leader epoch of the target's log.
        case targetEpochEnd(Int32)
        /// True if a record of the target is the copy of one of the source.
        case compare(OffsetSegment.Pair)
        case fence([ProducerIdentity])
        case targetRecords(from: Int64)
        /// The last copies before the checkpoint.
        case copies(from: Int64)
        /// The source's records in the places of the last copies.
        case originals(from: Int64)
        case targetStart
        /// End of this leader epoch of the source's log.
        case sourceEpochEnd(Int32)
        case sourceRecords(from: Int64)
        case sourceStart
        case origins(OriginRules.Need)
        /// End of the source leader's own log: records that its followers do not have yet cannot be read.
        case sourceLeaderEnd
    }

    /// The end of a recovery without findings.
    package enum Abort: Hashable, Sendable {
        case failed(KafkaError)
        /// Another instance writes in a higher epoch than we ever had.
        case fenced
        /// The source was truncated in front of where it would be read: that comes first.
        case sourceTruncated(LogEnd)
        /// From this offset on the source holds other records than those that were copied, in the same leader epoch.
        case sourceDiverged(at: Int64)
        /// The same, and where that begins is not known.
        case sourceDiffers(at: Int64)
        /// The source has lost records that the target holds; only where copies keep their offsets.
        case sourceEnds(at: Int64, copy: Int64)
    }

    enum Step {
        case producers
        case exhausted(Set<Int64>)
        case end
        case epochEnd
        /// The log was truncated at `end` unless the copy is still there.
        case compare(OffsetSegment.Pair, end: Int64)
        case fence
        case endAgain
        case tail(LogRangeScan)
        case tailStart(LogRangeScan)
        case copies(CopySample)
        case originals(CopySample)
        case searchStart(DivergenceSearch)
        case searchTargetStart(DivergenceSearch)
        case search(DivergenceSearch, OffsetSegment.Pair)
        case sourceEpoch(SourceMatch)
        case match(SourceMatch)
        case matchStart(SourceMatch)
        case origins(SourceMatch, OriginRules.Need)
        case sourceEnd(SourceMatch)
        /// The source's log reaches as far as the target's; only where copies keep their offsets.
        case alignedEnd
        case done(SourceMatch?)
        case aborted(Abort)
    }

    package let subject: RecoverySubject
    private let ours: Set<Int64>
    private let fresh: Set<Int64>
    /// Nobody can have written under our ids there.
    private let isFirstContact: Bool
    var step: Step
    /// Highest epoch known of each of our producer ids.
    private var known: [Int64: Int16]
    /// Epochs to continue with.
    private(set) var renewed: [Int64: Int16] = [:]
    /// Last sequences of our producer ids in the epochs in use, as far as the target tells; -1 for none.
    private var lastSequences: [Int64: Int32] = [:]
    /// The target has told its producers.
    private var tellsProducers = false
    /// End of the log before anything of ours was added to it, and after that.
    private var before = LogEnd()
    private(set) var now = LogEnd()
    private(set) var truncation: Int64?
    package private(set) var tail: TargetTail
    private var sample: CopySample?

    /// - Parameters:
    ///   - ours: every producer id of the flow.
    ///   - fresh: those of them that nobody can have used before this process.
    package init(_ subject: RecoverySubject, ours: Set<Int64>, fresh: Set<Int64>) {
        self.subject = subject
        self.ours = ours
        self.fresh = fresh
        known = subject.knownEpochs
        isFirstContact = subject.cause == .takeover && subject.from < 0 && ours.isSubset(of: fresh)
        step = isFirstContact ? .end : .producers
        tail = TargetTail(
            from: max(0, subject.from), ours: ours, leaderEpoch: subject.leaderEpoch, following: subject.following,
            keepsOffsets: subject.keepsOffsets)
        if let truncation = subject.truncation { foundTruncation(at: truncation) }
        if let divergence = subject.divergence {
            step = .searchStart(DivergenceSearch(from: subject.map.start, to: divergence))
        }
    }

    /// A recovery that changes nothing: it begins with the tail, up to a known end, and neither asks for producers nor
    /// fences any.
    package init(reading subject: RecoverySubject, ours: Set<Int64>, until end: LogEnd) {
        self.init(subject, ours: ours, fresh: [])
        now = end
        readTail(LogRangeScan(from: tail.position, to: end.offset))
    }

    /// Nil once the recovery is over.
    package var nextRequest: Request? {
        switch step {
        case .producers: .describeProducers
        case .exhausted(let ids): .replaceProducers(ids)
        case .end, .endAgain: .targetEnd
        case .epochEnd: .targetEpochEnd(subject.leaderEpoch)
        case .compare(let copy, _): .compare(copy)
        case .fence: .fence(renewedProducers)
        case .tail(let scan): .targetRecords(from: scan.position)
        case .tailStart, .searchTargetStart: .targetStart
        case .copies(let sample): sample.nextTarget.map { .copies(from: $0) }
        case .originals(let sample): .originals(from: sample.sources.lowerBound)
        case .searchStart: .sourceStart
        case .search(_, let pair): .compare(pair)
        case .sourceEpoch(let match): .sourceEpochEnd(match.cursor.leaderEpoch)
        case .match(let match): .sourceRecords(from: match.cursor.position)
        case .matchStart: .sourceStart
        case .origins(_, let need): .origins(need)
        case .sourceEnd, .alignedEnd: .sourceLeaderEnd
        case .done, .aborted: nil
        }
    }

    package var abort: Abort? { if case .aborted(let abort) = step { abort } else { nil } }

    /// Epochs that were learned of, also where the recovery has failed.
    package var learnedEpochs: [Int64: Int16] { known.merging(renewed) { max($0, $1) } }

    package var outcome: RecoveryOutcome? {
        guard case .done(let match) = step else { return nil }
        var outcome = RecoveryOutcome(
            cause: subject.cause, from: subject.from, metadataEpoch: subject.metadataEpoch, tail: tail)
        outcome.epochs = renewedProducers
        outcome.continued = continued
        outcome.end = now
        outcome.truncation = truncation
        outcome.resumption = match?.resumption(subject, tail)
        if match == nil, truncation == nil { outcome.sample = sample }
        return outcome
    }

    /// Sequences to continue with in the epochs in use, where copies keep their offsets.
    private var continued: [ProducerStamp] {
        guard subject.keepsOffsets, tellsProducers else { return [] }
        return ours.sorted().compactMap { id in
            guard let epoch = known[id], renewed[id] == nil else { return nil }
            // Records that came after the target was asked are in the tail.
            let newest = tail.batches.last { $0.producer.id == id && $0.producer.epoch == epoch }
            let following = newest.map { $0.producer.sequence &+ Int32(truncatingIfNeeded: $0.count) }
            guard let next = following ?? lastSequence(of: id).map({ $0 &+ 1 }) else { return nil }
            return ProducerStamp(id: id, epoch: epoch, sequence: next & .max)
        }
    }

    /// Nil when the target does not know it: never heard of, forgotten, or known by markers only.
    private func lastSequence(of id: Int64) -> Int32? { lastSequences[id].flatMap { $0 < 0 ? nil : $0 } }

    private var renewedProducers: [ProducerIdentity] {
        renewed.map { ProducerIdentity(id: $0.key, epoch: $0.value) }.sorted { $0.id < $1.id }
    }

    /// A request could not be answered: the recovery begins again later.
    package mutating func failed(_ error: KafkaError) {
        step = .aborted(.failed(error))
    }

    private mutating func failed(_ reason: String, during request: ApiKey, cluster: String = "") {
        let place = request == .fetch && !cluster.isEmpty ? subject.source : subject.target
        failed(
            KafkaError(
                .unexpectedAnswer(reason), during: .request(request), cluster: cluster, topic: place.topic,
                partition: place.partition))
    }
}

// Epochs and ends.
extension PartitionRecovery {
    /// - Parameters:
    ///   - producers: nil when the cluster cannot tell: checkpoints know the epochs, too.
    ///   - lastSequences: of the last batch of each in its epoch, by producer id; -1 for none.
    package mutating func described(_ producers: [ProducerIdentity]?, lastSequences: [Int64: Int32] = [:]) {
        tellsProducers = producers != nil
        for producer in producers ?? [] where ours.contains(producer.id) {
            if subject.cause == .unknownOutcome, producer.epoch > known[producer.id] ?? .max {
                step = .aborted(.fenced)
                return
            }
            known[producer.id] = max(known[producer.id] ?? -1, producer.epoch)
            if known[producer.id] == producer.epoch { self.lastSequences[producer.id] = lastSequences[producer.id] }
        }
        let exhausted = Set(known.filter { $0.value == .max }.keys)
        step = exhausted.isEmpty ? .end : .exhausted(exhausted)
    }

    package mutating func producersReplaced() {
        step = .end
    }

    package mutating func targetEnds(_ end: LogEnd) {
        if case .endAgain = step { return endsAgain(end) }
        before = end
        if end.offset < subject.from { foundTruncation(at: end.offset) }
        // A log that was truncated may be longer by now than it was: batches in flight were appended there. Its leader
        // epochs tell (KIP-320).
        let isElsewhere = truncation.map { $0 == before.offset } ?? true
        guard subject.delivery == .exactlyOnce, subject.from > 0, subject.leaderEpoch >= 0,
            before.epoch > subject.leaderEpoch, isElsewhere
        else { return fenceOlderEpochs() }
        step = .epochEnd
    }

    /// - Parameter end: nil when the cluster does not tell.
    ///
    /// An epoch may also have ended unnoticed, in front of records written and acknowledged since. Then the copies
    /// behind its end are where the map has them.
    package mutating func targetEpochEnded(at end: Int64?) {
        guard let end, end < subject.from, let copy = subject.map.first(fromTarget: end) else {
            return fenceOlderEpochs()
        }
        guard copy.target < before.offset else {
            foundTruncation(at: end)
            return fenceOlderEpochs()
        }
        step = .compare(copy, end: end)
    }

    package mutating func compared(isCopy: Bool) {
        if case .search(var search, let pair) = step {
            search.compared(pair, isSame: isCopy)
            return continueSearch(search)
        }
        guard case .compare(_, let end) = step else { return }
        if !isCopy { foundTruncation(at: end) }
        fenceOlderEpochs()
    }

    private mutating func foundTruncation(at offset: Int64) {
        let truncation = min(truncation ?? .max, offset)
        self.truncation = truncation
        tail = TargetTail(from: max(0, truncation), ours: ours, keepsOffsets: subject.keepsOffsets)
    }

    private mutating func fenceOlderEpochs() {
        step = .endAgain
        guard !isFirstContact, truncation == nil else { return }
        for id in ours where known[id] != nil || !fresh.contains(id) {
            let epoch = known[id] ?? -1
            if epoch < .max { renewed[id] = epoch + 1 }
        }
        // A fence would take an offset that is a record's. Sequences that follow on the last one in the log fence as well:
        // of two batches that come for the same place, the broker takes one. Where that is not known, none is used twice in
        // an epoch: a batch that comes late would pass for another.
        guard !subject.keepsOffsets else {
            renewed = renewed.filter { subject.renewsEpoch && (!tellsProducers || lastSequence(of: $0.key) == nil) }
            return
        }
        if !renewed.isEmpty { step = .fence }
    }

    package mutating func fenced() {
        step = .endAgain
    }

    /// Without a fence the epoch in use is kept where it can be: brokers then recognise batches that arrive twice.
    package mutating func fencingUnavailable() {
        if !subject.renewsEpoch { renewed = [:] }
        step = .endAgain
    }

    /// Another producer has a higher epoch, or the cluster could not tell us ours.
    package mutating func epochsTooLow(_ error: KafkaError) {
        for (id, epoch) in renewed { known[id] = max(known[id] ?? -1, epoch) }
        failed(error)
    }

    private mutating func endsAgain(_ end: LogEnd) {
        now = end
        guard end.epoch == before.epoch, end.offset >= before.offset else {
            return failed("the leader has changed meanwhile", during: .listOffsets)
        }
        guard subject.delivery == .exactlyOnce, !isFirstContact || subject.keepsOffsets else { return readCopies() }
        readTail(LogRangeScan(from: tail.position, to: now.offset))
    }
}

// The tail.
extension PartitionRecovery {
    private mutating func readTail(_ scan: LogRangeScan) {
        guard scan.isDone else {
            step = .tail(scan)
            return
        }
        tail.close(at: now.offset)
        checkEpochs()
    }

    /// - Parameter hadRoom: see ``LogRangeScan``.
    package mutating func tookTargetRecords(_ records: ByteBuffer, hadRoom: Bool = true) {
        guard case .tail(var scan) = step else { return }
        do {
            try tail.take(records, until: now.offset)
        } catch {
            return failed("the target's log cannot be read: \(error)", during: .fetch)
        }
        scan.read(upTo: tail.position, hadRoom: hadRoom)
        readTail(scan)
    }

    /// The log does not have the offset any more, or not yet.
    package mutating func targetOutOfRange() {
        if case .tail(let scan) = step { step = .tailStart(scan) }
    }

    package mutating func targetBegins(at offset: Int64) {
        if case .searchTargetStart(var search) = step {
            if let pair = subject.map.first(fromTarget: offset) { search.begins(at: pair.source) }
            return continueSearch(search)
        }
        guard case .tailStart(var scan) = step else { return }
        tail.close(at: min(max(offset, tail.position), now.offset))
        scan.begins(at: tail.position)
        readTail(scan)
    }

    /// An epoch in the tail that is not below ours: what was known was out of date.
    private mutating func checkEpochs() {
        for (id, epoch) in tail.highestEpochs.sorted(by: { $0.key < $1.key })
        where !renewed.isEmpty && epoch >= (renewed[id] ?? .max) && epoch != .max {
            known[id] = epoch
            return failed("epoch \(epoch) of producer id \(id) is in use already", during: .describeProducers)
        }
        readCopies()
    }

    private mutating func match() {
        guard subject.cause == .takeover, truncation == nil, tail.count > 0 else {
            step = .done(nil)
            return
        }
        guard !subject.keepsOffsets else {
            // What others wrote says nothing of the source.
            step = tail.firstStranger == nil ? .alignedEnd : .done(nil)
            return
        }
        let match = SourceMatch(subject, tail)
        step = .sourceEpoch(match)
        if subject.cursor.leaderEpoch < 0 { sourceEpochEnded(nil) }
    }
}

// The last copies.
extension PartitionRecovery {
    private mutating func readCopies() {
        guard subject.comparesCopies, subject.cause == .takeover, truncation == nil, !subject.isSourceReplaced,
            let stretch = subject.map.newestStretch
        else { return match() }
        continueWith(CopySample(stretch))
    }

    private mutating func continueWith(_ sample: CopySample) {
        if sample.nextTarget != nil {
            step = .copies(sample)
        } else if sample.isEmpty {
            match()
        } else if tail.count > 0 {
            // The log that is matched beside the tail must be the one that was copied.
            step = .originals(sample)
        } else {
            self.sample = sample
            match()
        }
    }

    package mutating func tookCopies(_ records: ByteBuffer, hadRoom: Bool = true) {
        guard case .copies(var sample) = step else { return }
        sample.takeCopies(records, ours: ours, hadRoom: hadRoom)
        continueWith(sample)
    }

    /// The target has them no longer, or does not let us read them: there is nothing to compare.
    package mutating func copiesUnavailable() {
        if case .copies = step { match() }
    }

    package mutating func tookOriginals(_ records: ByteBuffer) {
        guard case .originals(let sample) = step else { return }
        let comparison = sample.compare(records)
        guard let place = comparison.differsAt else { return match() }
        step = .aborted(place > sample.sources.lowerBound ? .sourceDiverged(at: place) : .sourceDiffers(at: place))
    }

    package mutating func originalsUnavailable() {
        if case .originals = step { match() }
    }

    private mutating func continueSearch(_ search: DivergenceSearch) {
        var search = search
        if let pair = search.next(in: subject.map) {
            step = .search(search, pair)
        } else {
            step = .aborted(.sourceDiverged(at: search.found))
        }
    }
}

// The source.
extension PartitionRecovery {
    /// Before anything is matched: whether the source has still what was read last (KIP-320).
    ///
    /// - Parameter end: nil when the cluster does not tell: then contents do.
    package mutating func sourceEpochEnded(_ end: LogEnd?) {
        guard case .sourceEpoch(var match) = step else { return }
        if let end, end.offset < match.cursor.position {
            step = .aborted(.sourceTruncated(end))
            return
        }
        match.matcher.sourceEpochEnded(at: end?.offset)
        continueMatching(match)
    }

    private mutating func continueMatching(_ match: SourceMatch) {
        step = match.isOver ? .done(match) : .match(match)
        if match.hasReachedEnd, !match.matcher.isDone { step = .sourceEnd(match) }
    }

    /// - Parameter intake: with what is known of origins by now.
    package mutating func tookSourceRecords(_ answer: SourceMatch.Answer, intake: BatchIntake, hadRoom: Bool = true) {
        guard case .match(var match) = step else { return }
        if let need = match.take(answer, subject.rewriter, intake, hadRoom: hadRoom) {
            step = .origins(match, need)
        } else {
            continueMatching(match)
        }
    }

    package mutating func originsLearned() {
        if case .origins(let match, _) = step { step = .match(match) }
    }

    package mutating func sourceOutOfRange() {
        if case .match(let match) = step { step = .matchStart(match) }
    }

    package mutating func sourceBegins(at offset: Int64) {
        if case .searchStart(var search) = step {
            search.begins(at: offset)
            step = .searchTargetStart(search)
            return
        }
        guard case .matchStart(var match) = step else { return }
        match.begins(at: offset)
        continueMatching(match)
    }

    /// A leader that was just elected shows its log only as far as its followers have it.
    ///
    /// - Parameter end: nil when the cluster does not tell.
    package mutating func sourceLeaderEnds(at end: Int64?, cluster: String) {
        if case .alignedEnd = step {
            let isShort = end.map { $0 < now.offset } ?? false
            step = isShort ? .aborted(.sourceEnds(at: end ?? 0, copy: now.offset)) : .done(nil)
            return
        }
        guard case .sourceEnd(var match) = step else { return }
        if let end {
            guard end <= match.cursor.position else {
                return failed(
                    "the source shows its log up to offset \(match.cursor.position) only, of \(end)", during: .fetch,
                    cluster: cluster)
            }
            match.matcher.sourceEnded()
        }
        step = .done(match)
    }
}
