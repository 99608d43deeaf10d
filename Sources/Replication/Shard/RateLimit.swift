package import NIOCore
internal import Synchronization

/// Decides how long readers have to wait so that together they stay below a number of bytes per second.
///
/// A fetch is booked with what it may bring, so that several at a time do not each take what is there, and corrected by what
/// it brought. That may be more, since a batch comes whole: the debt is waited for before the next one. Up to a quarter of a second's worth of what was not used is kept: more would show as speed above the limit.
package struct TokenBucket: Sendable {
    /// Nil for no limit.
    package private(set) var bytesPerSecond: Int?
    private var balance: Double
    /// Seconds.
    private static let longestWait = 1e9
    private var updated: NIODeadline

    package init(bytesPerSecond: Int?, now: NIODeadline) {
        self.bytesPerSecond = bytesPerSecond
        balance = Double(bytesPerSecond ?? 0) * Self.keptSeconds
        updated = now
    }

    private static let keptSeconds = 0.25

    /// Debts made under another limit are forgiven.
    package mutating func set(bytesPerSecond: Int?, now: NIODeadline) {
        self = TokenBucket(bytesPerSecond: bytesPerSecond, now: now)
    }

    /// Another share of the same limit: what was read stays booked, and what was not used is not given twice.
    package mutating func reshare(bytesPerSecond new: Int, now: NIODeadline) {
        guard let rate = bytesPerSecond.map(Double.init) else { return set(bytesPerSecond: new, now: now) }
        settle(rate, now)
        balance = min(Double(new) * Self.keptSeconds, balance)
        bytesPerSecond = new
    }

    /// Books what is about to be read, or what was more or, negative, less than that.
    package mutating func spend(_ bytes: Int, now: NIODeadline) {
        guard let rate = bytesPerSecond.map(Double.init) else { return }
        settle(rate, now)
        balance = min(rate * Self.keptSeconds, balance - Double(bytes))
    }

    /// The time to wait before anything is read.
    package mutating func wait(now: NIODeadline) -> TimeAmount {
        guard let rate = bytesPerSecond.map(Double.init) else { return .zero }
        settle(rate, now)
        guard balance < 0 else { return .zero }
        // Of a share of nothing nothing comes; another share ends the wait.
        return .nanoseconds(Int64((min(-balance / max(rate, 1), Self.longestWait) * 1e9).rounded(.up)))
    }

    private mutating func settle(_ rate: Double, _ now: NIODeadline) {
        let elapsed = Double((now - updated).nanoseconds) / 1e9
        updated = now
        balance = min(rate * Self.keptSeconds, balance + elapsed * rate)
    }
}

/// The limit of one flow, shared by its shards.
final class RateLimit: Sendable {
    private let bucket: Mutex<TokenBucket>

    init(bytesPerSecond: Int?) {
        bucket = Mutex(TokenBucket(bytesPerSecond: bytesPerSecond, now: .now()))
    }

    /// The rate that all shards of this process may read at together; nil for no limit.
    var bytesPerSecond: Int? { bucket.withLock { $0.bytesPerSecond } }

    func set(bytesPerSecond: Int?) {
        bucket.withLock { $0.set(bytesPerSecond: bytesPerSecond, now: .now()) }
    }

    /// See ``TokenBucket/reshare(bytesPerSecond:now:)``.
    func reshare(bytesPerSecond: Int) {
        bucket.withLock { $0.reshare(bytesPerSecond: bytesPerSecond, now: .now()) }
    }

    /// The most that one fetch should ask for, so that a low limit does not come in bursts: a tenth of a second's worth,
    /// and over a distance what the limit lets through while it is on its way.
    func largestRead(roundTrip: TimeAmount) -> Int {
        guard let rate = bucket.withLock({ $0.bytesPerSecond }) else { return .max }
        let seconds = 0.1 + 2 * Double(roundTrip.nanoseconds) / 1e9
        return max(Int(min(Double(rate) * seconds, Double(Int32.max))), 1 << 10)
    }

    func spend(_ bytes: Int) {
        bucket.withLock { $0.spend(bytes, now: .now()) }
    }

    func wait() -> TimeAmount {
        bucket.withLock { $0.wait(now: .now()) }
    }
}
