import Replication
import ReplicatorDaemon
import Testing

/// A flow whose turn it is not, and copies that are brought to an offset, in what people are told.
@Suite struct RestingTests {
    @Test func `a flow that rests is no trouble, and nothing keeps the process from being ready`() throws {
        let status = try FlowStatus.of(state: "resting")

        #expect(FlowObstacles(status).sentences.isEmpty)
        let condition = FlowCondition(status, FlowCounts(status))
        #expect(condition == .resting)
        #expect(!condition.isTrouble)
    }

    @Test func `what is filled is summed over partitions`() throws {
        let status = try FlowStatus.of(
            PartitionFacts(partition: 0, targetOffset: 100, fillsUpTo: 900),
            PartitionFacts(partition: 1, targetOffset: -1, fillsUpTo: 50), PartitionFacts(partition: 2))

        let filling = FlowCounts(status).filling
        #expect(filling == FlowCounts.Filling(partitions: 2, done: 100, end: 950))
        #expect(FlowCounts(try FlowStatus.of(PartitionFacts(partition: 2))).filling == nil)
    }
}
