import KafkaClient
import NIOCore
import Replication
import Testing

@Suite struct TokenBucketTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `without a limit nobody waits`() {
        var bucket = TokenBucket(bytesPerSecond: nil, now: start)
        bucket.spend(1 << 40, now: start)

        #expect(bucket.wait(now: start) == .zero)
    }

    @Test func `a quarter of a second's worth may be read at once, more is waited for`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)

        bucket.spend(250, now: start)
        #expect(bucket.wait(now: start) == .zero)
        bucket.spend(500, now: start)
        #expect(bucket.wait(now: start) == .milliseconds(500))
        bucket.spend(1_000, now: start + .milliseconds(500))
        #expect(bucket.wait(now: start + .milliseconds(500)) == .seconds(1))
    }

    @Test func `time that nothing was read in is kept for a quarter of a second at most`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)
        bucket.spend(2_250, now: start + .hours(1))

        #expect(bucket.wait(now: start + .hours(1)) == .seconds(2))
    }

    @Test func `what a fetch did not bring is given back, and no more than is kept`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)
        bucket.spend(1_250, now: start)
        bucket.spend(-1_000, now: start)
        #expect(bucket.wait(now: start) == .zero)
        bucket.spend(-1_000, now: start)
        bucket.spend(1_250, now: start)

        #expect(bucket.wait(now: start) == .seconds(1))
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
            bucket.spend(piece, now: now)
            now = now + bucket.wait(now: now) + .microseconds(10)
        }

        #expect(abs(Double(read) / 100_000_000 - 1) < 0.03)
    }

    @Test(arguments: [1, 2, 4, 8])
    func `within the first ten seconds, too, any number of eager readers is within 5 % of the limit`(readers: Int) {
        let rate = 5_000_000
        var bucket = TokenBucket(bytesPerSecond: rate, now: start)
        var turns = Array(repeating: start, count: readers)
        var read = 0
        while let next = turns.indices.min(by: { turns[$0] < turns[$1] }), turns[next] < start + .seconds(10) {
            let now = turns[next]
            let wait = bucket.wait(now: now)
            guard wait == .zero else {
                turns[next] = now + wait
                continue
            }
            bucket.spend(rate / 10, now: now)
            read += rate / 10
            turns[next] = now + .milliseconds(1)
        }

        #expect(abs(Double(read) / Double(10 * rate) - 1) < 0.05)
    }

    @Test func `another limit forgives what was owed under the old one`() {
        var bucket = TokenBucket(bytesPerSecond: 1_000, now: start)
        bucket.spend(1_000_000, now: start)
        bucket.set(bytesPerSecond: 2_000, now: start)

        #expect(bucket.wait(now: start) == .zero)
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
