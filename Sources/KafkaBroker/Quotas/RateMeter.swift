/// A rate over the last few seconds, counted in samples as Kafka's `Rate` does it.
///
/// Until the samples are full the time not yet observed counts as quiet, so that a short burst is let through.
struct RateMeter {
    /// `quota.window.num`
    let sampleCount: Int
    /// `quota.window.size.seconds`, in milliseconds.
    let sampleLength: Int64
    private var samples: [(start: Int64, total: Double)] = []

    init(sampleCount: Int, sampleLength: Int64) {
        self.sampleCount = sampleCount
        self.sampleLength = sampleLength
    }

    /// Adds to the present sample; a negative value takes back what was added.
    ///
    /// - Parameter now: steady milliseconds.
    mutating func record(_ value: Double, now: Int64) {
        if let last = samples.last, now - last.start < sampleLength {
            samples[samples.count - 1].total += value
        } else {
            samples.append((now, value))
            if samples.count > sampleCount { samples.removeFirst() }
        }
    }

    /// The time until the rate of a client over its limit has come down to it, in milliseconds; 0 within the limit.
    ///
    /// - Parameter limit: per second.
    mutating func throttle(limit: Double, now: Int64) -> Int64 {
        samples.removeAll { now - $0.start >= Int64(sampleCount) * sampleLength }
        let total = samples.reduce(0) { $0 + $1.total }
        var elapsed = now - (samples.first?.start ?? now)
        let missing = Int64(sampleCount - 1) - elapsed / sampleLength
        if missing > 0 { elapsed += missing * sampleLength }
        elapsed = max(elapsed, 1)
        let rate = total * 1000 / Double(elapsed)
        guard rate > limit else { return 0 }
        let wait = (rate - limit) / limit * Double(elapsed)
        return Int64(min(wait.rounded(), Double(Int32.max)))
    }

    /// Nothing was observed for so long that nothing is left.
    func isIdle(now: Int64) -> Bool {
        samples.last.map { now - $0.start >= Int64(sampleCount) * sampleLength } ?? true
    }
}
