internal import KafkaClient
internal import KafkaWire

/// Compares one partition record by record, in order, to a fixed end at the source.
///
/// A target that is still being written to is waited for, as long as it moves.
struct OrderedVerification {
    private(set) var sides: PartitionComparison
    private let patience: Duration
    /// Limiter whose slot is left while it waits for the target; nil where no other partition is waiting for one.
    private let limiter: ConcurrencyLimiter?
    private var result: PartitionVerification
    private var passedSource: Int64
    /// The target was waited for in vain: it is not waited for again.
    private var isTargetOver = false

    /// - Parameter sides: as far as they have come; their ends are those of the snapshot.
    init(
        _ sides: PartitionComparison, patience: Duration, limiter: ConcurrencyLimiter? = nil,
        result: PartitionVerification
    ) {
        self.sides = sides
        self.patience = patience
        self.limiter = limiter
        self.result = result
        self.sides.comparison.openEnd = sides.target.end
        passedSource = sides.source.reached
        self.result.sourceStart = sides.source.start
        self.result.sourceEnd = sides.source.end
        self.result.targetStart = sides.target.start
    }

    /// Compares to the source's end.
    ///
    /// - Parameter progress: called now and then with what has been passed since the last time.
    mutating func run(
        progress: (_ offsets: Int64, _ bytes: Int64, _ differences: Int64) -> Void
    ) async throws(KafkaError) -> PartitionVerification {
        var reported = (bytes: sides.bytesRead, differences: sides.comparison.tally.total)
        while true {
            if sides.comparison.isLevel { try await sides.compareWholeBatches() }
            // Before the target may be waited for.
            let now = (bytes: sides.bytesRead, differences: sides.comparison.tally.total)
            progress(movedSource(), now.bytes - reported.bytes, now.differences - reported.differences)
            reported = now
            let need = sides.comparison.advance(sourceHasEnded: sides.source.isAtEnd, targetHasEnded: isTargetOver)
            // Records that the target received behind the snapshot are not compared: there may be no end of them.
            let isPassed =
                sides.source.isAtEnd && sides.comparison.isLevel && (sides.target.isAtEnd || hasPassedSnapshot)
            if need == .nothing || isPassed {
                progress(movedSource(), 0, sides.comparison.tally.total - reported.differences)
                return finished()
            }
            switch need {
            case .nothing: break
            case .source: try await sides.takeSource()
            case .target: if sides.target.isAtEnd { try await awaitTarget() } else { try await sides.takeTarget() }
            }
        }
    }

    private var hasPassedSnapshot: Bool { sides.target.reached >= sides.comparison.openEnd }

    private mutating func movedSource() -> Int64 {
        let now = sides.source.isAtEnd ? sides.source.end : max(passedSource, sides.source.reached)
        defer { passedSource = now }
        return now - passedSource
    }

    private func finished() -> PartitionVerification {
        var result = result
        result.add(sides)
        result.targetEnd = sides.target.reached
        return result
    }

    /// Waits until the target has more, or has not grown for as long as patience lasts: then it will not get what the
    /// source still has.
    private mutating func awaitTarget() async throws(KafkaError) {
        let (target, patience) = (sides.target, patience)
        let growth = { @Sendable () async throws(KafkaError) in try await target.growth(within: patience) }
        let end = if let limiter { try await limiter.leavingSlot(during: growth) } else { try await growth() }
        if let end { sides.extend(target: end) } else { isTargetOver = true }
    }
}

extension PartitionScan {
    /// End of the log once it has grown beyond the scanned range; nil when it has not in this time.
    fileprivate func growth(within patience: Duration) async throws(KafkaError) -> Int64? {
        let clock = ContinuousClock()
        let deadline = clock.now + patience
        while true {
            let now = try await currentEnd()
            if now > end { return now }
            guard clock.now < deadline else { return nil }
            do {
                try await clock.sleep(for: .milliseconds(100))
            } catch {
                throw KafkaError(.cancelled, during: .request(.fetch), cluster: client.settings.name)
            }
        }
    }
}

extension PartitionVerification {
    /// Adds the findings of a comparison in order to those that are there.
    mutating func add(_ sides: PartitionComparison) {
        equal += sides.comparison.equal
        differences.add(sides.comparison.tally)
        beforeTarget += sides.comparison.leading.source
        beforeSource += sides.comparison.leading.target
        bytes += sides.bytesRead
        equalInWholeBatches += sides.equalInWholeBatches
        loops += sides.loops
        foreign += sides.foreign
    }
}
