import Observability
import Replication
import ReplicatorDaemon
import Testing

@Suite struct HistoryRecorderTests {
    private let start = ContinuousClock.now
    private let history = History()

    private func sample(latency: Double? = nil) throws -> FlowSample {
        FlowSample(try .of(PartitionFacts(lag: 4)), since: nil, seconds: 0) { _ in
            TopicMeasurement(bytes: 0, records: 0, latency: latency.map { (mean: $0, maximum: $0) })
        }
    }

    private func entries(_ topic: String? = nil) -> [History.Sample] {
        history.samples(of: History.Subject(flow: "there", topic: topic), points: 100)
    }

    @Test func `an entry is made at once, and then every five seconds at the latest, for the flow and each topic`()
        throws
    {
        var recorder = HistoryRecorder(history)

        for second in stride(from: 0, through: 10, by: 2) {
            recorder.record([try sample()], at: start + .seconds(second), time: 1_000 * Int64(second))
        }

        #expect(entries().map(\.time) == [0, 4_000, 8_000])
        #expect(entries("orders").map(\.time) == [0, 4_000, 8_000])
        #expect(entries().map(\.lag) == [4, 4, 4])
    }

    @Test(arguments: [1, 2, 2.5, 4, 5])
    func `polls at whatever pace leave no hole`(pause: Double) throws {
        var recorder = HistoryRecorder(history)

        for number in 0...40 {
            let seconds = Double(number) * pause
            recorder.record([try sample()], at: start + .seconds(seconds), time: Int64(1_000 * seconds))
        }

        let times = entries().map(\.time)
        #expect(zip(times, times.dropFirst()).allSatisfy { $1 - $0 <= 5_000 })
        #expect(Double(times.count) >= 40 * pause / 5)
    }

    @Test func `the longest latency between two entries is kept, and told once`() throws {
        var recorder = HistoryRecorder(history)

        for (second, latency) in [(0, nil), (2, 8), (4, 3), (5, nil), (10, nil)] as [(Int, Double?)] {
            recorder.record([try sample(latency: latency)], at: start + .seconds(second), time: 1_000 * Int64(second))
        }

        #expect(entries().map(\.latency) == [nil, 8, nil])
        #expect(entries("orders").map(\.latency) == [nil, 8, nil])
    }

    @Test func `a flow that is sampled no more is forgotten after an hour`() throws {
        var recorder = HistoryRecorder(history)

        recorder.record([try sample()], at: start, time: 0)
        recorder.record([], at: start + .seconds(3_601), time: 3_601_000)

        #expect(history.flows.isEmpty)
    }
}
