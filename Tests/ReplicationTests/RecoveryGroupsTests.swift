import Replication
import Testing

/// No partition's recovery waits for a broker that only others need.
@Suite struct RecoveryGroupsTests {
    private func brokers(_ target: Int32?, apart: Bool = false) -> RecoveryGroups.Brokers {
        RecoveryGroups.Brokers(target: target, sourceIsInTrouble: apart)
    }

    private func sorted(_ groups: [RecoveryGroups.Group]) -> [[Int]] {
        groups.map(\.partitions).sorted { $0[0] < $1[0] }
    }

    @Test func `partitions of one broker are recovered together, those of others apart`() {
        var groups = RecoveryGroups()

        let begun = groups.begin([5, 0, 1, 2, 3, 4]) {
            switch $0 {
            case 0, 3: brokers(1)
            case 1: brokers(2)
            case 2: brokers(nil)
            default: brokers(1, apart: true)
            }
        }

        #expect(sorted(begun) == [[0, 3], [1], [2], [4, 5]])
        #expect((0...5).allSatisfy { groups.holds($0) })
        #expect(!groups.holds(6))
    }

    @Test func `a partition that is due later does not wait for those that are under way`() throws {
        var groups = RecoveryGroups()
        let first = try #require(groups.begin([0]) { _ in brokers(1) }.first)

        let later = groups.begin([1]) { _ in brokers(1) }

        #expect(sorted(later) == [[1]])
        groups.end(first)
        #expect(!groups.holds(0))
        #expect(groups.holds(1))
    }

    @Test func `with many under way the next ones wait, and are one group then`() throws {
        var groups = RecoveryGroups()
        var underWay: [RecoveryGroups.Group] = []
        for number in 0..<RecoveryGroups.most { underWay += groups.begin([number]) { _ in brokers(1) } }

        #expect(groups.begin([10]) { _ in brokers(1) }.isEmpty)
        #expect(!groups.holds(10))
        #expect(sorted(groups.begin([11]) { _ in brokers(2) }) == [[11]])

        groups.end(underWay[0])
        #expect(sorted(groups.begin([10, 12]) { _ in brokers(1) }) == [[10, 12]])
    }
}
