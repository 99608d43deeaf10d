import Observability
import Testing

@Suite struct ProgressWatchdogTests {
    private let start = ContinuousClock.now

    private func look(
        _ offset: Int64, lag: Int64, moves: Bool = true, partition: Int32 = 0
    ) -> ProgressWatchdog.Observation {
        ProgressWatchdog.Observation(
            flow: "f", topic: "t", partition: partition, offset: offset, lag: lag, isMeantToMove: moves)
    }

    @Test func `lag without progress is told once the patience is over, with place and time`() {
        var watchdog = ProgressWatchdog(patience: .seconds(10))
        #expect(watchdog.observe([look(5, lag: 3)], at: start).isEmpty)
        #expect(watchdog.observe([look(5, lag: 4)], at: start + .seconds(9)).isEmpty)

        let stuck = watchdog.observe([look(5, lag: 4)], at: start + .seconds(10))

        #expect(stuck.map(\.topic) == ["t"])
        #expect(stuck.first?.since == start)
        #expect(stuck.first?.lag == 4)
    }

    @Test func `progress, however small, begins the patience anew`() {
        var watchdog = ProgressWatchdog(patience: .seconds(10))
        _ = watchdog.observe([look(5, lag: 100)], at: start)
        _ = watchdog.observe([look(6, lag: 200)], at: start + .seconds(9))

        #expect(watchdog.observe([look(6, lag: 200)], at: start + .seconds(18)).isEmpty)
        #expect(watchdog.observe([look(6, lag: 200)], at: start + .seconds(19)).count == 1)
    }

    @Test func `a partition without lag, or not meant to move, is never stuck`() {
        var watchdog = ProgressWatchdog(patience: .seconds(10))
        let looks = [look(5, lag: 0), look(5, lag: 9, moves: false, partition: 1)]
        _ = watchdog.observe(looks, at: start)

        #expect(watchdog.observe(looks, at: start + .seconds(100)).isEmpty)
    }

    @Test func `lag that comes after a long rest is given the whole patience`() {
        var watchdog = ProgressWatchdog(patience: .seconds(10))
        _ = watchdog.observe([look(5, lag: 0)], at: start)
        _ = watchdog.observe([look(5, lag: 1)], at: start + .seconds(100))

        #expect(watchdog.observe([look(5, lag: 1)], at: start + .seconds(109)).isEmpty)
        #expect(watchdog.observe([look(5, lag: 1)], at: start + .seconds(110)).count == 1)
    }

    @Test func `one partition that moves does not hide another that stands`() {
        var watchdog = ProgressWatchdog(patience: .seconds(10))
        _ = watchdog.observe([look(5, lag: 1), look(5, lag: 1, partition: 1)], at: start)

        let stuck = watchdog.observe([look(6, lag: 1), look(5, lag: 1, partition: 1)], at: start + .seconds(10))

        #expect(stuck.map(\.partition) == [1])
    }
}
