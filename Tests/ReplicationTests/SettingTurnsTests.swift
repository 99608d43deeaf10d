import Replication
import Testing

@Suite struct SettingTurnsTests {
    @Test(arguments: [0, 1, 999, 1_000, 1_001, 1_999, 2_001, 10_000, 10_001, 100_000])
    func `two looks see every topic`(count: Int) {
        var turns = SettingTurns()
        // Wherever the turn is.
        for _ in 0..<3 {
            let seen = Set(turns.take(of: count)).union(turns.take(of: count))

            #expect(seen == Set(0..<count))
        }
    }

    @Test func `few topics are all seen each time, and topics that are gone are not asked for`() {
        var turns = SettingTurns()
        #expect(turns.take(of: 1_000) == 0..<1_000)
        #expect(turns.take(of: 10_000) == 0..<5_000)
        #expect(turns.take(of: 4_000) == 0..<2_000)
        #expect(turns.take(of: 0) == 0..<0)
    }
}
