internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Compares one partition in place, to a fixed end at the source, where copies keep their offsets; everything, or chosen
/// stretches. See ``OffsetComparison``.
struct OffsetVerification {
    let compared: ComparedPair
    /// Source offset at which the flow has begun.
    let begin: Int64
    /// Nil for everything.
    let sampling: Sampling?
    let patience: Duration
    let limiter: ConcurrencyLimiter
    /// The end is where the source ends, and no other that was asked for.
    let isSourceEnd: Bool

    private var pair: EndOffsetSnapshot.Pair { compared.pair }

    /// - Parameter progress: called now and then with what has been passed since the last time.
    func run(
        _ empty: PartitionVerification, progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws(KafkaError) -> PartitionVerification {
        let end = pair.sourceRange.upperBound
        let start = min(end, max(pair.sourceRange.lowerBound, pair.targetRange.lowerBound, begin))
        var result = empty
        result.sourceStart = pair.sourceRange.lowerBound
        result.sourceEnd = end
        result.targetStart = pair.targetRange.lowerBound
        result.beforeTarget = start - pair.sourceRange.lowerBound
        let (scan, patience) = (compared.targetScan(start..<start), patience)
        let reached = try await limiter.leavingSlot { () async throws(KafkaError) in
            try await scan.awaitEnd(end, patience: patience)
        }
        result.targetEnd = min(max(reached, pair.targetRange.upperBound), max(end, pair.targetRange.upperBound))
        let beyond = isSourceEnd ? compared.reasonBeyond : nil
        if let sampling {
            result.sample = PartitionVerification.Sample()
            result.sample?.of = end - start
            let chosen = sampling.ranges(of: pair.source.topic, partition: pair.source.partition, in: start..<end)
            for wanted in chosen {
                result.sample?.add(wanted)
                try await compare(wanted, ComparedPair.fewBytes, &result, progress)
            }
        } else {
            try await compare(
                start..<(beyond == nil ? end : pair.targetRange.upperBound), ComparedPair.manyBytes, &result, progress)
        }
        result.failure = beyond
        return result
    }

    private func compare(
        _ range: Range<Int64>, _ fetchBytes: Int32, _ result: inout PartitionVerification,
        _ progress: (Int64, Int64, Int64) -> Void
    ) async throws(KafkaError) {
        var comparison = OffsetComparison(compared, range, fetchBytes: fetchBytes)
        var told = (offset: range.lowerBound, bytes: Int64(0), differences: Int64(0))
        try await comparison.run { now in
            let reached = max(told.offset, now.reached)
            progress(reached - told.offset, now.bytesRead - told.bytes, now.tally.total - told.differences)
            told = (reached, now.bytesRead, now.tally.total)
        }
        result.add(comparison)
    }
}

extension ComparedPair {
    /// Reason why a copy that keeps offsets cannot continue to do so: what its log has, the source's must have had before. Nil
    /// for none.
    var reasonBeyond: String? {
        let end = pair.sourceRange.upperBound + pair.beyondStable.source
        guard keepsOffsets, pair.targetRange.upperBound > end else { return nil }
        return
            "the copy's log ends at offset \(pair.targetRange.upperBound), beyond the source's at \(end): what the source writes "
            + "next cannot have its offset there"
    }
}

extension PartitionVerification {
    /// Adds the findings of a comparison in place to those that are there.
    mutating func add(_ comparison: OffsetComparison) {
        equal += comparison.equal
        differences.add(comparison.tally)
        bytes += comparison.bytesRead
        equalInWholeBatches += comparison.equalInWholeBatches
        loops += comparison.loops
    }
}

extension PartitionScan {
    /// Waits until the log has reached an offset, as long as it moves.
    ///
    /// - Returns: its end.
    func awaitEnd(_ wanted: Int64, patience: Duration) async throws(KafkaError) -> Int64 {
        let clock = ContinuousClock()
        var end = try await currentEnd()
        var deadline = clock.now + patience
        while end < wanted, clock.now < deadline {
            do {
                try await clock.sleep(for: .milliseconds(100))
            } catch {
                throw KafkaError(.cancelled, during: .request(.fetch), cluster: client.settings.name)
            }
            let now = try await currentEnd()
            if now > end { deadline = clock.now + patience }
            end = now
        }
        return end
    }
}
