internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// A search for footing in progress: what is known so far of each partition concerned. No I/O.
struct FootingSearch {
    struct Entry {
        let index: Int
        let source: TopicPartition
        let footing: Footing
        /// Where the tail begins; -1 when nothing was ever accounted for.
        let from: Int64
        /// Highest epoch known of each of our producer ids.
        var known: [Int64: Int16]
        /// Epochs to go on with.
        var renewed: [Int64: Int16] = [:]
        /// Where the log ended before anything of ours was added to it.
        var before = LogEnd()
        var now = LogEnd()
        /// See ``PartitionState/targetEpoch``.
        let knownEpoch: Int32
        let seenEpoch: Int32
        /// Where the log was cut, if it was.
        var cut: Int64?
        var tail: TargetTail
        var walk: Walk?
        /// The source was cut in front of where the walk would begin.
        var sourceCut: LogEnd?
        /// The source cannot be asked, or the walk is over.
        var isWalked = false
    }

    /// Where a log ends, and in which leader epoch; both -1 when unknown.
    struct LogEnd {
        var offset: Int64 = -1
        var epoch: Int32 = -1
    }

    struct Walk {
        var scratch: PartitionState
        var alignment: TailAlignment
        var skipped: [SkipReason: Int64] = [:]
        var hasGap = false
        /// There was nothing more to read.
        var hasEnded = false
    }

    /// Every producer id of the flow, and those of them that nobody can have used before this process.
    var ours: Set<Int64> = []
    var fresh: Set<Int64> = []
    private var entries: [TopicPartition: Entry] = [:]
    private(set) var failures: [Int: KafkaError] = [:]
    private var bySource: [TopicPartition: TopicPartition] = [:]

    mutating func begin(_ index: Int, _ partition: PartitionState) {
        var known = partition.recordedEpochs
        if partition.wasFirm {
            for producer in partition.window.producers {
                known[producer.id] = max(known[producer.id] ?? -1, producer.epoch)
            }
        }
        let from = partition.targetEnd
        entries[partition.target] = Entry(
            index: index, source: partition.source, footing: partition.footing, from: from, known: known,
            knownEpoch: partition.targetEpoch, seenEpoch: partition.seenTargetEpoch,
            tail: TargetTail(
                from: max(0, from), ours: ours, leaderEpoch: partition.targetEpoch, following: partition.following))
        if let regression = partition.regression { foundCut(partition.target, at: regression.target) }
        if partition.isTargetRecreated, from > 0 { foundCut(partition.target, at: 0) }
        bySource[partition.source] = partition.target
        renewsAnyway[index] = partition.footing == .takeover || partition.needsNewEpoch
        isFirstContact[index] = partition.footing == .takeover && from < 0 && ours.isSubset(of: fresh)
    }

    /// Partitions where somebody goes on in a higher epoch than we ever had.
    private(set) var fencedOut: Set<Int> = []
    private var renewsAnyway: [Int: Bool] = [:]
    private var isFirstContact: [Int: Bool] = [:]

    var targets: [TopicPartition] { entries.keys.filter { failures[entries[$0]?.index ?? -1] == nil } }

    /// Partitions where somebody may have written under our ids.
    var touchedTargets: [TopicPartition] { targets.filter { isFirstContact[entries[$0]?.index ?? -1] != true } }

    mutating func update(_ target: TopicPartition, _ change: (inout Entry) -> Void) {
        guard var entry = entries[target] else { return }
        entries[target] = nil
        change(&entry)
        entries[target] = entry
    }

    /// The partition is no concern of the search any more.
    mutating func drop(_ index: Int) {
        entries = entries.filter { $0.value.index != index }
    }

    mutating func fail(_ target: TopicPartition, _ error: KafkaError) {
        guard let entry = entries[target] else { return }
        failures[entry.index] = error
    }

    mutating func failSource(_ source: TopicPartition, _ error: KafkaError) {
        guard let target = bySource[source] else { return }
        fail(target, error)
    }

    mutating func failWalks(_ error: KafkaError) {
        for target in unwalkedTargets { fail(target, error) }
    }

    // Epochs

    mutating func described(_ target: TopicPartition, _ producers: [ActiveProducer]) {
        let ours = ours
        var fencedOut = fencedOut
        update(target) { entry in
            for producer in producers where ours.contains(producer.producerID) {
                let epoch = Int16(clamping: producer.epoch)
                if entry.footing == .uncertain, epoch > entry.known[producer.producerID] ?? .max {
                    fencedOut.insert(entry.index)
                }
                entry.known[producer.producerID] = max(entry.known[producer.producerID] ?? -1, epoch)
            }
        }
        self.fencedOut = fencedOut
    }

