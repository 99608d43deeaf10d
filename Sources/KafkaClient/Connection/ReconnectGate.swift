import NIOCore

/// Keeps a broker that could not be reached from being tried again too soon.
struct ReconnectGate {
    private(set) var failures = 0
    private var opensAt: NIODeadline?

    /// The pause from `now` until the next attempt is allowed.
    func wait(at now: NIODeadline) -> Duration {
        guard let opensAt, opensAt > now else { return .zero }
        return Duration(opensAt - now)
    }

    mutating func failed(at now: NIODeadline, backoff: Backoff, using random: inout some RandomNumberGenerator) {
        failures += 1
        opensAt = now + TimeAmount(backoff.delay(after: failures, using: &random))
    }

    mutating func succeeded() {
        failures = 0
        opensAt = nil
    }
}
