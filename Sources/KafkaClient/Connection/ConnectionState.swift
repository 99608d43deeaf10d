package import DequeModule
package import KafkaWire
package import NIOCore

/// The bookkeeping of a connection about the requests on their way: pure, no I/O and no clock.
///
/// Kafka answers the requests of one connection in order, so an answer belongs to the oldest request or the stream
/// has lost its place. From then on, as after any other failure, the state is `closed` with the first cause, which is
/// what everybody who asks later is told.
///
/// `Reply` is whatever takes an answer; the state only hands it back.
package struct ConnectionState<Reply>: ~Copyable {
    package struct Request {
        package var correlationID: Int32
        package var api: ApiKey
        package var deadline: NIODeadline
        package var timeout: Duration
        package var reply: Reply

        package init(
            correlationID: Int32, api: ApiKey, deadline: NIODeadline, timeout: Duration, reply: Reply
        ) {
            self.correlationID = correlationID
            self.api = api
            self.deadline = deadline
            self.timeout = timeout
            self.reply = reply
        }
    }

    package enum Delivery {
        case deliver(Reply)
        /// The stream has lost its place.
        case poison(KafkaError.Reason)
    }

    private enum Phase {
        case open
        case closed(KafkaError.Reason)
    }

    private var phase = Phase.open
    private var inFlight: Deque<Request> = []
    private var nextCorrelationID: Int32

    package init(firstCorrelationID: Int32 = 0) {
        nextCorrelationID = firstCorrelationID
    }

    package var isOpen: Bool { if case .open = phase { true } else { false } }
    package var closedBecause: KafkaError.Reason? { if case .closed(let cause) = phase { cause } else { nil } }
    package var requestsInFlight: Int { inFlight.count }

    /// The next request's number; it wraps after 2^31.
    package mutating func takeCorrelationID() -> Int32 {
        let id = nextCorrelationID
        nextCorrelationID = id == .max ? 0 : id + 1
        return id
    }

    /// Notes a request that was written and will be answered.
    package mutating func sent(_ request: Request) {
        inFlight.append(request)
    }

    /// An answer has come.
    package mutating func received(correlationID: Int32) -> Delivery {
        guard let oldest = inFlight.first else {
            return .poison(.unexpectedAnswer("answer \(correlationID) came although nothing was asked"))
        }
        guard oldest.correlationID == correlationID else {
            return .poison(
                .unexpectedAnswer("answer \(correlationID) came in place of \(oldest.correlationID) (\(oldest.api))"))
        }
        return .deliver(inFlight.removeFirst().reply)
    }

    /// Time at which the request that is answered next was written.
    package var oldestSentAt: NIODeadline? { inFlight.first.map { $0.deadline - TimeAmount($0.timeout) } }

    /// The oldest request of those whose time has run out, left where it is: only ``close(because:)`` gives up.
    package func overdue(at now: NIODeadline) -> Request? {
        inFlight.first { $0.deadline <= now }
    }

    /// The time of the next check for overdue requests.
    package var earliestDeadline: NIODeadline? {
        inFlight.lazy.map(\.deadline).min()
    }

    /// Time by which the last request in flight is answered or given up.
    package var latestDeadline: NIODeadline? {
        inFlight.lazy.map(\.deadline).max()
    }

    /// Ends everything; the first cause stays.
    ///
    /// - Returns: the requests that will not be answered any more, oldest first.
    package mutating func close(because cause: KafkaError.Reason) -> Deque<Request> {
        guard isOpen else { return [] }
        phase = .closed(cause)
        let unanswered = inFlight
        inFlight = []
        return unanswered
    }
}