    mutating func epochTooLow(_ target: TopicPartition) {
        update(target) { entry in
            for (id, epoch) in entry.renewed { entry.known[id] = max(entry.known[id] ?? -1, epoch) }
        }
    }

    /// What is to be fenced: every id of ours that may have been written under here, with its next epoch.
    var fences: [TopicPartition: [ProducerIdentity]] {
        mutating get {
            var fences: [TopicPartition: [ProducerIdentity]] = [:]
            let (ours, fresh) = (ours, fresh)
            for target in touchedTargets {
                // A log that went backwards is not added to before a checkpoint says so.
                if entries[target]?.cut != nil { continue }
                update(target) { entry in
                    for id in ours where entry.known[id] != nil || !fresh.contains(id) {
                        let epoch = entry.known[id] ?? -1
                        if epoch < .max { entry.renewed[id] = epoch + 1 }
                    }
                }
                guard let renewed = entries[target]?.renewed, !renewed.isEmpty else { continue }
                fences[target] = renewed.map { ProducerIdentity(id: $0.key, epoch: $0.value) }
            }
            return fences
        }
    }

    /// Ids that have no higher epoch left somewhere.
    var exhausted: Set<Int64> {
        Set(targets.flatMap { target in (entries[target]?.known ?? [:]).filter { $0.value == .max }.keys })
    }

    /// Without a fence the epoch in use is kept where it can be: brokers then recognise what arrives twice.
    mutating func dropUnfencedRenewals() {
        let renewsAnyway = renewsAnyway
        for target in entries.keys {
            update(target) { entry in if renewsAnyway[entry.index] != true { entry.renewed = [:] } }
        }
    }

    /// An epoch in the tail that is not below ours: what was known was out of date.
    mutating func checkEpochs() {
        for target in targets {
            guard let entry = entries[target], !entry.renewed.isEmpty else { continue }
            for (id, epoch) in entry.tail.highestEpochs where epoch >= (entry.renewed[id] ?? .max) && epoch != .max {
                update(target) { $0.known[id] = epoch }
                fail(
                    target,
                    KafkaError(
                        .unexpectedAnswer("epoch \(epoch) of producer id \(id) is in use already"),
                        during: .request(.describeProducers), cluster: "", topic: target.topic,
                        partition: target.partition))
            }
        }
    }

    /// What was learned about epochs, also where the search has failed.
    func knownEpochs(of target: TopicPartition) -> [Int64: Int16] {
        guard let entry = entries[target] else { return [:] }
        return entry.known.merging(entry.renewed) { max($0, $1) }
    }

    // Ends and cuts

    /// What was found before anything of ours was added.
    mutating func ended(_ target: TopicPartition, _ end: LogEnd) {
        update(target) { $0.before = end }
        guard let entry = entries[target], end.offset < entry.from else { return }
        foundCut(target, at: end.offset)
    }

    /// What was found after our fences: no log has lost anything while it was being asked.
    mutating func endsNow(_ target: TopicPartition, _ end: LogEnd) {
        update(target) { $0.now = end }
        guard let entry = entries[target], end.epoch != entry.before.epoch || end.offset < entry.before.offset else {
            return
        }
        fail(
            target,
            KafkaError(
                .unexpectedAnswer("the leader has changed meanwhile"), during: .request(.listOffsets), cluster: "",
                topic: target.topic, partition: target.partition))
    }

    /// Logs whose leader has changed since they were last looked at, with the epoch that it had then.
    var changedEpochs: [TopicPartition: Int32] {
        var epochs: [TopicPartition: Int32] = [:]
        for target in targets {
            guard let entry = entries[target], entry.from > 0, entry.knownEpoch >= 0,
                entry.before.epoch > entry.knownEpoch, entry.cut.map({ $0 == entry.before.offset }) ?? true
            else { continue }
            epochs[target] = entry.knownEpoch
        }
        return epochs
    }

    /// What would not be there if the log had been cut where its epoch ended; nil when it can be no other way, or there is
    /// nothing to compare.
    ///
    /// An epoch may also have ended unnoticed, in front of what was written and acknowledged since. Then the copies behind
    /// its end are where the map has them.
    mutating func epochEnded(_ target: TopicPartition, at end: Int64, _ map: (Int) -> OffsetMap) -> CutDoubt? {
        guard let entry = entries[target], end < entry.from else { return nil }
        guard let copy = map(entry.index).first(fromTarget: end) else { return nil }
        guard copy.target < entry.before.offset else {
            foundCut(target, at: end)
            return nil
        }
        return CutDoubt(source: entry.source, target: target, end: end, copy: copy)
    }

