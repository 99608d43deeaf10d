import KafkaClient
import NIOCore
import Replication
import Testing

@Suite struct PartLoadsTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)
    private let part = FlowPart.partition(TopicPartition("orders", 0))

    private func counters(_ bytes: Int64, _ requests: Int64 = 0) -> [FlowPart: PartLoads.Counters] {
        [part: PartLoads.Counters(bytes: bytes, requests: requests)]
    }

    @Test func `nothing is known before enough was measured`() {
        var loads = PartLoads()
        loads.measure(counters(0), at: start)
        loads.measure(counters(3_000), at: start + .seconds(3))
        #expect(loads.load(of: part) == nil)
        loads.measure(counters(6_000), at: start + .seconds(6))
        #expect(loads.load(of: part).map { abs($0 - 1_000) < 1 } == true)
    }

    @Test func `the first measurement counts in full, later ones change it bit by bit`() throws {
        var loads = PartLoads()
        loads.measure(counters(0), at: start)
        loads.measure(counters(10_000), at: start + .seconds(10))
        loads.measure(counters(10_000), at: start + .seconds(20))
        let after = try #require(loads.load(of: part))
        #expect((300..<700).contains(after), "\(after)")
        for second in 3...60 { loads.measure(counters(10_000), at: start + .seconds(Int64(second) * 10)) }
        #expect((loads.load(of: part) ?? 1_000) < 1)
    }

    @Test func `requests count beside bytes`() throws {
        var loads = PartLoads()
        loads.measure(counters(0), at: start)
        loads.measure(counters(1_000, 100), at: start + .seconds(10))

        let load = try #require(loads.load(of: part))
        #expect(abs(load - (100 + 10 * PartLoads.requestBytes)) < 1)
        #expect(abs(loads.traffic.load - load) < 1)
    }

    @Test func `a part that was given away and taken again is measured from scratch`() {
        var loads = PartLoads()
        loads.measure(counters(0), at: start)
        loads.measure(counters(1_000_000), at: start + .seconds(10))
        loads.measure(counters(500), at: start + .seconds(20))
        #expect(loads.load(of: part) == nil)
        loads.measure([:], at: start + .seconds(30))
        #expect(loads.traffic.bytesPerSecond == 0)
    }
}

@Suite struct RebalanceRuleTests {
    private let start = NIODeadline.uptimeNanoseconds(1_000_000_000)

    @Test func `a difference that lasts is worth a generation, a passing one is not`() {
        var rule = RebalanceRule()
        let uneven = [3e6, 1e6]
        let looks = [uneven, uneven, [2e6, 2e6], uneven, uneven, uneven]
        let due = looks.enumerated().map { rule.isDue($1, at: start + .seconds(Int64($0) * 10)) }

        #expect(due == [false, false, false, false, false, true])
    }

    @Test(arguments: [[1.14e6, 0.86e6], [5e6], [], [30_000, 0]])
    func `a small difference, a lone instance and hardly any traffic are not`(loads: [Double]) {
        var rule = RebalanceRule()
        let due = (0..<100).map { rule.isDue(loads, at: start + .seconds($0 * 10)) }

        #expect(!due.contains(true))
    }

    @Test func `one that cannot be helped is asked for less and less often`() {
        var rule = RebalanceRule()
        var asked: [Int64] = []
        for second in stride(from: Int64(0), to: 20_000, by: 10)
        where rule.isDue([3e6, 1e6], at: start + .seconds(second)) {
            asked.append(second)
        }
        let gaps = zip(asked.dropFirst(), asked).map { $0 - $1 }

        #expect(asked.first == 20 && gaps.first == 60)
        #expect(gaps == gaps.sorted() && gaps.allSatisfy { $0 <= 1_920 } && gaps.last == 1_920)
    }
}
