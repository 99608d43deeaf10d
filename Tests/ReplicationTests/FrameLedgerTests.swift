import Replication
import Testing

@Suite struct FrameLedgerTests {
    @Test func `a frame counts in full until its last batch is given back`() {
        var ledger = FrameLedger(budget: 100)
        let frame = ledger.book(bytes: 60, batches: 2)

        #expect(ledger.available == 40)
        if let frame { ledger.giveBack(frame) }
        #expect(ledger.available == 40)
        if let frame { ledger.giveBack(frame) }
        #expect(ledger.available == 100)
    }

    @Test func `a reservation counts while the fetch is under way`() {
        var ledger = FrameLedger(budget: 100)
        ledger.reserve(70)

        #expect(ledger.available == 30)
        ledger.release(reservation: 70)
        #expect(ledger.available == 100)
    }

    @Test func `a frame that gave no batch costs nothing, and more than the budget is never negative`() {
        var ledger = FrameLedger(budget: 100)

        #expect(ledger.book(bytes: 60, batches: 0) == nil)
        #expect(ledger.available == 100)
        _ = ledger.book(bytes: 500, batches: 1)
        #expect(ledger.available == 0)
    }
}
