internal import KafkaClient
internal import KafkaWire
package import NIOCore

/// State of the task that talks to one broker, as the rest of the shard sees it.
package struct BrokerLink {
    let signal = Signal()
    private(set) var requestsInFlight = 0
    /// When the broker last answered, or was asked after nothing was on its way to it; nil while nothing is.
    private(set) var silentSince: NIODeadline?
    /// Error of the last failure; nil since the broker could be used.
    private(set) var error: KafkaError?
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
        error = nil
    }

    mutating func asked(at now: NIODeadline) {
        requestsInFlight += 1
        if silentSince == nil { silentSince = now }
    }

    /// A request has come to its end.
    mutating func completed(at now: NIODeadline) {
        requestsInFlight = max(0, requestsInFlight - 1)
        silentSince = requestsInFlight > 0 ? now : nil
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
    mutating func failed(_ error: KafkaError, at now: NIODeadline) -> TimeAmount {
        failures += 1
        self.error = error
        var random = SystemRandomNumberGenerator()
        let pause = TimeAmount(Self.backoff.delay(after: failures, using: &random))
        pausesUntil = now + pause
        return pause
    }
}

extension KafkaError {
    /// A broker has forgotten a fetch session, which costs one more request.
    var isSessionLoss: Bool {
        switch code {
        case .fetchSessionIDNotFound, .invalidFetchSessionEpoch, .fetchSessionTopicIDError: true
        default: false
        }
    }
}
