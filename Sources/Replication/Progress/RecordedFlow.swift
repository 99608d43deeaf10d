package import KafkaClient
package import KafkaWire

/// Contents of a flow's progress topic, taken in from the oldest to the newest.
package struct RecordedFlow: Sendable {
    package private(set) var identity: FlowIdentity?
    package private(set) var checkpoints: [TopicPartition: Checkpoint] = [:]
    package private(set) var blocks = StoredBlocks()
    /// The producer ids that the flow has registered.
    package private(set) var producers: [Int64: OriginRecord] = [:]

    package init() {}

    /// Whether the flow has ever had a producer id to write with: it registers one before it writes. Flows that ran
    /// before registrations were kept here are told by the ids in their checkpoints.
    package var hasWritten: Bool {
        !producers.isEmpty || checkpoints.values.contains { $0.producers?.isEmpty == false }
    }

    /// Takes a record as it was read.
    ///
    /// - Throws: when it is none of ours although its key is.
    package mutating func take(_ record: Record) throws {
        guard let key = record.key, let known = try ProgressRecord(key: key, value: record.value) else { return }
        take(known)
    }

    package mutating func take(_ record: ProgressRecord) {
        switch record {
        case .identity(let found): identity = found
        case .checkpoint(let partition, let checkpoint): checkpoints[partition] = checkpoint
        case .segments(let partition, let number, let block): blocks.take(partition, number, block)
        case .producer(let id, let registration): producers[id] = registration
        }
    }

    /// The offset map of a source partition as of its checkpoint; nil when the flow does not copy it.
    package func map(of partition: TopicPartition) -> OffsetMap? {
        checkpoints[partition].map { OffsetMap(blocks: blocks[partition], edge: $0.map, passed: $0.sourceOffset) }
    }

    /// Target topic of a source topic; nil before the flow's first start.
    package func targetName(of topic: String) -> String? {
        identity.flatMap { TopicNaming.targetName(of: topic, recorded: $0.naming) }
    }
}
