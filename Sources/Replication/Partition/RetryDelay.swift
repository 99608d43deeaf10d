internal import KafkaClient
package import NIOCore

/// Pauses after failures in a row, each twice as long as the one before, up to a limit.
package struct RetryDelay: Hashable, Sendable {
    private let backoff: Backoff
    package private(set) var failures = 0
    /// End of the pause; nil while there is none.
    package private(set) var until: NIODeadline?

    /// - Parameter initial: the pause after the first failure.
    init(initial: Duration, maximum: Duration) {
        backoff = Backoff(initial: initial, maximum: maximum, jitter: 0)
    }

    mutating func failed(at now: NIODeadline) {
        failures += 1
        var random = SystemRandomNumberGenerator()
        until = now + TimeAmount(backoff.delay(after: failures, using: &random))
    }

    /// Begins a pause, or makes the present one longer.
    mutating func hold(until end: NIODeadline) {
        until = max(until ?? end, end)
    }

    mutating func succeeded() {
        failures = 0
    }

    /// Ends the pause without waiting for it.
    mutating func reset() {
        failures = 0
        until = nil
    }

    mutating func tick(now: NIODeadline) {
        if let end = until, end <= now { until = nil }
    }
}
