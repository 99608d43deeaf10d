/// Throughput over the last seconds, from samples of the progress.
package struct TransferRate: Sendable {
    /// Progress at one moment.
    package struct Mark: Hashable, Sendable {
        /// Source offsets passed.
        package var offsets: Int64
        package var records: Int64
        package var bytes: Int64

        package init(offsets: Int64, records: Int64, bytes: Int64) {
            self.offsets = offsets
            self.records = records
            self.bytes = bytes
        }
    }

    /// Looks at least this far apart are kept.
    private static let spacing: Duration = .milliseconds(500)
    /// The rate is that of so many seconds.
    private static let span: Duration = .seconds(10)

    private var looks: [(time: ContinuousClock.Instant, mark: Mark)] = []

    package init() {}

    package mutating func observe(_ mark: Mark, at time: ContinuousClock.Instant) {
        if let last = looks.last, looks.count > 1, time - looks[looks.count - 2].time < Self.spacing, last.time <= time
        {
            looks[looks.count - 1] = (time, mark)
        } else {
            looks.append((time, mark))
        }
        // One look beyond the span, so that it is covered.
        while looks.count > 2, time - looks[1].time >= Self.span { looks.removeFirst() }
    }

    /// Per second; nil before a second has been seen.
    package var perSecond: (offsets: Double, records: Double, bytes: Double)? {
        guard let first = looks.first, let last = looks.last, last.time - first.time >= .seconds(1) else { return nil }
        let seconds = (last.time - first.time) / .seconds(1)
        return (
            Double(last.mark.offsets - first.mark.offsets) / seconds,
            Double(last.mark.records - first.mark.records) / seconds,
            Double(last.mark.bytes - first.mark.bytes) / seconds
        )
    }

    /// Seconds until `offsets` more have passed; nil where that cannot be told.
    package func secondsLeft(for offsets: Int64) -> Double? {
        guard offsets > 0 else { return 0 }
        guard let rate = perSecond?.offsets, rate > 0 else { return nil }
        return Double(offsets) / rate
    }
}
