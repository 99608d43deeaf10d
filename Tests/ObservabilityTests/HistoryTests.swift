import Observability
import Testing

@Suite struct HistoryTests {
    private func sample(_ time: Int64, lag: Double = 0, latency: Double? = nil) -> History.Sample {
        History.Sample(time: time, lag: lag, bytesPerSecond: lag * 2, recordsPerSecond: lag * 3, latency: latency)
    }

    @Test func `an hour is remembered and no more`() {
        let history = History()
        let flow = History.Subject(flow: "f")
        for second in 0..<8_000 { history.add(sample(Int64(second) * 1_000), of: flow) }

        let samples = history.samples(of: flow, points: .max)

        #expect(samples.count == 3_600)
        #expect(samples.last?.time == 7_999_000)
        #expect(samples.first?.time == 4_400_000)
    }

    @Test func `thinning out keeps every peak and the time of the last sample`() {
        let history = History()
        let flow = History.Subject(flow: "f")
        for n in 0..<100 { history.add(sample(Int64(n), lag: n == 37 ? 500 : 1, latency: n == 61 ? 9 : nil), of: flow) }

        let samples = history.samples(of: flow, points: 10)

        #expect(samples.count == 10)
        #expect(samples.compactMap(\.lag).max() == 500)
        #expect(samples.compactMap(\.latency) == [9])
        #expect(samples.last?.time == 99)
    }

    @Test func `topics beyond the limit are left out, and room is made by those that are gone`() {
        let history = History(topicLimit: 2)
        for topic in ["a", "b", "c"] { history.add(sample(1), of: History.Subject(flow: "f", topic: topic)) }
        #expect(history.topics(of: "f") == ["a", "b"])

        history.add(sample(10), of: History.Subject(flow: "f", topic: "b"))
        history.forget(before: 5)
        history.add(sample(10), of: History.Subject(flow: "f", topic: "c"))

        #expect(history.topics(of: "f") == ["b", "c"])
    }

    @Test func `flows are told apart from their topics and from each other`() {
        let history = History()
        history.add(sample(1, lag: 1), of: History.Subject(flow: "f"))
        history.add(sample(1, lag: 2), of: History.Subject(flow: "f", topic: "t"))
        history.add(sample(1, lag: 3), of: History.Subject(flow: "g"))

        #expect(history.flows == ["f", "g"])
        #expect(history.samples(of: History.Subject(flow: "f"), points: 10).map(\.lag) == [1])
        #expect(history.samples(of: History.Subject(flow: "f", topic: "t"), points: 10).map(\.lag) == [2])
    }
}