    struct CutDoubt {
        let source: TopicPartition
        let target: TopicPartition
        /// Where the log was cut, if it was.
        let end: Int64
        /// The first copy behind that by the map.
        let copy: OffsetSegment.Pair
    }

    mutating func foundCut(_ target: TopicPartition, at offset: Int64) {
        let ours = ours
        update(target) { entry in
            let cut = min(entry.cut ?? .max, offset)
            entry.cut = cut
            entry.tail = TargetTail(from: max(0, cut), ours: ours)
        }
    }

    // Tails

    var unreadTails: [FetchPosition] {
        targets.compactMap { target in
            guard let entry = entries[target], isFirstContact[entry.index] != true,
                entry.tail.position < entry.now.offset
            else { return nil }
            return FetchPosition(topic: target.topic, partition: target.partition, fetchOffset: entry.tail.position)
        }
    }

    /// - Returns: whether that brought the tail further.
    mutating func tookTail(_ target: TopicPartition, _ records: ByteBuffer) -> Bool {
        var hasMoved = false
        var damage: String?
        update(target) { entry in
            let before = entry.tail.position
            do { try entry.tail.take(records, until: entry.now.offset) } catch { damage = "\(error)" }
            hasMoved = entry.tail.position > before
        }
        if let damage {
            fail(
                target,
                KafkaError(
                    .unexpectedAnswer("the target's log cannot be read: \(damage)"), during: .request(.fetch),
                    cluster: "", topic: target.topic, partition: target.partition))
        }
        return hasMoved
    }

    mutating func tailBegins(_ target: TopicPartition, at offset: Int64) {
        update(target) { $0.tail.close(at: min(max(offset, $0.tail.position), $0.now.offset)) }
    }

    mutating func closeTails() {
        for position in unreadTails { update(position.topicPartition) { $0.tail.close(at: $0.now.offset) } }
    }

    // Walks

    mutating func beginWalks(_ partition: (Int) -> PartitionState) {
        for target in targets {
            update(target) { entry in
                guard entry.footing == .takeover, entry.cut == nil,
                    entry.tail.count > 0 || (entry.tail.gaps > 0 && !entry.tail.prints.isEmpty)
                else {
                    entry.isWalked = true
                    return
                }
                let scratch = partition(entry.index)
                entry.walk = Walk(
                    scratch: scratch,
                    alignment: TailAlignment(
                        start: scratch.position, tail: entry.tail, isOtherLog: scratch.isOtherLog))
            }
        }
    }

    private var unwalkedTargets: [TopicPartition] {
        targets.filter { target in
            guard let entry = entries[target], !entry.isWalked, let walk = entry.walk else { return false }
            return !walk.alignment.isDone
        }
    }

    var unwalked: [FetchPosition] {
        unwalkedTargets.compactMap { target in
            guard let entry = entries[target], let walk = entry.walk else { return nil }
            return FetchPosition(
                topic: entry.source.topic, partition: entry.source.partition, fetchOffset: walk.scratch.position)
        }
    }

    /// - Returns: what has to be learned before the walk can go on.
    mutating func walked(
        _ source: TopicPartition, _ fetched: FetchedPartition, _ intake: PartitionIntake
    ) -> OriginRules.Need? {
        guard let target = bySource[source] else { return nil }
        var unknown: OriginRules.Need?
        update(target) { entry in
            guard var walk = entry.walk else { return }
            entry.walk = nil
            let before = walk.scratch.position
            let outcome = intake.take(
                fetched.records?.contiguous ?? ByteBuffer(), aborted: fetched.abortedTransactions, at: .now(),
                into: &walk.scratch)
            unknown = outcome.need
            var isReadable = outcome.failure == nil
            for batch in outcome.batches {
                let hasHole = walk.hasGap || batch.skipped[.compacted, default: 0] > 0
                walk.hasGap = false
                let wasDone = walk.alignment.isDone
                do {
                    try walk.alignment.take(batch.records, sources: batch.sources.ranges, hasHole: hasHole)
                } catch {
                    isReadable = false
                }
                if !wasDone { walk.skipped.merge(batch.skipped) { $0 + $1 } }
            }
            let end = fetched.lastStableOffset >= 0 ? fetched.lastStableOffset : fetched.highWatermark
            let hasMoved = walk.scratch.position > before
            walk.hasEnded = isReadable && !hasMoved && walk.scratch.position >= end
            if unknown == nil, !isReadable || walk.hasEnded { entry.isWalked = true }
            entry.walk = walk
        }
        return unknown
    }

