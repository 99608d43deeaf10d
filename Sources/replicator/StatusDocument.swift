internal import FoundationEssentials
internal import Replication

/// What `/api/status` answers.
struct StatusDocument: Codable {
    var flows: [FlowStatus]

    var json: String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        guard let data = try? encoder.encode(self) else { return "{}" }
        return String(decoding: data, as: UTF8.self)
    }

    /// Why a flow is not ready: it does not run, or a partition of it has stopped.
    static func obstacles(of flow: FlowStatus) -> [String] {
        guard flow.state == "running" else { return ["flow \(flow.name) is \(flow.state)"] }
        return flow.partitions.filter { $0.state == "failed" }.map { partition in
            "flow \(flow.name): \(partition.topic)-\(partition.partition) has stopped: \(partition.reason ?? "")"
        }
    }
}
