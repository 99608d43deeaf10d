import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Crashes without a crash: what a flow remembers is set back to an earlier moment.
extension Replicated {
    static let orders = TopicPartition("orders", 0)
    static let progress = "__replicator.east-to-west.progress"

    /// What the flow from east to west has recorded.
    func recorded() async throws -> RecordedFlow {
        var recorded = RecordedFlow()
        for record in try await StateTopic(Self.progress, client: targetClient).readAll() { try recorded.take(record) }
        return recorded
    }

    /// The newest checkpoint of the partition `orders-0`.
    func checkpoint() async throws -> Checkpoint {
        try #require(try await recorded().checkpoints[Self.orders])
    }

    /// Makes an old checkpoint the newest: as if the process had died before it could write later ones.
    func restore(_ checkpoint: Checkpoint) async throws {
        let record = ProgressRecord.checkpoint(Self.orders, checkpoint)
        try await StateTopic(Self.progress, client: targetClient).append([
            Record(offset: 0, timestamp: 0, key: record.key, value: try record.value())
        ])
    }

    /// Runs the flow until everything is copied; returns the newest checkpoint.
    @discardableResult
    func copy(
        until records: Int64, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> Checkpoint {
        let flow = try flow(edit)
        try await running(flow) { try await caughtUp(flow, records: records) }
        return try await checkpoint()
    }
}
