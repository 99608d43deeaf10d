/// A store of permissions that refills steadily, for changes that come in bursts (KIP-599).
struct TokenBucket {
    /// Tokens per second.
    private let rate: Double
    private let burst: Double
    private var tokens: Double
    private var last: Int64

    /// Begins full.
    ///
    /// - Parameter now: steady milliseconds.
    init(rate: Double, burst: Double, now: Int64) {
        self.rate = rate
        self.burst = burst
        tokens = burst
        last = now
    }

    mutating func refill(now: Int64) {
        tokens = min(tokens + rate * Double(max(now - last, 0)) / 1000, burst)
        last = now
    }

    /// Takes tokens, below zero if need be.
    mutating func take(_ count: Double) {
        tokens -= count
    }

    /// The time until the store is no longer empty, in milliseconds.
    var wait: Int64 {
        tokens < 0 ? Int64(min((-tokens / rate * 1000).rounded(.up), Double(Int32.max))) : 0
    }

    /// Tells whether the bucket is as good as a new one.
    func isFull(now: Int64) -> Bool {
        var refilled = self
        refilled.refill(now: now)
        return refilled.tokens >= burst
    }
}
