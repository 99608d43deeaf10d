import KafkaClient
import NIOCore
import Replication
import Testing

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `without a limit nobody waits`() {
        var bucket = TokenBucket(bytesPerSecond: nil, now: start)

        let wait = bucket.spend(1 << 40, now: start)
        #expect(wait == .zero)
    }

    @Test func `a second's worth may be read at once, more is waited for`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)

        let first = bucket.spend(1_000, now: start)
        #expect(first == .zero)
        let second = bucket.spend(500, now: start)
        #expect(second == .milliseconds(500))
        let third = bucket.spend(1_000, now: start + .milliseconds(500))
        #expect(third == .seconds(1))
    }

    @Test func `time that nothing was read in is kept for a second at most`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)

        let wait = bucket.spend(3_000, now: start + .hours(1))
        #expect(wait == .seconds(2))
    }

    @Test func `over a long time the limit is kept whatever the pieces`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000_000, now: start)
        var now = start
        var read = 0
        var seed: UInt64 = 7
        while now < start + .seconds(100) {
            seed = seed &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            let piece = Int(seed >> 44)
            read += piece
            now = now + bucket.spend(piece, now: now) + .microseconds(10)
        }

        #expect(abs(Double(read) / 100_000_000 - 1) < 0.03)
    }

    @Test func `another limit forgives what was owed under the old one`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)
        _ = bucket.spend(1_000_000, now: start)
        bucket.set(bytesPerSecond: 2_000, now: start)

        let wait = bucket.spend(2_000, now: start)
        #expect(wait == .zero)
    }
}

@Suite struct PausesTests {
    private let orders0 = TopicPartition("orders", 0)
    private let orders1 = TopicPartition("orders", 1)
    private let clicks0 = TopicPartition("clicks", 0)

    @Test func `a pause covers what it names and nothing else`() {
        var pauses = Pauses()
        let partition = pauses.pause(.partition("orders", 1))
        #expect(partition)
        #expect([orders0, orders1, clicks0].map(pauses.covers) == [false, true, false])

        let topic = pauses.pause(.topic("orders"))
        #expect(topic)
        #expect([orders0, orders1, clicks0].map(pauses.covers) == [true, true, false])

        let flow = pauses.pause(.flow)
        #expect(flow)
        #expect([orders0, orders1, clicks0].map(pauses.covers) == [true, true, true])
    }

    @Test func `pausing a part of what is paused changes nothing`() {
        var pauses = Pauses()
        _ = pauses.pause(.topic("orders"))

        let again = pauses.pause(.topic("orders"))
        #expect(!again)
        let part = pauses.pause(.partition("orders", 0))
        #expect(!part)
        #expect(pauses.scopes == [.topic("orders")])
    }

    @Test func `resuming something resumes every part of it`() {
        var pauses = Pauses()
        _ = pauses.pause(.partition("orders", 0))
        _ = pauses.pause(.partition("orders", 1))
        _ = pauses.pause(.partition("clicks", 0))

        let topic = pauses.resume(.topic("orders"))
        #expect(topic == .resumed)
        #expect([orders0, orders1, clicks0].map(pauses.covers) == [false, false, true])
        let rest = pauses.resume(.flow)
        #expect(rest == .resumed)
        let nothing = pauses.resume(.flow)
        #expect(nothing == .wasNotPaused)
    }

    @Test func `a part of what is paused as a whole cannot be resumed alone`() {
        var pauses = Pauses()
        _ = pauses.pause(.topic("orders"))

        let part = pauses.resume(.partition("orders", 0))
        #expect(part == .pausedAsPartOf(.topic("orders")))
        #expect(pauses.covers(orders0))
    }
}
