internal import KafkaClient

/// Follows one partition in place as both sides grow, where copies keep their offsets.
struct OffsetFollowing {
    private(set) var comparison: OffsetComparison
    /// Ends of both sides, as far as they are known.
    private var ends: (source: Int64, target: Int64)

    init(_ compared: ComparedPair, from start: Int64) {
        comparison = OffsetComparison(compared, start..<start)
        ends = (start, start)
    }

    /// Source offsets that have not been compared yet.
    var behind: Int64 { max(0, ends.source - comparison.reached) }

    mutating func follow(source: Int64, target: Int64) async throws(KafkaError) {
        ends = (max(source, ends.source), max(target, ends.target))
        try await compare(to: min(ends.source, ends.target))
    }

    private mutating func compare(to end: Int64) async throws(KafkaError) {
        guard end > comparison.source.end else { return }
        comparison.extend(to: end)
        defer { comparison.dropReadAhead() }
        try await comparison.run()
    }

    /// Waits for what the target does not have yet, as long as it moves, and compares the rest.
    mutating func finish(patience: Duration) async throws(KafkaError) {
        let end = ends.source
        ends.target = max(ends.target, try await comparison.target.awaitEnd(end, patience: patience))
        try await compare(to: max(end, ends.target))
    }

    mutating func takeFindings() -> [Difference] { comparison.takeFindings() }

    /// Findings so far, in the form of the report.
    func verified(_ result: PartitionVerification) -> PartitionVerification {
        var found = result.reaching(comparison.source, comparison.target)
        found.add(comparison)
        return found
    }
}
