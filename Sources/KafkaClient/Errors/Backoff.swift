/// Growing pauses with jitter: `initial`, then `factor` times as long each time up to `maximum`, each moved by a
/// random share of up to `jitter` so that many clients do not come back together.
public struct Backoff: Sendable, Hashable {
    public var initial: Duration
    public var maximum: Duration
    public var factor: Double
    /// 0.2 means between 80 % and 120 %.
    public var jitter: Double

    public init(initial: Duration, maximum: Duration, factor: Double = 2, jitter: Double = 0.2) {
        self.initial = initial
        self.maximum = maximum
        self.factor = factor
        self.jitter = jitter
    }

    /// The pause after `failures` failures in a row; zero after none.
    public func delay(after failures: Int, using random: inout some RandomNumberGenerator) -> Duration {
        guard failures > 0 else { return .zero }
        var unspread = initial
        for _ in 1..<min(failures, 64) {
            unspread = min(unspread * factor, maximum)
        }
        unspread = min(unspread, maximum)
        guard jitter > 0 else { return unspread }
        return unspread * Double.random(in: (1 - jitter)...(1 + jitter), using: &random)
    }
}
