import Replication
import ReplicatorDaemon
import Testing

@Suite struct LeaderMovesTests {
    private func moves(_ old: [PartitionFacts], _ new: [PartitionFacts]) throws -> [String] {
        func status(_ facts: [PartitionFacts]) throws -> FlowStatus {
            facts.count == 1 ? try .of(facts[0]) : try .of(facts[0], facts[1])
        }
        return LeaderMoves.describe(from: try status(old), to: try status(new))
    }

    @Test func `leaders that stay are not told`() throws {
        let facts = PartitionFacts(sourceLeader: 1, targetLeader: 2)

        #expect(try moves([facts], [facts]).isEmpty)
    }

    @Test func `one move is told with its partition and both brokers, each side for itself`() throws {
        let old = PartitionFacts(sourceLeader: 1, targetLeader: 2)
        let new = PartitionFacts(sourceLeader: 3, targetLeader: 1)

        #expect(
            try moves([old], [new]) == [
                "leader on the source moved: orders-0 from broker 1 to 3",
                "leader on the target moved: orders-0 from broker 2 to 1",
            ])
    }

    @Test func `many moves are counted`() throws {
        let old = (0...1).map { PartitionFacts(partition: $0, sourceLeader: 1) }
        let new = (0...1).map { PartitionFacts(partition: $0, sourceLeader: 2) }

        #expect(
            try moves(old, new) == ["leaders of 2 partitions on the source moved, such as orders-0 from broker 1 to 2"])
    }

    @Test func `a leader that is lost or found, or of a partition that is new, has not moved`() throws {
        let without = PartitionFacts()
        let with = PartitionFacts(sourceLeader: 1)

        #expect(try moves([without], [with]).isEmpty)
        #expect(try moves([with], [without]).isEmpty)
        #expect(try moves([with], [with, PartitionFacts(partition: 1, sourceLeader: 2)]).isEmpty)
    }
}
