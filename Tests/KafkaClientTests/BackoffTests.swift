import KafkaClient
import KafkaWire
import TestSupport
import Testing

@Suite(.printsSeed) struct BackoffTests {
    @Test func `pauses double up to the maximum`() {
        let backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1), jitter: 0)
        var random = seeded(1)

        let delays = (0...6).map { backoff.delay(after: $0, using: &random) }

        #expect(delays == [0, 100, 200, 400, 800, 1000, 1000].map { .milliseconds($0) })
    }

    @Test func `jitter stays within its share and differs`() {
        let backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1), jitter: 0.2)
        var random = seeded(1)

        let delays = (0..<100).map { _ in backoff.delay(after: 1, using: &random) }

        #expect(delays.allSatisfy { $0 >= .milliseconds(80) && $0 <= .milliseconds(120) })
        #expect(Set(delays).count > 90)
    }

    @Test func `jitter may pass the maximum by its share, and never makes a pause negative`() {
        let backoff = Backoff(initial: .milliseconds(100), maximum: .milliseconds(100), jitter: 1)
        var random = seeded(2)

        let delays = (1...1_000).map { backoff.delay(after: $0, using: &random) }

        #expect(delays.allSatisfy { $0 >= .zero && $0 <= .milliseconds(200) })
        #expect(delays.contains { $0 < .milliseconds(20) } && delays.contains { $0 > .milliseconds(180) })
    }

    @Test func `the same generator gives the same pauses`() {
        let backoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1))
        func delays(_ seed: UInt64) -> [Duration] {
            var random = seeded(seed)
            return (1...10).map { backoff.delay(after: $0, using: &random) }
        }
        #expect(delays(3) == delays(3))
        #expect(delays(3) != delays(4))
    }

    @Test func `any number of failures is a number`() {
        var random = seeded(1)
        let backoff = Backoff(initial: .milliseconds(1), maximum: .seconds(5), jitter: 0)
        #expect(backoff.delay(after: .max, using: &random) == .seconds(5))
    }
}
