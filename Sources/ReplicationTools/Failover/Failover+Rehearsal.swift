internal import KafkaClient
internal import Replication

// Findings of a dry run.
extension Failover {
    /// Tells what a step finds, and would do, now.
    func preview(of step: FailoverStep) async throws -> String {
        switch step {
        case .preflight: return ""
        case .fence: return try await previewFence()
        case .quiesce: return try await previewStillness()
        case .drain: return try await previewDrain()
        case .snapshot: return "would note \(memory.passed.count) partitions"
        case .groups: return try await previewGroups()
        case .verify: return "would compare \(memory.passed.count) partitions"
        case .prepareFailback: return try await previewOpposite()
        case .unfence: return try await previewLift()
        case .complete: return "would note it in \(ProgressTopic.name(flow: settings.name))"
        }
    }

    /// A count with its noun, as the steps of a report tell it: `1 partition`, `12 partitions`.
    static func count(_ count: some BinaryInteger, _ noun: String) -> String {
        count == 1 ? "1 \(noun)" : "\(count) \(noun)s"
    }
}
