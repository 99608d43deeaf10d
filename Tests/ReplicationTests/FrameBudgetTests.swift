import Replication
import Testing

@Suite struct FrameBudgetTests {
    @Test func `a frame counts in full until its last batch is given back`() {
        var budget = FrameBudget(budget: 100)
        let frame = budget.book(bytes: 60, batches: 2)

        #expect(budget.available == 40)
        if let frame { budget.release(frame) }
        #expect(budget.available == 40)
        if let frame { budget.release(frame) }
        #expect(budget.available == 100)
    }

    @Test func `a reservation counts while the fetch is under way`() {
        var budget = FrameBudget(budget: 100)
        budget.reserve(70)

        #expect(budget.available == 30)
        budget.release(reservation: 70)
        #expect(budget.available == 100)
    }

    @Test func `a frame that gave no batch costs nothing, and more than the budget is never negative`() {
        var budget = FrameBudget(budget: 100)

        #expect(budget.book(bytes: 60, batches: 0) == nil)
        #expect(budget.available == 100)
        _ = budget.book(bytes: 500, batches: 1)
        #expect(budget.available == 0)
    }

    @Test func `backlogs leave a share to tails, which does not count twice`() {
        var budget = FrameBudget(budget: 800)
        #expect(budget.availableToBacklogs == 700)
        budget.reserve(700)
        #expect(budget.availableToBacklogs == 0)
        #expect(budget.available == 100)
        budget.release(reservation: 400)
        budget.reserve(100, forTails: true)
        #expect(budget.availableToBacklogs == 400)
        #expect(budget.available == 400)
        budget.release(reservation: 100, forTails: true)
        #expect(budget.available == 500)
    }

    @Test func `a fetch of a backlog leaves room for the next while its answer is on its way to the target`() {
        let budget = FrameBudget(budget: 800)
        #expect(budget.backlogShare(of: 1) == 350)
        #expect(budget.backlogShare(of: 3) * 4 <= 700)
    }

    @Test func `a partition is full with as much as nobody holds of what backlogs may, and never with nothing`() {
        var budget = FrameBudget(budget: 8 << 20)
        #expect(budget.largestPartition == 7 << 20)
        #expect(!budget.mayFill)
        _ = budget.book(bytes: 4 << 20, batches: 1)
        #expect(budget.largestPartition == 3 << 20)
        #expect(budget.mayFill)
        _ = budget.book(bytes: 4 << 20, batches: 1)
        #expect(budget.largestPartition == 1)
    }

    @Test func `where backlogs hold all that they may, a fetch of tails leaves most of the rest to the next`() {
        var budget = FrameBudget(budget: 8 << 20)
        #expect(budget.tailFetch == 1 << 20)
        _ = budget.book(bytes: 7 << 20, batches: 1)
        #expect(budget.tailFetch == 256 << 10)
        _ = budget.book(bytes: 1 << 20, batches: 1)
        #expect(budget.tailFetch == 0)
    }
}
