package import NIOCore
internal import Synchronization

/// Decides how long a reader has to wait so that it stays below a number of bytes per second.
///
/// Reading may go into debt: how much a fetch brings is known only afterwards. The debt is waited for before the next
/// one. Up to a second's worth of what was not used is kept.
package struct TokenBucket: Sendable {
    /// Nil for no limit.
    package private(set) var bytesPerSecond: Int?
    private var balance: Double
    /// Seconds.
    private static let longestWait = 1e9
    private var updated: NIODeadline

    package init(bytesPerSecond: Int?, now: NIODeadline) {
        self.bytesPerSecond = bytesPerSecond
        balance = Double(bytesPerSecond ?? 0)
        updated = now
    }

    /// Debts made under another limit are forgiven.
    package mutating func set(bytesPerSecond: Int?, now: NIODeadline) {
        self = TokenBucket(bytesPerSecond: bytesPerSecond, now: now)
    }

    /// Another share of the same limit: what was read stays booked, and what was not used is not given twice.
    package mutating func reshare(bytesPerSecond new: Int, now: NIODeadline) {
        guard let rate = bytesPerSecond.map(Double.init) else { return set(bytesPerSecond: new, now: now) }
        let elapsed = Double((now - updated).nanoseconds) / 1e9
        balance = min(Double(new), balance + elapsed * rate)
        updated = now
        bytesPerSecond = new
    }

    /// Books what was read.
    ///
    /// - Returns: how long to wait before reading again.
    package mutating func spend(_ bytes: Int, now: NIODeadline) -> TimeAmount {
        guard let rate = bytesPerSecond.map(Double.init) else { return .zero }
        let elapsed = Double((now - updated).nanoseconds) / 1e9
        updated = now
        balance = min(rate, balance + elapsed * rate) - Double(bytes)
        guard balance < 0 else { return .zero }
        // Of a share of nothing nothing comes; another share ends the wait.
        return .nanoseconds(Int64(min(-balance / max(rate, 1), Self.longestWait) * 1e9))
    }
}

/// The limit of one flow, shared by its shards.
final class RateLimit: Sendable {
    private let bucket: Mutex<TokenBucket>

    init(bytesPerSecond: Int?) {
        bucket = Mutex(TokenBucket(bytesPerSecond: bytesPerSecond, now: .now()))
    }

    func set(bytesPerSecond: Int?) {
        bucket.withLock { $0.set(bytesPerSecond: bytesPerSecond, now: .now()) }
    }

    /// See ``TokenBucket/reshare(bytesPerSecond:now:)``.
    func reshare(bytesPerSecond: Int) {
        bucket.withLock { $0.reshare(bytesPerSecond: bytesPerSecond, now: .now()) }
    }

    /// The most that one fetch should ask for: about a second's worth, so that a low limit does not come in bursts.
    var largestRead: Int {
        bucket.withLock { $0.bytesPerSecond.map { max($0, 1 << 10) } ?? .max }
    }

    func spend(_ bytes: Int) -> TimeAmount {
        bucket.withLock { $0.spend(bytes, now: .now()) }
    }
}
