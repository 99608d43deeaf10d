/// Progress of reading a range of a log, and the rule when the rest of it is taken for empty.
///
/// Compaction and transaction markers leave offsets at the end of a range that no answer ever brings. An answer without
/// records may also come from a broker that is slow, or that had no room left in it. So the rest is taken for empty
/// only after several answers in a row that brought nothing although there was room.
package struct LogRangeScan: Hashable, Sendable {
    /// The next offset to read.
    package private(set) var position: Int64
    /// End of the range.
    package var end: Int64
    /// The rest of the range holds nothing.
    package private(set) var isExhausted = false
    private var emptyAnswers = 0

    /// Answers without records in a row before the rest is taken for empty.
    package static let patience = 4

    package init(from position: Int64, to end: Int64) {
        self.position = position
        self.end = end
    }

    package var isDone: Bool { isExhausted || position >= end }

    /// An answer was read up to `next`.
    ///
    /// - Parameter hadRoom: whether the broker would have sent more if it had any.
    package mutating func read(upTo next: Int64, hadRoom: Bool = true) {
        if next > position {
            position = next
            emptyAnswers = 0
        } else if hadRoom {
            emptyAnswers += 1
            isExhausted = emptyAnswers >= Self.patience
        }
    }

    /// The log begins only there: what was in front is gone.
    package mutating func begins(at start: Int64) {
        read(upTo: max(position, start))
    }
}
