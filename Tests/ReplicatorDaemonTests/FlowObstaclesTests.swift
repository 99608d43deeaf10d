import Replication
import ReplicatorDaemon
import Testing

@Suite struct FlowObstaclesTests {
    private func status(
        _ partitions: [PartitionFacts], waiting: [(topic: String, reason: String)] = []
    ) throws -> FlowStatus {
        var status = try FlowStatus.of()
        status.partitions = try partitions.flatMap { try FlowStatus.of($0).partitions }
        if !waiting.isEmpty {
            status.waiting = waiting.map {
                FlowStatus.WaitingTopic(
                    topic: $0.topic, targetTopic: "east.\($0.topic)", partitions: 1, reason: $0.reason, since: 5)
            }
        }
        return status
    }

    private func stuck(_ topic: String, _ partition: Int, for seconds: Int = 60, _ reason: String) -> PartitionFacts {
        PartitionFacts(topic: topic, partition: partition, obstacle: reason, lag: 4, stuckForSeconds: seconds)
    }

    @Test func `many partitions that stand still for one reason are one sentence`() throws {
        let partitions = (0..<12).flatMap { topic in
            (0..<14).map { stuck("t\(topic)", $0, for: 60 + topic, "west cannot be reached") }
        }

        #expect(
            FlowObstacles(try status(partitions)).sentences == [
                "flow there: 168 partitions of 12 topics have made no progress for 71 s (t0-0, t0-1 and 166 more): "
                    + "west cannot be reached"
            ])
    }

    @Test func `reasons that differ in the partition's own name and in numbers are one`() throws {
        let partitions = (0..<3).map {
            stuck("orders", $0, "west: Produce to east.orders-\($0) at broker \($0): no answer within \($0 + 7) s")
        }

        #expect(
            FlowObstacles(try status(partitions)).sentences == [
                "flow there: 3 partitions of 1 topic have made no progress for 60 s (orders-0, orders-1 and 1 more): "
                    + "orders-0: west: Produce to east.orders-0 at broker 0: no answer within 7 s"
            ])
    }

    @Test func `reasons that differ in words are told one by one, the most frequent first`() throws {
        let sentences = FlowObstacles(
            try status([stuck("a", 0, "disk full"), stuck("b", 0, "no leader"), stuck("b", 1, "no leader")])
        ).sentences

        #expect(
            sentences == [
                "flow there: 2 partitions of 1 topic have made no progress for 60 s (b-0, b-1): no leader",
                "flow there: a-0 has made no progress for 60 s at offset 0, 4 behind: disk full",
            ])
    }

    @Test func `another topic's name in a reason is another reason`() throws {
        let sentences = FlowObstacles(
            try status([], waiting: [("a", "a and b are one name"), ("c", "c and d are one name")])
        ).sentences

        #expect(sentences.count == 2)
    }

    @Test func `what has stopped comes first, then topics that wait, then what stands still`() throws {
        let sentences = FlowObstacles(
            try status(
                [stuck("a", 0, "x"), PartitionFacts(topic: "b", state: "failed", reason: "too large")],
                waiting: [("c", "no right")])
        ).sentences

        #expect(
            sentences == [
                "flow there: b-0 has stopped: too large",
                "flow there: topic c is not replicated: no right",
                "flow there: a-0 has made no progress for 60 s at offset 0, 4 behind: x",
            ])
    }

    @Test func `a hundred thousand topics that wait for as many reasons are a few sentences`() throws {
        let words = ["red", "green", "blue"]
        let waiting = (0..<100_000).map { number in
            let digits = String(number, radix: 2).map { words[$0 == "1" ? 1 : 0] }
            return (topic: "t\(number)", reason: digits.joined(separator: " "))
        }

        let sentences = FlowObstacles(try status([], waiting: waiting)).sentences

        #expect(sentences.count == FlowObstacles.reasonLimit + 1)
        #expect(sentences.last == "flow there: 99990 more topics are not replicated, for other reasons")
    }

    @Test func `one reason more than are told is told, and not counted`() throws {
        let waiting = (0...FlowObstacles.reasonLimit).map {
            (topic: "t\($0)", reason: String(repeating: "x", count: $0 + 1))
        }

        let sentences = FlowObstacles(try status([], waiting: waiting)).sentences

        #expect(sentences.count == FlowObstacles.reasonLimit + 1)
        #expect(sentences.allSatisfy { $0.contains("is not replicated: x") })
    }
}

@Suite struct FlowConditionTests {
    private func condition(_ partitions: [PartitionFacts], paused: [String] = [], waiting: Bool = false) throws
        -> FlowCondition
    {
        var status = try FlowStatus.of()
        status.partitions = try partitions.flatMap { try FlowStatus.of($0).partitions }
        status.paused = paused
        if waiting {
            status.waiting = [.init(topic: "w", targetTopic: "w", partitions: 0, reason: "no right", since: 0)]
        }
        return FlowCondition(status, FlowCounts(status))
    }

    private let fine = PartitionFacts(partition: 0)
    private let failed = PartitionFacts(partition: 1, state: "failed")
    private let stuck = PartitionFacts(partition: 2, lag: 3, stuckForSeconds: 60)
    private let paused = PartitionFacts(partition: 3, state: "paused")

    @Test func `a flow is told as what it is`() throws {
        #expect(try condition([fine]) == .running)
        #expect(try condition([fine, failed]) == .partlyFailed)
        #expect(try condition([failed]) == .failed)
        #expect(try condition([fine, stuck]) == .partlyStuck)
        #expect(try condition([stuck, failed]) == .stuck)
        #expect(try condition([stuck, paused], paused: ["topic x"]) == .stuck)
        #expect(try condition([paused], paused: ["the flow"]) == .paused)
        #expect(try condition([fine, paused], paused: ["orders-3"]) == .partlyPaused)
        #expect(try condition([fine], waiting: true) == .topicsWait)
    }

    @Test(arguments: ["starting", "waiting", "draining", "stopped"])
    func `one that does not run is told as its state`(state: String) throws {
        let status = try FlowStatus.of(state: state)

        #expect(FlowCondition(status, FlowCounts(status)).rawValue == state)
    }

    @Test func `a cluster that is down explains the rest`() throws {
        let status = try FlowStatus.of(stuck)
        let condition = FlowCondition(status, FlowCounts(status))

        #expect(condition.considering(status) { $0 == "east" } == .sourceDown)
        #expect(condition.considering(status) { $0 == "west" } == .targetDown)
        #expect(condition.considering(status) { _ in false } == .stuck)
    }

    @Test func `trouble comes first in lists`() {
        let order = FlowCondition.allCases.sorted { $0.rank < $1.rank }

        #expect(order.last == .running)
        #expect(order.prefix { $0.isTrouble }.count == FlowCondition.allCases.count { $0.isTrouble })
    }
}
