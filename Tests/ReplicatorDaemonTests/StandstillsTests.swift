import Logging
import Replication
import ReplicatorDaemon
import Testing

@Suite struct StandstillsTests {
    private let start = ContinuousClock.now

    private func status(
        offset: Int = 7, lag: Int = 3, state: String = "active", flow: String = "running", partitions: Int = 1,
        obstacle: String? = nil
    ) throws -> FlowStatus {
        let facts = { PartitionFacts(partition: $0, state: state, obstacle: obstacle, offset: offset, lag: lag) }
        return partitions == 1 ? try .of(facts(0), state: flow) : try .of(facts(0), facts(1), state: flow)
    }

    private func warnings(
        _ standstills: inout Standstills, _ status: FlowStatus, after seconds: Int
    ) -> [Standstills.Warning] {
        standstills.update([status], at: start + .seconds(seconds))
    }

    @Test func `a standstill is told once patience has run out, with place and reason, and only once`() throws {
        var standstills = Standstills(patience: .seconds(30))
        let status = try status(obstacle: "NOT_ENOUGH_REPLICAS")

        #expect(warnings(&standstills, status, after: 0).isEmpty)
        #expect(warnings(&standstills, status, after: 29).isEmpty)
        let told = warnings(&standstills, status, after: 30)
        #expect(told.map(\.message) == ["partition makes no progress although there is something to copy"])
        #expect(
            told.first?.metadata == [
                "flow": "there", "topic": "orders", "partition": "0", "offset": "7", "lag": "3",
                "reason": "NOT_ENOUGH_REPLICAS",
            ])
        #expect(warnings(&standstills, status, after: 60).isEmpty)
    }

    @Test func `several at once are told in one sentence`() throws {
        var standstills = Standstills(patience: .seconds(30))
        let status = try status(partitions: 2)

        _ = warnings(&standstills, status, after: 0)

        #expect(
            warnings(&standstills, status, after: 31).map(\.message)
                == ["2 partitions make no progress although there is something to copy"])
    }

    @Test func `a copy that is brought to its first offset makes progress as long as its log grows`() throws {
        var standstills = Standstills(patience: .seconds(30))
        func filled(_ done: Int) throws -> FlowStatus {
            try .of(PartitionFacts(offset: 900, lag: 3, targetOffset: done, fillsUpTo: 900))
        }

        for look in 0..<4 { #expect(warnings(&standstills, try filled(look * 100), after: look * 29).isEmpty) }
        #expect(warnings(&standstills, try filled(300), after: 3 * 29 + 30).count == 1)
    }

    @Test func `progress ends a standstill, and the next one is told again`() throws {
        var standstills = Standstills(patience: .seconds(30))

        _ = warnings(&standstills, try status(), after: 0)
        #expect(warnings(&standstills, try status(), after: 30).count == 1)
        let moved = try status(offset: 8)
        #expect(warnings(&standstills, moved, after: 32).isEmpty)
        #expect(standstills.marking(moved, at: start + .seconds(32)).partitions[0].stuckForSeconds == nil)
        #expect(warnings(&standstills, moved, after: 62).count == 1)
    }

    @Test(arguments: [
        (lag: 0, state: "active", flow: "running"), (lag: 3, state: "paused", flow: "running"),
        (lag: 3, state: "failed", flow: "running"), (lag: 3, state: "active", flow: "draining"),
    ])
    func `what has nothing to do, or is not meant to move, does not stand still`(lag: Int, state: String, flow: String)
        throws
    {
        var standstills = Standstills(patience: .seconds(30))
        let status = try status(lag: lag, state: state, flow: flow)

        _ = warnings(&standstills, status, after: 0)

        #expect(warnings(&standstills, status, after: 100).isEmpty)
        #expect(standstills.marking(status, at: start + .seconds(100)).partitions[0].stuckForSeconds == nil)
    }

    @Test func `a status says for how long its partitions have stood still, unless they failed since`() throws {
        var standstills = Standstills(patience: .seconds(30))
        let status = try status()

        _ = warnings(&standstills, status, after: 0)
        _ = warnings(&standstills, status, after: 40)

        #expect(standstills.marking(status, at: start + .seconds(45)).partitions[0].stuckForSeconds == 45)
        let failed = try self.status(state: "failed")
        #expect(standstills.marking(failed, at: start + .seconds(45)).partitions[0].stuckForSeconds == nil)
    }

    @Test func `a standstill of unknown lag is told with what is not known`() throws {
        var standstills = Standstills(patience: .seconds(30))
        let status = try FlowStatus.of(PartitionFacts(offset: 7, lag: nil, lagUnknown: "no answer"))

        _ = warnings(&standstills, status, after: 0)
        let told = warnings(&standstills, status, after: 30)

        #expect(told.map(\.message) == ["partition makes no progress and how far behind is not known"])
        #expect(told.first?.metadata["lag"] == "unknown")
        #expect(told.first?.metadata["reason"] == "no answer")
    }

    @Test func `the end of a standstill is told once, and of those that follow for one reason only the first`() throws {
        var standstills = Standstills(patience: .seconds(30))
        let first = try FlowStatus.of(PartitionFacts(obstacle: "west is away", lag: 3), PartitionFacts(partition: 1))
        let both = try FlowStatus.of(
            PartitionFacts(obstacle: "west is away", lag: 3),
            PartitionFacts(partition: 1, obstacle: "west is away", lag: 1))

        _ = warnings(&standstills, first, after: 0)
        _ = warnings(&standstills, both, after: 10)
        #expect(warnings(&standstills, both, after: 30).count == 1)
        #expect(standstills.takeEnded().isEmpty)
        #expect(warnings(&standstills, both, after: 40).isEmpty)
        #expect(standstills.marking(both, at: start + .seconds(40)).partitions.allSatisfy { $0.stuckForSeconds != nil })

        _ = warnings(&standstills, try .of(PartitionFacts(), PartitionFacts(partition: 1)), after: 50)
        #expect(standstills.takeEnded() == ["there"])
        #expect(standstills.takeEnded().isEmpty)
    }
}
