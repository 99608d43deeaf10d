import KafkaBroker
import Testing

/// The choice of a replica by rack (KIP-392).
@Suite struct ReplicaSelectorTests {
    private static func replica(_ node: Int32, _ rack: String?, end: Int64 = 10) -> ReplicaSelector.Candidate {
        ReplicaSelector.Candidate(node: node, rack: rack, logEndOffset: end)
    }

    private static func choice(
        in rack: String, leader: String?, _ followers: ReplicaSelector.Candidate...
    ) -> Int32? {
        ReplicaSelector.rackAware.follower(in: rack, leader: replica(1, leader), followers: followers)
    }

    @Test func `a follower in the consumer's rack is taken`() {
        #expect(Self.choice(in: "b", leader: "a", Self.replica(2, "b"), Self.replica(3, "c")) == 2)
    }

    @Test func `the leader is kept when it is in the rack`() {
        #expect(Self.choice(in: "a", leader: "a", Self.replica(2, "a")) == nil)
    }

    @Test(arguments: ["", "d"]) func `the leader is kept when nobody is in the rack, or none is told`(rack: String) {
        #expect(Self.choice(in: rack, leader: "a", Self.replica(2, "b"), Self.replica(3, nil)) == nil)
    }

    @Test func `of several the one that is furthest is taken, and of equals the highest id`() {
        #expect(Self.choice(in: "b", leader: "a", Self.replica(2, "b", end: 9), Self.replica(3, "b", end: 8)) == 2)
        #expect(Self.choice(in: "b", leader: "a", Self.replica(3, "b"), Self.replica(2, "b")) == 3)
    }
}
