import Replication
import Testing

@Suite struct SyncMergeTests {
    typealias Merge = ThreeWayMerge<String>

    private static let table: [(wanted: String?, there: String?, ours: String?, verdict: Merge)] = [
        (nil, nil, nil, .keep),
        (nil, nil, "a", .forget),
        ("a", "a", "a", .keep),
        ("a", "a", nil, .adopt("a")),
        ("a", "a", "b", .adopt("a")),
        ("a", nil, nil, .set(from: nil, to: "a")),
        ("b", "a", "a", .set(from: "a", to: "b")),
        (nil, "a", "a", .reset(from: "a")),
        (nil, "x", nil, .keep),
        (nil, "x", "a", .foreign(there: "x", wanted: nil, isOver: true)),
        ("a", "x", nil, .foreign(there: "x", wanted: "a", isOver: false)),
        ("a", "x", "a", .foreign(there: "x", wanted: "a", isOver: false)),
        ("a", nil, "a", .foreign(there: nil, wanted: "a", isOver: false)),
    ]

    @Test(arguments: Self.table.indices) func `what nobody else has touched follows, what somebody has stays`(row: Int)
    {
        let (wanted, there, ours, verdict) = Self.table[row]

        #expect(Merge(wanted: wanted, there: there, ours: ours, adopts: true) == verdict)
    }

    @Test func `without adoption an equal value that somebody else set never becomes ours`() {
        #expect(Merge(wanted: "a", there: "a", ours: nil, adopts: false) == .keep)
        #expect(Merge(wanted: "a", there: "a", ours: "b", adopts: false) == .adopt("a"))
    }

    @Test func `overwriting takes back what somebody changed, and nothing that was never ours or wanted`() {
        func merge(_ wanted: String?, _ there: String?, _ ours: String?) -> Merge {
            Merge(wanted: wanted, there: there, ours: ours, adopts: true, overwrites: true)
        }
        #expect(merge("a", "x", "a") == .set(from: "x", to: "a"))
        #expect(merge("a", "x", nil) == .set(from: "x", to: "a"))
        #expect(merge("a", nil, "a") == .set(from: nil, to: "a"))
        #expect(merge(nil, "x", "a") == .reset(from: "x"))
        #expect(merge(nil, "x", nil) == .keep)
    }
}
