internal import KafkaClient

/// Follows one partition record by record, in order, as both sides grow.
///
/// A copy is never older than its original: what the target has by some moment, the source has had. So a target record
/// that the source does not have is a difference at once, while a source record that the target does not have yet may
/// be on its way until a later one has arrived.
struct OrderedFollowing {
    private(set) var sides: PartitionComparison
    /// Time since which target records wait for a counterpart.
    private var waitingSince: ContinuousClock.Instant?

    /// Target records that fit nowhere wait so long for those behind them, which may tell more of what has happened.
    private static let longestWait: Duration = .seconds(2)

    init(_ sides: PartitionComparison) {
        self.sides = sides
        self.sides.comparison.keepsFindings = true
    }

    /// Source offsets that have not been found on the target yet.
    var behind: Int64 {
        sides.source.end - min(sides.comparison.firstWaitingSource ?? .max, sides.source.reached)
    }

    /// Compares as far as both sides go.
    ///
    /// - Parameters:
    ///   - source: where it ends now; read later than the target's end.
    ///   - target: where it ends now.
    mutating func follow(source: Int64, target: Int64, now: ContinuousClock.Instant) async throws(KafkaError) {
        sides.extend(source: source)
        sides.extend(target: target)
        defer { sides.dropReadAhead() }
        try await compare()
        guard sides.comparison.isTargetWaiting else {
            waitingSince = nil
            return
        }
        let since = waitingSince ?? now
        waitingSince = since
        guard now - since >= Self.longestWait else { return }
        sides.comparison.confirmMatches()
        waitingSince = nil
    }

    private mutating func compare() async throws(KafkaError) {
        while true {
            if sides.comparison.isLevel { try await sides.compareWholeBatches() }
            switch sides.comparison.advance(sourceHasEnded: sides.source.isAtEnd, targetHasEnded: false) {
            case .nothing: return
            case .source: try await sides.takeSource()
            case .target:
                guard !sides.target.isAtEnd else { return }
                try await sides.takeTarget()
            }
        }
    }

    /// Compares to the ends that are known, waiting for a target that still moves.
    mutating func finish(patience: Duration, result: PartitionVerification) async throws(KafkaError) {
        var ordered = OrderedVerification(sides, patience: patience, result: result)
        defer { sides = ordered.sides }
        _ = try await ordered.run { _, _, _ in }
    }

    /// Differences found since the last time.
    mutating func takeFindings() -> [Difference] { sides.comparison.takeFindings() }

    /// Findings so far, in the form of the report.
    func verified(_ result: PartitionVerification) -> PartitionVerification {
        var found = result.reaching(sides.source, sides.target)
        found.add(sides)
        return found
    }
}
