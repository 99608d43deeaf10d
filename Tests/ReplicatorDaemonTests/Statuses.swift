import Foundation
import Replication

/// A partition of a status, as the engine would tell it.
struct PartitionFacts {
    var topic = "orders"
    var partition = 0
    var state = "active"
    var reason: String?
    var obstacle: String?
    var offset = 0
    /// Nil when it is not known.
    var lag: Int? = 0
    var lagUnknown: String?
    var sourceLeader: Int?
    var targetLeader: Int?
    var stuckForSeconds: Int?
    var targetOffset: Int?
    var fillsUpTo: Int?

    fileprivate var json: [String: Any] {
        var json: [String: Any] = [
            "topic": topic, "partition": partition, "targetTopic": "east.\(topic)", "state": state,
            "sourceOffset": offset, "sourceEnd": lag.map { offset + $0 } ?? -1, "targetOffset": targetOffset ?? offset,
            "lag": lag ?? NSNull(), "written": offset,
            "readBytes": 0, "writtenBytes": 0, "skipped": [String: Int](), "foreign": 0, "doubled": 0,
            "bufferedBytes": 0,
        ]
        json["reason"] = reason
        json["obstacle"] = obstacle
        json["lagUnknown"] = lagUnknown
        json["sourceLeader"] = sourceLeader
        json["targetLeader"] = targetLeader
        json["stuckForSeconds"] = stuckForSeconds
        json["fillsUpTo"] = fillsUpTo
        return json
    }
}

extension FlowStatus {
    /// A status by way of its JSON, which is a contract.
    static func of(_ partitions: PartitionFacts..., state: String = "running") throws -> FlowStatus {
        let json: [String: Any] = [
            "name": "there", "source": "east", "target": "west", "state": state, "paused": [String](),
            "partitions": partitions.map(\.json), "groups": [Any](),
        ]
        return try JSONDecoder().decode(FlowStatus.self, from: JSONSerialization.data(withJSONObject: json))
    }
}
