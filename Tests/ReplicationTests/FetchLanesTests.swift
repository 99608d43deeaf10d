import Replication
import Testing

/// The connections that partitions are fetched over, by whether they have a backlog.
@Suite struct FetchLanesTests {
    @Test func `a partition is a tail until an answer does not reach the end, and then has a backlog`() {
        var lanes = FetchLanes()
        #expect(lanes.lane(of: 7, at: 1) == .tails(1))
        lanes.answered(7, at: 1, hasBacklog: true, lanes: 1)
        #expect(lanes.lane(of: 7, at: 1) == FetchLane(broker: 1, number: 1))
        #expect(lanes.backlogLanes == 1)
    }

    @Test func `backlogs are spread evenly`() {
        var lanes = FetchLanes()
        for partition in 0..<12 { lanes.answered(partition, at: 1, hasBacklog: true, lanes: 3) }
        let numbers = (0..<12).map { lanes.lane(of: $0, at: 1).number }
        for number in 1...3 { #expect(numbers.count { $0 == number } == 4) }
        #expect(lanes.backlogLanes == 3)
    }

    @Test func `one that has reached the end stays until the lane of tails takes it`() {
        var lanes = FetchLanes()
        lanes.answered(7, at: 1, hasBacklog: true, lanes: 3)
        let lane = lanes.lane(of: 7, at: 1)
        lanes.answered(7, at: 1, hasBacklog: false, lanes: 3)
        #expect(lanes.lane(of: 7, at: 1) == lane)
        #expect(lanes.hasReturning(to: 1))
        #expect(lanes.takeReturning(to: 1) == [7])
        #expect(lanes.lane(of: 7, at: 1) == .tails(1))
        #expect(lanes.backlogLanes == 0)
    }

    @Test func `one that falls back before it was taken keeps its lane`() {
        var lanes = FetchLanes()
        lanes.answered(7, at: 1, hasBacklog: true, lanes: 3)
        let lane = lanes.lane(of: 7, at: 1)
        lanes.answered(7, at: 1, hasBacklog: false, lanes: 3)
        lanes.answered(7, at: 1, hasBacklog: true, lanes: 3)
        #expect(lanes.takeReturning(to: 1).isEmpty)
        #expect(lanes.lane(of: 7, at: 1) == lane)
    }

    @Test func `at another broker it begins as a tail, and its place is free`() {
        var lanes = FetchLanes()
        lanes.answered(7, at: 1, hasBacklog: true, lanes: 3)
        #expect(lanes.lane(of: 7, at: 2) == .tails(2))
        lanes.leave(7)
        #expect(lanes.backlogLanes == 0)
        #expect(lanes.lane(of: 7, at: 1) == .tails(1))
        lanes.answered(7, at: 2, hasBacklog: true, lanes: 3)
        #expect(lanes.lane(of: 7, at: 2).broker == 2)
    }
}
