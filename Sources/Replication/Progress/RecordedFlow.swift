package import KafkaClient
package import KafkaWire
internal import NIOCore

/// Contents of a flow's progress topic, taken in from the oldest to the newest.
package struct RecordedFlow: Sendable {
    package private(set) var identity: FlowIdentity?
    package private(set) var checkpoints: [TopicPartition: Checkpoint] = [:]
    /// Checkpoints of preparations that have not been completed: nothing begins by them.
    package private(set) var prepared: [TopicPartition: Checkpoint] = [:]
    package private(set) var blocks = StoredBlocks()
    /// The producer ids that the flow has registered.
    package private(set) var producers: [Int64: OriginRecord] = [:]

    /// Source topics that took the place of earlier ones, by name.
    package private(set) var generations: [String: TopicGeneration] = [:]
    /// Instances that have begun without waiting for their group, with the places of the records that say so where they
    /// were read.
    private(set) var starts: [String: (record: StartRecord, offset: Int64?)] = [:]
    /// By source topic and group.
    package private(set) var former: [String: [ExactName: FormerRecord]] = [:]

    /// Wishes of operators and reports of instances.
    package private(set) var control = RecordedControl()

    /// A failover has handed the target over to others, see ``Handover``.
    package private(set) var isHandedOver = false
    /// The record of a failover as it was read: it belongs to the command of that name. Nil for none.
    private(set) var failover: ByteBuffer?

    private var damagedFormer: [String: Set<ExactName>] = [:]

    /// Reason why the newest record under the key `flow` cannot be understood; nil when it can be.
    package private(set) var identityFlaw: String?
    /// Reasons why the newest checkpoint of a partition cannot be understood, with the record's offset. One that came
    /// before it may be known.
    package private(set) var checkpointFlaws: [TopicPartition: String] = [:]
    /// Blocks whose newest record cannot be understood.
    private var damagedBlocks: [TopicPartition: Set<Int>] = [:]
    /// Producer ids of the flow whose registration cannot be understood.
    package private(set) var damagedProducers: Set<Int64> = []

    package init() {}

    /// True if the flow has ever had a producer id to write with: it registers one before it writes. Flows that ran
    /// before registrations were kept here are told by the ids in their checkpoints.
    package var hasWritten: Bool {
        !producers.isEmpty || checkpoints.values.contains { $0.producers?.isEmpty == false }
    }

    /// Reason why nothing else that is recorded may be used, and what to do; nil when the flow's identity is known, or
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
        if record.key == Handover.key {
            // One that cannot be understood is told by the next failover; what was said before holds.
            isHandedOver = record.value.map { Handover(decoding: $0)?.isInForce ?? isHandedOver } ?? false
            // A slice would keep alive everything that came with it.
            failover = record.value.map { ByteBuffer(bytes: $0.readableBytesView) }
            return
        }
        guard let bytes = record.key, let key = ProgressRecord.Key(bytes) else { return }
        do {
            if let known = try ProgressRecord(key: bytes, value: record.value) {
                take(known)
                if case .start(let instance, let start) = known { starts[instance] = (start, record.offset) }
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
            let earlier = identity?.completed ?? []
            identity = found
            // One that was on its way when its writer died may come behind a later one: what was completed stays so.
            let both = earlier.filter { found.completed?.contains($0) != true } + (found.completed ?? [])
            identity?.completed = both.isEmpty ? nil : both
            identityFlaw = nil
            for (partition, checkpoint) in prepared where counts(checkpoint) { take(checkpoint, of: partition) }
        case .checkpoint(let partition, let checkpoint): take(checkpoint, of: partition)
        case .segments(let partition, let number, let block):
            blocks.take(partition, number, block)
            damagedBlocks[partition]?.remove(number)
        case .producer(let id, let registration):
            producers[id] = registration
            damagedProducers.remove(id)
        case .generation(let topic, let generation): generations[topic] = generation
        case .former(let topic, let group, let positions):
            former[topic, default: [:]][ExactName(group)] = positions
            damagedFormer[topic]?.remove(ExactName(group))
        case .control(let record): control.take(record)
        case .wake: break
        case .start(let instance, let start): starts[instance] = (start, nil)
        }
    }

    /// Keeps the newer of two checkpoints of a partition, as compaction would leave it.
    private mutating func take(_ checkpoint: Checkpoint, of partition: TopicPartition) {
        let doesCount = counts(checkpoint)
        checkpoints[partition] = doesCount ? checkpoint : nil
        prepared[partition] = doesCount ? nil : checkpoint
        checkpointFlaws[partition] = nil
    }

    private func counts(_ checkpoint: Checkpoint) -> Bool {
        checkpoint.prepared.map { identity?.completed?.contains($0) ?? false } ?? true
    }

    /// A tombstone of a checkpoint takes it away, as compaction would.
    private mutating func remove(_ key: ProgressRecord.Key) {
        guard case .checkpoint(let partition) = key else { return }
        checkpoints[partition] = nil
        prepared[partition] = nil
        checkpointFlaws[partition] = nil
    }

    private mutating func distrust(_ key: ProgressRecord.Key, _ flaw: String) {
        switch key {
        case .identity: identityFlaw = flaw
        case .checkpoint(let partition): checkpointFlaws[partition] = flaw
        case .segments(let partition, let number): damagedBlocks[partition, default: []].insert(number)
        case .producer(let id): if producers[id] == nil { damagedProducers.insert(id) }
        // Without it no position in the topic is taken for one of the present topic.
        case .generation(let topic): generations[topic] = nil
        case .former(let topic, let group): damagedFormer[topic, default: []].insert(ExactName(group))
        // The earlier statement holds until the next.
        case .control: break
        case .wake: break
        case .start(let instance): starts[instance] = nil
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

    /// Positions in a source topic that may have been committed for an earlier one of its name.
    ///
    /// - Parameter topicID: 32 hexadecimal digits.
    package func succession(of topic: String, topicID: String) -> TopicSuccession {
        guard generations[topic]?.topicID == topicID else { return .unsettled }
        var positions = FormerPositions(topicID: topicID)
        for (group, record) in former[topic] ?? [:] where record.topicID == topicID {
            positions.set(record.positions, of: group.text)
        }
        for group in damagedFormer[topic] ?? [] { positions.set(nil, of: group.text) }
        return .settled(positions)
    }

    /// Everything that is known, as records: what a topic has to hold so that this can be read from it.
    package var records: [ProgressRecord] {
        var records: [ProgressRecord] = identity.map { [.identity($0)] } ?? []
        records += producers.sorted { $0.key < $1.key }.map { .producer($0.key, $0.value) }
        for (topic, generation) in generations.sorted(by: { $0.key < $1.key }) {
            for (group, positions) in former[topic] ?? [:] {
                records.append(.former(topic: topic, group: group.text, positions))
            }
            records.append(.generation(topic, generation))
        }
        records += control.records.map { .control($0) }
        let known = checkpoints.merging(prepared) { counting, _ in counting }
        for partition in known.keys.sorted(by: { ($0.topic, $0.partition) < ($1.topic, $1.partition) }) {
            // Of blocks that cannot be read it stays unknown what they held: the map begins at the checkpoint.
            let isWhole = damagedBlocks[partition]?.isEmpty ?? true
            if isWhole {
                records += blocks[partition].sorted { $0.key < $1.key }.map { .segments(partition, $0.key, $0.value) }
            }
            guard var checkpoint = known[partition] else { continue }
            if !isWhole { checkpoint.map = OffsetMap(start: checkpoint.sourceOffset).edge }
            records.append(.checkpoint(partition, checkpoint))
        }
        return records
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
