import Replication
import Testing

@Suite struct WaitingTopicsTests {
    private let start = ContinuousClock.now
    private var topics = WaitingTopics()

    private func refusal(_ topic: String = "orders", _ reason: String? = "no right", isPassing: Bool = false)
        -> TopicRefusal
    {
        TopicRefusal(topic: topic, targetTopic: "east.\(topic)", partitions: 3, reason: reason, isPassing: isPassing)
    }

    private mutating func update(_ refused: [TopicRefusal], after seconds: Int) -> WaitingTopics.News {
        topics.update(refused, at: start + .seconds(seconds), retryAfter: .seconds(5), time: Int64(seconds) * 1_000)
    }

    @Test mutating func `a topic's trouble is told once when it begins and once when it ends`() {
        #expect(update([refusal()], after: 0).began.map(\.topic) == ["orders"])
        #expect(update([refusal()], after: 5).began.isEmpty)
        #expect(topics.all.map(\.since) == [0])
        #expect(update([], after: 10).ended == ["orders"])
        #expect(topics.all.isEmpty)
    }

    @Test mutating func `it is tried again after pauses that double, up to five minutes`() {
        var pauses: [Int] = []
        var second = 0
        for _ in 0..<9 {
            _ = update([refusal()], after: second)
            let tried = second
            while topics.held(at: start + .seconds(second)).contains("orders") { second += 1 }
            pauses.append(second - tried)
        }
        #expect(pauses == [5, 10, 20, 40, 80, 160, 300, 300, 300])
    }

    @Test mutating func `a round without an attempt keeps the reason and counts no failure`() {
        _ = update([refusal()], after: 0)
        _ = update([refusal("orders", nil)], after: 2)

        #expect(topics.all.map(\.reason) == ["no right"])
        #expect(topics.held(at: start + .seconds(5)).isEmpty)
    }

    @Test mutating func `what passes by itself within a round is not told`() {
        #expect(update([refusal(isPassing: true)], after: 0).began.isEmpty)
        #expect(topics.all.count == 1)
        #expect(update([], after: 5).ended.isEmpty)
        _ = update([refusal(isPassing: true)], after: 10)
        #expect(update([refusal(isPassing: true)], after: 15).began.count == 1)
        #expect(update([], after: 20).ended == ["orders"])
    }

    @Test mutating func `all can be tried at once again`() {
        _ = update([refusal(), refusal("users")], after: 0)
        topics.release(at: start + .seconds(1))

        #expect(topics.held(at: start + .seconds(1)).isEmpty)
        #expect(topics.names == ["orders", "users"])
    }
}
