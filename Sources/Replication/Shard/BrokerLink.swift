internal import KafkaClient
package import NIOCore

/// State of the task that talks to one broker, as the rest of the shard sees it.
package struct BrokerLink {
    let signal = Signal()
    var requestsInFlight = 0
    /// Connection failures in a row.
    private(set) var failures = 0
    private var pausesUntil: NIODeadline = .distantPast
    /// The broker has asked for silence until then.
    var throttledUntil: NIODeadline = .distantPast
    /// The flow's own limit is kept by waiting until then.
    var limitedUntil: NIODeadline = .distantPast

    /// The broker answers fetches at once that bring nothing: it is asked again then.
    var idleUntil: NIODeadline = .distantPast
    /// Such answers in a row.
    private var idleAnswers = 0

    private static let backoff = Backoff(initial: .milliseconds(50), maximum: .milliseconds(3_200))

    package init() {}

    func mayAsk(at now: NIODeadline) -> Bool {
        pausesUntil <= now && throttledUntil <= now && limitedUntil <= now && idleUntil <= now
    }

    mutating func succeeded() {
        failures = 0
    }

    /// A fetch was answered at once, without anything.
    ///
    /// - Returns: how long to wait before the next: the first are asked at once, then each pause is twice as long.
    package mutating func answeredIdly() -> TimeAmount {
        idleAnswers += 1
        return .milliseconds(1 << Int64(min(idleAnswers, 10)))
    }

    package mutating func answeredWithSomething() {
        idleAnswers = 0
    }

    /// The broker could not be used.
    ///
    /// - Returns: how long it is left alone: longer after each failure.
    mutating func failed(at now: NIODeadline) -> TimeAmount {
        failures += 1
        var random = SystemRandomNumberGenerator()
        let pause = TimeAmount(Self.backoff.delay(after: failures, using: &random))
        pausesUntil = now + pause
        return pause
    }

    /// Whether a failure is told: the first, and one of those that follow.
    var isFailureNews: Bool { failures == 1 || failures == 7 }
}
