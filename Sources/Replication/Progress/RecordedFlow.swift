package import KafkaClient
package import KafkaWire
internal import NIOCore

/// Contents of a flow's progress topic, taken in from the oldest to the newest.
package struct RecordedFlow: Sendable {
    package private(set) var identity: FlowIdentity?
    package private(set) var checkpoints: [TopicPartition: Checkpoint] = [:]
    package private(set) var blocks = StoredBlocks()
    /// The producer ids that the flow has registered.
    package private(set) var producers: [Int64: OriginRecord] = [:]

    /// Why the newest record under the key `flow` cannot be understood; nil when it can be.
    package private(set) var identityFlaw: String?
    /// Why the newest checkpoint of a partition cannot be understood, with the record's offset. One that came before
    /// it may be known.
    package private(set) var checkpointFlaws: [TopicPartition: String] = [:]
    /// Blocks whose newest record cannot be understood.
    private var damagedBlocks: [TopicPartition: Set<Int>] = [:]
    /// Producer ids of the flow whose registration cannot be understood.
    package private(set) var damagedProducers: Set<Int64> = []

    package init() {}

    /// Whether the flow has ever had a producer id to write with: it registers one before it writes. Flows that ran
    /// before registrations were kept here are told by the ids in their checkpoints.
    package var hasWritten: Bool {
        !producers.isEmpty || checkpoints.values.contains { $0.producers?.isEmpty == false }
    }

    /// Why nothing else that is recorded may be used, and what to do; nil when the flow's identity is known, or
    /// nothing was recorded as such.
    package var identityRefusal: String? {
        guard identity == nil, let identityFlaw else { return nil }
        return
            "\(identityFlaw). It says which clusters the flow copies between, and without it nothing that is recorded "
            + "can be relied on. See who else may write to this topic and take that right away; then give the flow "
            + "another name, or delete this topic, to begin from scratch"
    }

    /// Takes a record as it was read.
    ///
    /// - Throws: when it is none of ours although its key is. That is remembered of what the key names, and nothing
    ///   else changes: the caller skips the record.
    package mutating func take(_ record: Record) throws {
        guard let bytes = record.key, let key = ProgressRecord.Key(bytes) else { return }
        do {
            if let known = try ProgressRecord(key: bytes, value: record.value) {
                take(known)
            } else {
                remove(key)
            }
        } catch {
            distrust(key, "the record at offset \(record.offset) cannot be understood: \(error)")
            throw error
        }
    }

    package mutating func take(_ record: ProgressRecord) {
        switch record {
        case .identity(let found):
            identity = found
            identityFlaw = nil
        case .checkpoint(let partition, let checkpoint):
            checkpoints[partition] = checkpoint
            checkpointFlaws[partition] = nil
        case .segments(let partition, let number, let block):
            blocks.take(partition, number, block)
            damagedBlocks[partition]?.remove(number)
        case .producer(let id, let registration):
            producers[id] = registration
            damagedProducers.remove(id)
        }
    }

    /// A tombstone of a checkpoint takes it away, as compaction would.
    private mutating func remove(_ key: ProgressRecord.Key) {
        guard case .checkpoint(let partition) = key else { return }
        checkpoints[partition] = nil
        checkpointFlaws[partition] = nil
    }

    private mutating func distrust(_ key: ProgressRecord.Key, _ flaw: String) {
        switch key {
        case .identity: identityFlaw = flaw
        case .checkpoint(let partition): checkpointFlaws[partition] = flaw
        case .segments(let partition, let number): damagedBlocks[partition, default: []].insert(number)
        case .producer(let id): if producers[id] == nil { damagedProducers.insert(id) }
        }
    }

    /// Every producer id that the flow is known to have written under.
    package var producerIDs: Set<Int64> {
        var ids = damagedProducers.union(producers.keys)
        for checkpoint in checkpoints.values {
            ids.formUnion((checkpoint.producers ?? [:]).keys.compactMap { Int64($0) })
        }
        return ids
    }

    /// The offset map of a source partition as of its checkpoint; nil when the flow does not copy it. Without one of
    /// its blocks nothing is known of what was copied before.
    package func map(of partition: TopicPartition) -> OffsetMap? {
        checkpoints[partition].map { checkpoint in
            guard damagedBlocks[partition]?.isEmpty ?? true else { return OffsetMap(start: checkpoint.sourceOffset) }
            return OffsetMap(blocks: blocks[partition], edge: checkpoint.map, passed: checkpoint.sourceOffset)
        }
    }

    /// Target topic of a source topic; nil before the flow's first start.
    package func targetName(of topic: String) -> String? {
        identity.flatMap { TopicNaming.targetName(of: topic, recorded: $0.naming) }
    }
}

extension RecordedFlow {
    /// Takes in what a progress topic holds from an offset on: of each key the newest record that can be understood. Those
    /// that cannot be are skipped, counted and named.
    ///
    /// - Returns: where to continue later.
    package mutating func read(_ log: StateTopic, from offset: Int64 = 0) async throws(KafkaError) -> Int64 {
        var reader = log.reader(from: offset)
        while let records = try await reader.records() {
            for record in records.deciding {
                do { try take(record) } catch { await log.skip(record, because: "\(error)") }
            }
        }
        return reader.next
    }
}
