internal import KafkaClient

/// Fate of every source offset that a partition has completed.
///
/// The identity that must always hold: `passed - start + rewound = written + everything skipped`.
package struct Accounting: Hashable, Sendable, Codable {
    /// Source offset at which replication of the partition began.
    package private(set) var start: Int64
    /// Records that the target has got. One that was lost there and copied again counts twice.
    package private(set) var written: Int64 = 0
    /// Source offsets without a record on the target, by ``SkipReason``.
    package private(set) var skipped: [String: Int64] = [:]
    /// Source offsets that were passed and then gone back over.
    package private(set) var rewound: Int64 = 0
    /// Target offsets between our records that hold nothing of ours: other writers' records, markers of transactions.
    package private(set) var foreign: Int64 = 0
    /// Records appended out of order after a truncation of the target or lost producer state, then copied again in
    /// order: duplicates on the target. Nil for none.
    package private(set) var doubled: Int64?
    /// Findings about the copies that the partition was adopted with; nil where the flow has made all of them. They lie
    /// before ``start`` and are in none of the other counts.
    package private(set) var adopted: AdoptedCopies?

    package init(start: Int64, adopted: AdoptedCopies? = nil) {
        self.start = start
        self.adopted = adopted
    }

    package mutating func write(_ records: Int64) {
        written += records
    }

    package mutating func skip(_ counts: [SkipReason: Int64]) {
        for (reason, count) in counts { skipped[reason.rawValue, default: 0] += count }
    }

    /// Replication goes back over this many source offsets.
    package mutating func rewind(_ offsets: Int64) {
        rewound += offsets
    }

    package mutating func meetForeign(_ offsets: Int64) {
        foreign += offsets
    }

    package mutating func double(_ records: Int64) {
        if records > 0 { doubled = (doubled ?? 0) + records }
    }

    /// Source offsets now belong to another log, of which nothing has passed: the topic was recreated.
    package mutating func beginAnew(at offset: Int64, passed: Int64) {
        rewound += passed - offset
    }

    /// Number of offsets by which the identity is violated at this position; zero, or the program is wrong.
    package func imbalance(passed: Int64) -> Int64 {
        passed - start + rewound - written - skipped.values.saturatingSum()
    }

    /// Reasons are few; see ``SkipReason``.
    private static let mostReasons = 100
    /// - Throws: when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        guard skipped.count <= Self.mostReasons else {
            throw ImpossibleState("its accounts have \(skipped.count) reasons")
        }
        try StateCheck.offset(start, "the start of its accounts")
        let found = [adopted?.doubled, adopted?.missing, adopted?.filled].map { $0 ?? 0 }
        for count in [written, rewound, foreign, doubled ?? 0] + found + skipped.values {
            guard (0...LogOffset.largest).contains(count) else {
                throw ImpossibleState("its accounts say \(count)")
            }
        }
    }
}
