import DequeModule
import KafkaWire
import NIOCore

/// What a connection knows about the requests on their way: pure bookkeeping, no I/O and no clock.
///
/// Kafka answers the requests of one connection in order, so an answer belongs to the oldest request or the stream
/// has lost its place. From then on, as after any other failure, the state is `closed` with the first cause, which is
/// what everybody who asks later is told.
///
/// `Reply` is whatever takes an answer; the state only hands it back.
struct ConnectionState<Reply>: ~Copyable {
    struct Request {
        var correlationID: Int32
        var api: ApiKey
        var deadline: NIODeadline
        var timeout: Duration
        var reply: Reply
    }

    enum Delivery {
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

    init(firstCorrelationID: Int32 = 0) {
        nextCorrelationID = firstCorrelationID
    }

    var isOpen: Bool { if case .open = phase { true } else { false } }
    var closedBecause: KafkaError.Reason? { if case .closed(let cause) = phase { cause } else { nil } }
    var requestsInFlight: Int { inFlight.count }

    /// The next request's number; it wraps after 2^31.
    mutating func takeCorrelationID() -> Int32 {
        let id = nextCorrelationID
        nextCorrelationID = id == .max ? 0 : id + 1
        return id
    }

    /// Notes a request that was written and will be answered.
    mutating func sent(_ request: Request) {
        inFlight.append(request)
    }

    /// An answer has come.
    mutating func received(correlationID: Int32) -> Delivery {
        guard let oldest = inFlight.first else {
            return .poison(.unexpectedAnswer("answer \(correlationID) came although nothing was asked"))
        }
        guard oldest.correlationID == correlationID else {
            return .poison(
                .unexpectedAnswer("answer \(correlationID) came in place of \(oldest.correlationID) (\(oldest.api))"))
        }
        return .deliver(inFlight.removeFirst().reply)
    }

    /// The oldest request of those whose time has run out, left where it is: only ``close(because:)`` gives up.
    func overdue(at now: NIODeadline) -> Request? {
        inFlight.first { $0.deadline <= now }
    }

    /// When to look for overdue requests next.
    var earliestDeadline: NIODeadline? {
        inFlight.lazy.map(\.deadline).min()
    }

    /// Ends everything; the first cause stays.
    ///
    /// - Returns: the requests that will not be answered any more, oldest first.
    mutating func close(because cause: KafkaError.Reason) -> Deque<Request> {
        guard isOpen else { return [] }
        phase = .closed(cause)
        let unanswered = inFlight
        inFlight = []
        return unanswered
    }
}
