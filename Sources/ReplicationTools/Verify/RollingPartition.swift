internal import KafkaClient
internal import KafkaWire

/// One partition of a rolling verification: its progress, and its obstacle.
struct RollingPartition: Sendable {
    let compared: ComparedPair
    private var following: Following
    private let result: PartitionVerification
    /// Reason for which it is no longer followed.
    private(set) var failure: String?

    private enum Following {
        case ordered(OrderedFollowing)
        case keyed(KeyedFollowing)
        case inPlace(OffsetFollowing)
    }

    /// - Parameter keysAtOnce: records of a compacted topic that the target may be behind.
    init(_ compared: ComparedPair, from start: Start, keysAtOnce: Int) {
        self.compared = compared
        let pair = compared.pair
        result = PartitionVerification(
            topic: pair.source.topic, targetTopic: pair.target.topic, partition: pair.source.partition)
        let source = start.place.source..<max(start.place.source, pair.sourceRange.upperBound)
        let target = start.place.target..<max(start.place.target, pair.targetRange.upperBound)
        if pair.isCompacted {
            following = .keyed(
                KeyedFollowing(
                    compared, source: source, target: target, limit: keysAtOnce,
                    allowsLeading: start.allowance.target))
        } else if compared.keepsOffsets {
            following = .inPlace(OffsetFollowing(compared, from: max(start.place.source, start.place.target)))
        } else {
            following = .ordered(
                OrderedFollowing(compared.sides(source: source, target: target, allowance: start.allowance)))
        }
    }

    /// Offsets at which the verification of a partition begins.
    struct Start: Sendable {
        var place: RangeAlignment.Place
        var allowance = SequenceComparison.LeadingAllowance()
    }

    /// Source offsets that have not been found on the target yet.
    var behind: Int64 {
        switch following {
        case .ordered(let ordered): ordered.behind
        case .keyed(let keyed): keyed.behind
        case .inPlace(let inPlace): inPlace.behind
        }
    }

    /// Compares as far as both sides go.
    ///
    /// - Returns: what was found, and what is in the way at the moment. An error that time may heal is passed on to the
    ///   next turn, any other ends the partition.
    mutating func follow(source: Int64, target: Int64, now: ContinuousClock.Instant) async -> Turn {
        var trouble: KafkaError?
        do throws(KafkaError) {
            switch following {
            case .ordered(var ordered):
                defer { following = .ordered(ordered) }
                try await ordered.follow(source: source, target: target, now: now)
            case .keyed(var keyed):
                defer { following = .keyed(keyed) }
                try await keyed.follow(source: source, target: target)
            case .inPlace(var inPlace):
                defer { following = .inPlace(inPlace) }
                try await inPlace.follow(source: source, target: target)
            }
        } catch {
            trouble = error
            if !error.isRetriable { fail(error) }
        }
        return Turn(findings: takeFindings(), trouble: trouble)
    }

    struct Turn: Sendable {
        var findings: [Difference]
        var trouble: KafkaError?
    }

    private mutating func takeFindings() -> [Difference] {
        switch following {
        case .ordered(var ordered):
            defer { following = .ordered(ordered) }
            return ordered.takeFindings()
        case .keyed(var keyed):
            defer { following = .keyed(keyed) }
            return keyed.takeFindings()
        case .inPlace(var inPlace):
            defer { following = .inPlace(inPlace) }
            return inPlace.takeFindings()
        }
    }

    private mutating func fail(_ error: KafkaError) {
        failure =
            error.code == .offsetOutOfRange
            ? "\(error): retention removed records before they were compared" : "\(error)"
    }

    /// Waits for what the target does not have yet, as long as it moves.
    mutating func finish(patience: Duration) async -> (verified: PartitionVerification, findings: [Difference]) {
        if failure == nil {
            do throws(KafkaError) {
                switch following {
                case .ordered(var ordered):
                    defer { following = .ordered(ordered) }
                    _ = try await ordered.finish(patience: patience, result: result)
                case .keyed(var keyed):
                    defer { following = .keyed(keyed) }
                    try await keyed.finish(patience: patience)
                case .inPlace(var inPlace):
                    defer { following = .inPlace(inPlace) }
                    try await inPlace.finish(patience: patience)
                }
            } catch {
                fail(error)
            }
        }
        var found = verified
        found.failure = failure
        return (found, takeFindings())
    }

    /// Findings so far.
    var verified: PartitionVerification {
        switch following {
        case .ordered(let ordered): ordered.verified(result)
        case .keyed(let keyed): keyed.verified(result)
        case .inPlace(let inPlace): inPlace.verified(result)
        }
    }
}
