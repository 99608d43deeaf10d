import Replication
import ReplicatorDaemon
import Testing

@Suite struct FlowSampleTests {
    private func sample(
        _ status: FlowStatus, since before: FlowSample? = nil, seconds: Double = 2,
        _ measurements: [String: TopicMeasurement] = [:]
    ) -> FlowSample {
        FlowSample(status, since: before, seconds: seconds) {
            measurements[$0] ?? TopicMeasurement(bytes: 0, records: 0)
        }
    }

    @Test func `the first sample has no rates`() throws {
        let sample = sample(try .of(PartitionFacts(lag: 5)), ["orders": TopicMeasurement(bytes: 900, records: 9)])

        #expect(sample.bytesPerSecond == 0)
        #expect(sample.recordsPerSecond == 0)
        #expect(sample.lag == 5)
    }

    @Test func `rates are what counters have gained since the sample before, by the time between`() throws {
        let status = try FlowStatus.of(PartitionFacts(), PartitionFacts(topic: "users"))
        let before = sample(
            status,
            ["orders": TopicMeasurement(bytes: 100, records: 1), "users": TopicMeasurement(bytes: 7, records: 7)])
        let now = sample(
            status, since: before, seconds: 4,
            ["orders": TopicMeasurement(bytes: 500, records: 9), "users": TopicMeasurement(bytes: 7, records: 7)])

        #expect(now.topics.map(\.topic) == ["orders", "users"])
        #expect(now.topics.map(\.bytesPerSecond) == [100, 0])
        #expect(now.topics.map(\.recordsPerSecond) == [2, 0])
        #expect(now.bytesPerSecond == 100)
        #expect(now.recordsPerSecond == 2)
    }

    @Test func `lags and states are those of the moment, rates those of the poll`() throws {
        let before = sample(try .of(PartitionFacts()), ["orders": TopicMeasurement(bytes: 100, records: 1)])
        let polled = sample(
            try .of(PartitionFacts(lag: 5)), since: before, seconds: 2,
            ["orders": TopicMeasurement(bytes: 300, records: 5)])

        let now = polled.updated(
            by: try .of(PartitionFacts(state: "failed", lag: 70), PartitionFacts(topic: "new", lag: nil)))

        #expect(now.topics.map(\.topic) == ["new", "orders"])
        #expect(now.topics.map(\.lag) == [nil, 70])
        #expect(now.topics.map(\.state) == ["active", "failed"])
        #expect(now.topics.map(\.bytesPerSecond) == [0, 100])
        #expect(now.topics.map(\.recordsPerSecond) == [0, 2])
        #expect(now.lagUnknownPartitions == 1)
    }

    @Test func `a topic that was not there before has no rate yet`() throws {
        let before = sample(try .of(PartitionFacts()))
        let now = sample(
            try .of(PartitionFacts(), PartitionFacts(topic: "new")), since: before,
            ["new": TopicMeasurement(bytes: 1_000, records: 10)])

        #expect(now.topics.map(\.bytesPerSecond) == [0, 0])
    }

    @Test func `no time between two samples makes no rate`() throws {
        let before = sample(try .of(PartitionFacts()))
        let now = sample(
            try .of(PartitionFacts()), since: before, seconds: 0, ["orders": TopicMeasurement(bytes: 9, records: 9)])

        #expect(now.bytesPerSecond == 0)
    }

    @Test(
        arguments: [
            (["active", "active"], nil, "active"), (["active", "paused"], nil, "paused"),
            (["paused", "failed"], nil, "failed"),
            (["active", "paused"], 31, "stuck"), (["active", "failed"], 31, "failed"),
        ] as [([String], Int?, String)])
    func `a topic is in the worst state of its partitions`(states: [String], stuck: Int?, expected: String) throws {
        let status = try FlowStatus.of(
            PartitionFacts(partition: 0, state: states[0], lag: 2, stuckForSeconds: stuck),
            PartitionFacts(partition: 1, state: states[1], lag: 3))

        let topic = try #require(sample(status).topics.first)

        #expect(topic.state == expected)
        #expect(topic.partitions == 2)
        #expect(topic.lag == 5)
        #expect(topic.targetTopic == "east.orders")
    }

    @Test func `latencies of topics are weighted by their records, the longest is the flow's`() throws {
        let status = try FlowStatus.of(PartitionFacts(), PartitionFacts(topic: "users"), PartitionFacts(topic: "idle"))
        let before = sample(status)
        let now = sample(
            status, since: before, seconds: 1,
            [
                "orders": TopicMeasurement(bytes: 0, records: 30, latency: (mean: 1, maximum: 2)),
                "users": TopicMeasurement(bytes: 0, records: 10, latency: (mean: 5, maximum: 9)),
            ])

        #expect(now.latencyMean == 2)
        #expect(now.latencyMaximum == 9)
        #expect(sample(status).latencyMean == nil)
    }

    @Test func `topics without series of their own count in what is told of the flow`() throws {
        let status = try FlowStatus.of(PartitionFacts(), PartitionFacts(topic: "users"))
        let now = sample(
            status, since: sample(status), seconds: 1,
            [
                "orders": TopicMeasurement(bytes: 0, records: 30, latency: (mean: 1, maximum: 2)),
                "users": TopicMeasurement(bytes: 0, records: 10),
                "(others)": TopicMeasurement(bytes: 0, records: 0, latency: (mean: 5, maximum: 9)),
            ])

        #expect(now.latencyMean == 2)
        #expect(now.latencyMaximum == 9)
        #expect(now.topics.map(\.latencyMaximum) == [2, nil])
    }

    @Test func `a topic that begins to count again has no rate below zero`() throws {
        let status = try FlowStatus.of(PartitionFacts())
        let before = sample(status, ["orders": TopicMeasurement(bytes: 500, records: 50)])
        let now = sample(status, since: before, ["orders": TopicMeasurement(bytes: 10, records: 1)])

        #expect(now.bytesPerSecond == 0)
        #expect(now.recordsPerSecond == 0)
    }
}
