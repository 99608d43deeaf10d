import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// The bookkeeping of a connection, without one.
@Suite struct ConnectionStateTests {
    static func request(_ id: Int32, _ reply: String, deadline: Int64 = 100) -> ConnectionState<String>.Request {
        .init(
            correlationID: id, api: .fetch, deadline: .uptimeNanoseconds(UInt64(deadline)),
            timeout: .seconds(1), reply: reply)
    }

    @Test func `answers are delivered in order`() {
        var state = ConnectionState<String>()
        for reply in ["a", "b"] { state.sent(Self.request(state.takeCorrelationID(), reply)) }

        var delivered: [String] = []
        for id in [Int32(0), 1] {
            if case .deliver(let reply) = state.received(correlationID: id) { delivered.append(reply) }
        }

        #expect(delivered == ["a", "b"])
        #expect(state.requestsInFlight == 0)
    }

    @Test func `an answer out of order, or to nothing, is poison`() {
        var state = ConnectionState<String>()
        guard case .poison = state.received(correlationID: 0) else {
            Issue.record("delivered")
            return
        }
        state.sent(Self.request(0, "a"))
        state.sent(Self.request(1, "b"))
        guard case .poison(let cause) = state.received(correlationID: 1) else {
            Issue.record("delivered")
            return
        }
        #expect(cause == .unexpectedAnswer("answer 1 came in place of 0 (Fetch)"))
    }

    @Test func `closing hands back what is unanswered, and keeps the first cause`() {
        var state = ConnectionState<String>()
        state.sent(Self.request(0, "a"))
        state.sent(Self.request(1, "b"))

        let unanswered = state.close(because: .closed).map(\.reply)
        let later = state.close(because: .cancelled).count

        #expect(unanswered == ["a", "b"])
        #expect(later == 0)
        #expect(state.closedBecause == .closed)
        #expect(state.isOpen == false)
    }

    @Test func `deadlines need not come in order`() {
        var state = ConnectionState<String>()
        state.sent(Self.request(0, "patient", deadline: 100))
        state.sent(Self.request(1, "hasty", deadline: 50))

        #expect(state.earliestDeadline == .uptimeNanoseconds(50))
        #expect(state.overdue(at: .uptimeNanoseconds(49)) == nil)
        #expect(state.overdue(at: .uptimeNanoseconds(50))?.reply == "hasty")
        #expect(state.overdue(at: .uptimeNanoseconds(100))?.reply == "patient")
    }

    @Test func `numbers wrap without becoming negative`() {
        var state = ConnectionState<String>(firstCorrelationID: .max)
        let first = state.takeCorrelationID()
        let second = state.takeCorrelationID()
        #expect(first == .max)
        #expect(second == 0)
    }
}
