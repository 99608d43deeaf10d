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

    /// Books what was read.
    ///
    /// - Returns: how long to wait before reading again.
    package mutating func spend(_ bytes: Int, now: NIODeadline) -> TimeAmount {
        guard let rate = bytesPerSecond.map(Double.init) else { return .zero }
        let elapsed = Double((now - updated).nanoseconds) / 1e9
        updated = now
        balance = min(rate, balance + elapsed * rate) - Double(bytes)
        return balance >= 0 ? .zero : .nanoseconds(Int64(-balance / rate * 1e9))
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

    /// The most that one fetch should ask for: about a second's worth, so that a low limit does not come in bursts.
    var largestRead: Int {
        bucket.withLock { $0.bytesPerSecond.map { max($0, 1 << 10) } ?? .max }
    }

    func spend(_ bytes: Int) -> TimeAmount {
        bucket.withLock { $0.spend(bytes, now: .now()) }
    }
}
