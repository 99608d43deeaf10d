package import KafkaClient
internal import KafkaWire
package import NIOCore

/// State of one broker that the shard asks.
package struct BrokerLink {
    /// For the task that produces to it; those that fetch have one for each lane.
    let signal = Signal()
    private(set) var requestsInFlight = 0
    /// Time of the broker's last answer, or of the first request after nothing was in flight; nil while nothing is.
    private(set) var silentSince: NIODeadline?
    /// Error of the last failure; nil since the broker could be used.
    package private(set) var error: KafkaError?
    /// Connection failures in a row.
    package private(set) var failures = 0
    /// Number of failures so far. What was sent in an earlier round tells nothing of the broker since: a connection that
    /// breaks takes several requests with it, and the answers that came before it broke are still being taken in.
    package private(set) var round = 0
    private var pausesUntil: NIODeadline = .distantPast
    /// The broker has asked for silence until then.
    var throttledUntil: NIODeadline = .distantPast
    /// The flow's own limit is kept by waiting until then.
    var limitedUntil: NIODeadline = .distantPast

    /// Pauses up to those of Kafka's own clients.
    private static let backoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))

    package init() {}

    package func mayAsk(at now: NIODeadline) -> Bool {
        pausesUntil <= now && throttledUntil <= now && limitedUntil <= now
    }

    /// The broker has answered what was sent in a round.
    ///
    /// - Returns: whether that says that it can be used.
    package mutating func succeeded(in round: Int) -> Bool {
        guard round == self.round else { return false }
        failures = 0
        error = nil
        return true
    }

    /// Nothing is asked of the broker any more: whether it could be used is not known.
    package mutating func left() {
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

    /// The time without an answer after which a broker counts as silent.
    static let silence: TimeAmount = .seconds(5)

    /// It could not be used, or says nothing.
    func isInTrouble(at now: NIODeadline) -> Bool {
        error != nil || (silentSince.map { now - $0 > Self.silence } ?? false)
    }

    /// Takes note that the attempts of a round have failed.
    ///
    /// - Returns: how long the broker is left alone: longer after each failure. Nil when the failure was known.
    package mutating func failed(_ error: KafkaError, in round: Int, at now: NIODeadline) -> TimeAmount? {
        guard round == self.round else { return nil }
        self.round += 1
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
