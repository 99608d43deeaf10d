import Foundation
import Replication
import ReplicatorDaemon
import Testing

@Suite struct GroupLagsTests {
    /// A flow with the partitions orders-0 (end 100 at the source, 90 on the target) and orders-1 (end not known).
    private func status(
        _ positions: [(group: String, partition: Int, atSource: Int, atTarget: Int?)], reason: String? = nil,
        failed: Set<String> = []
    ) throws -> FlowStatus {
        var status = try FlowStatus.of(
            PartitionFacts(partition: 0, offset: 90, lag: 10), PartitionFacts(partition: 1, offset: 50, lag: nil))
        status.groupsReason = reason
        let groups: [[String: Any]] = Dictionary(grouping: positions, by: \.group).map { group, positions in
            [
                "group": group, "targetGroup": group, "state": failed.contains(group) ? "failed" : "synced",
                "partitions": positions.map { position -> [String: Any] in
                    var json: [String: Any] = [
                        "topic": "orders", "partition": position.partition, "targetTopic": "east.orders",
                        "sourceOffset": position.atSource, "state": "synced", "aheadBy": 0,
                    ]
                    json["targetOffset"] = position.atTarget
                    return json
                },
            ]
        }
        status.groups = try JSONDecoder().decode(
            [FlowStatus.Group].self, from: JSONSerialization.data(withJSONObject: groups))
        return status
    }

    @Test func `lag reaches from the positions to the ends on either side`() throws {
        let lags = GroupLags(try status([("billing", 0, 70, 60)]))

        #expect(lags.byGroup == ["billing": .init(source: 30, target: 30)])
    }

    @Test func `it is not known where an end, a position or a partition is not`() throws {
        let lags = GroupLags(
            try status([
                ("no end", 1, 40, 40), ("not there yet", 0, 70, nil), ("elsewhere", 7, 1, 1), ("both", 0, 70, 60),
                ("both", 1, 1, 1),
            ]))

        #expect(
            lags.byGroup == [
                "no end": .init(source: nil, target: 10), "not there yet": .init(source: 30, target: nil),
                "elsewhere": .init(source: nil, target: nil), "both": .init(source: nil, target: 79),
            ])
    }

    @Test func `what was found before a cluster went silent is not taken for the present`() throws {
        let silent = GroupLags(try status([("billing", 0, 70, 60)], reason: "west does not answer"))
        let failed = GroupLags(try status([("billing", 0, 70, 60)], failed: ["billing"]))

        #expect(silent.byGroup == ["billing": .init(source: nil, target: nil)])
        #expect(failed.byGroup == ["billing": .init(source: nil, target: nil)])
    }

    @Test func `groups beyond the bound are one, and those that were shown stay`() throws {
        let all = try status([("b", 0, 90, 90), ("c", 0, 80, 90), ("d", 0, 70, 80)])
        var own: Set<String> = ["c", "gone"]
        var lags = GroupLags(all)

        let summed = lags.sum(beyond: 1, &own)

        #expect(own == ["c"])
        #expect(summed == 2)
        #expect(lags.byGroup == ["c": .init(source: 20, target: 0), "(others)": .init(source: 40, target: 10)])
    }

    @Test func `without a place of its own for any, all are one`() throws {
        var own: Set<String> = []
        var lags = GroupLags(try status([("b", 0, 90, 90), ("c", 0, 80, nil)]))

        #expect(lags.sum(beyond: 0, &own) == 2)
        #expect(lags.byGroup == ["(others)": .init(source: 30, target: nil)])
    }
}
