import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// What a broker's answers and failures say about it depends on when they were asked for.
@Suite struct BrokerLinkTests {
    private let error = KafkaError(.connection(.closedByBroker), during: .request(.produce), cluster: "west")
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `a connection that breaks is one failure, however many requests it takes with it`() {
        var link = BrokerLink()
        let round = link.round

        let first = link.failed(error, in: round, at: start) ?? .zero
        let others = (0..<4).map { _ in link.failed(error, in: round, at: start) }

        #expect(others == [nil, nil, nil, nil])
        #expect(link.failures == 1)
        #expect(first > .zero && first <= .milliseconds(60))
        #expect(link.mayAsk(at: start + first))
    }

    @Test func `an answer that was asked for before a failure does not end it`() {
        var link = BrokerLink()
        let before = link.round
        _ = link.failed(error, in: before, at: start)

        let early = link.succeeded(in: before)
        #expect(!early)
        #expect(link.error == error)
        let succeeded = link.succeeded(in: link.round)
        #expect(succeeded)
        #expect(link.error == nil)
        #expect(link.failures == 0)
    }

    @Test func `however long an outage was, the broker is tried again within about a second`() {
        var link = BrokerLink()
        var now = start
        for _ in 0..<200 {
            let pause = link.failed(error, in: link.round, at: now) ?? .zero
            #expect(pause > .zero && pause <= .milliseconds(1_200))
            now = now + pause
            #expect(link.mayAsk(at: now))
        }
    }

    @Test func `a broker that nothing is asked of any more is in no trouble`() {
        var link = BrokerLink()
        let pause = link.failed(error, in: link.round, at: start) ?? .zero

        link.left()

        #expect(link.error == nil)
        // Should something be asked all the same, it is not asked in a loop.
        #expect(!link.mayAsk(at: start))
        #expect(link.mayAsk(at: start + pause))
    }
}