    /// The source no longer has what the walk would read next.
    mutating func sourceBegins(_ source: TopicPartition, at offset: Int64) {
        guard let target = bySource[source] else { return }
        update(target) { entry in
            guard var walk = entry.walk, offset > walk.scratch.position else {
                entry.isWalked = true
                return
            }
            walk.hasGap = true
            walk.scratch.position = offset
            entry.walk = walk
        }
    }

    mutating func endWalk(_ source: TopicPartition) {
        guard let target = bySource[source] else { return }
        update(target) { $0.isWalked = true }
    }

    // A source that was cut

    /// Sources to walk, with the leader epoch that they were last read in; -1 when unknown.
    var readEpochs: [TopicPartition: Int32] {
        var epochs: [TopicPartition: Int32] = [:]
        for target in unwalkedTargets {
            guard let entry = entries[target], let walk = entry.walk else { continue }
            epochs[entry.source] = walk.scratch.lastReadEpoch
        }
        return epochs
    }

    /// Where the epoch has ended that a source was last read in.
    mutating func readEpochEnded(_ source: TopicPartition, at end: EpochEnd?) {
        guard let target = bySource[source] else { return }
        update(target) { entry in
            guard let walk = entry.walk else { return }
            guard let end, let offset = end.endOffset, offset < walk.scratch.position else {
                entry.walk?.alignment.sourceEpochEnded(at: end?.endOffset)
                return
            }
            entry.sourceCut = LogEnd(offset: offset, epoch: end.epoch ?? -1)
            entry.isWalked = true
        }
    }

    /// Sources that were cut in front of where they were to be walked from: that has to be dealt with first.
    var sourceCuts: [(index: Int, end: LogEnd)] {
        targets.compactMap { target in
            entries[target].flatMap { entry in entry.sourceCut.map { (entry.index, $0) } }
        }
    }

    /// Sources that end before all copies were found.
    var shortSources: [TopicPartition] {
        targets.compactMap { target in
            guard let entry = entries[target], let walk = entry.walk, walk.hasEnded, !walk.alignment.isDone else {
                return nil
            }
            return entry.source
        }
    }

    /// How far the leader's own log goes: what its followers do not have yet cannot be read.
    mutating func sourceEnds(_ source: TopicPartition, at end: Int64?, cluster: String) {
        guard let target = bySource[source], let walk = entries[target]?.walk, let end else { return }
        guard end > walk.scratch.position else { return update(target) { $0.walk?.alignment.sourceEnded() } }
        fail(
            target,
            KafkaError(
                .unexpectedAnswer("the source shows its log up to offset \(walk.scratch.position) only, of \(end)"),
                during: .request(.fetch), cluster: cluster, topic: source.topic, partition: source.partition))
    }

    // Findings

    var findings: [(Int, FootingFindings)] {
        targets.compactMap { target in
            guard let entry = entries[target] else { return nil }
            var findings = FootingFindings(
                footing: entry.footing, end: entry.now.offset, epoch: entry.now.epoch, cut: entry.cut, tail: entry.tail,
                from: entry.from, seenEpoch: entry.seenEpoch)
            findings.epochs = entry.renewed.map { ProducerIdentity(id: $0.key, epoch: $0.value) }
            if var walk = entry.walk { findings.recovery = walk.recovery(entry.tail) }
            return (entry.index, findings)
        }
    }
}

extension FootingSearch.Walk {
    fileprivate mutating func recovery(_ tail: TargetTail) -> FootingFindings.Recovery {
        alignment.end()
        let start = scratch.passed
        let position = alignment.position
        let written = min(alignment.recovered, position - start)
        var rest = position - start - written
        let setAside = min(rest, alignment.setAside)
        var reasons: [SkipReason: Int64] = setAside > 0 ? [.quarantined: setAside] : [:]
        rest -= setAside
        for reason in SkipReason.allCases where reason != .compacted {
            let count = min(rest, skipped[reason] ?? 0)
            if count > 0 { reasons[reason, default: 0] += count }
            rest -= count
        }
        if rest > 0 { reasons[.compacted] = rest }
        return FootingFindings.Recovery(
            sourceTopicID: scratch.sourceTopicID, start: start, position: position,
            readEpoch: scratch.position == position ? scratch.lastReadEpoch : -1, written: written, skipped: reasons,
            copies: alignment.copies,
            sourceCut: alignment.sourceCut(walkedTo: scratch.position),
            landed: alignment.cut.map { seam in
                FootingFindings.Landed(
                    offset: seam.offset, records: tail.count - seam.number, behindRefused: seam.isRefusal)
            })
    }
}
