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
}
