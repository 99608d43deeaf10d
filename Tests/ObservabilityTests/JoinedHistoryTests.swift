import Observability
import Testing

@Suite struct JoinedHistoryTests {
    private func sample(
        _ seconds: Int64, bytes: Double = 0, lag: Double? = 0, latency: Double? = nil
    ) -> History.Sample {
        History.Sample(
            time: 1_700_000_000_000 + seconds * 1_000, lag: lag, bytesPerSecond: bytes, recordsPerSecond: bytes / 10,
            latency: latency)
    }

    private func bytes(_ histories: [History.Sample]...) -> [Float] {
        JoinedHistory(histories).samples.map(\.bytesPerSecond)
    }

    @Test func `one history stays as it is`() {
        let own = [sample(0, bytes: 10), sample(1, bytes: 20), sample(7, bytes: 30)]
        #expect(JoinedHistory([own, []]).samples.map(\.time) == own.map(\.time))
    }

    @Test func `rates and lags are sums, latencies the longest, whatever the moments within a step`() throws {
        let joined = JoinedHistory([
            [sample(0, bytes: 10, lag: 1, latency: 0.5), sample(5, bytes: 20, lag: 2)],
            [sample(2, bytes: 100, lag: 10, latency: 2), sample(8, bytes: 200, lag: 20)],
        ]).samples

        #expect(joined.map(\.bytesPerSecond) == [110, 220])
        #expect(joined.map(\.recordsPerSecond) == [11, 22])
        #expect(joined.map(\.lag) == [11, 22])
        #expect(joined.map(\.latency) == [2, nil])
    }

    @Test func `a lag is not known where that of a part is not`() {
        let joined = JoinedHistory([[sample(0, lag: nil)], [sample(1, lag: 5)]]).samples
        #expect(joined.map(\.lag) == [nil])
    }

    @Test func `a step in which an instance had no sample is no hole in the sum`() {
        let steady = [0, 5, 10, 15, 20].map { sample($0, bytes: 10) }
        let joined = bytes(steady, [0, 5, 15, 20].map { sample($0, bytes: 100) })
        #expect(joined.count >= 4)
        #expect(joined.allSatisfy { $0 == 110 }, "\(joined)")
    }

    @Test func `an instance that came later, or has died, counts while it was there`() {
        let steady = [0, 5, 10, 15, 20].map { sample($0, bytes: 10) }
        #expect(bytes(steady, [15, 20].map { sample($0, bytes: 100) }) == [10, 10, 10, 110, 110])
        #expect(bytes(steady, [0, 5].map { sample($0, bytes: 100) }) == [110, 110, 10, 10, 10])
    }

    @Test func `times that cannot be are left out`() {
        var mad = sample(0)
        mad.time = .max
        var past = sample(0)
        past.time = .min
        #expect(bytes([sample(0, bytes: 1), sample(5, bytes: 2)], [mad], [past]) == [1, 2])
    }
}
