package import KafkaClient
internal import KafkaWire
package import NIOCore

/// One record of the progress topic: readable keys, JSON values but for blocks of segments, the newest of each key
/// counts.
package enum ProgressRecord: Hashable, Sendable {
    /// Key `flow`.
    case identity(FlowIdentity)
    /// Key `partition/<topic>/<number>`; topic names hold no slash.
    case checkpoint(TopicPartition, Checkpoint)
    /// Key `segments/<topic>/<number>/<block>`: a part of the partition's offset map; nil once it is gone.
    case segments(TopicPartition, Int, OffsetBlock?)
    /// Key `producer/<id>`: a registration of the flow, as `__replicator_origins` has it or should have it.
    case producer(Int64, OriginRecord)
    /// Key `generation/<topic>`: the source topic took the place of an earlier one of its name, and it is known which
    /// positions of groups may be that one's.
    case generation(String, TopicGeneration)
    /// Key `former/<topic>/<group>`: positions of a group that may be of the earlier topic; nil once there are none.
    case former(topic: String, group: String, FormerRecord?)
    /// Keys as ``InstanceRecord`` has them: wishes of operators and reports of instances, for all instances.
    case control(InstanceRecord)
    /// Key `wake`: an instance has changed what concerns the others, and wakes them. It says nothing else.
    case wake(instance: String)
    /// Key `start/<instance>`: an instance begins without waiting for its group; see ``StartRecord``.
    case start(instance: String, StartRecord)

    package var key: ByteBuffer {
        let key: Key =
            switch self {
            case .identity: .identity
            case .checkpoint(let partition, _): .checkpoint(partition)
            case .segments(let partition, let block, _): .segments(partition, block)
            case .producer(let id, _): .producer(id)
            case .generation(let topic, _): .generation(topic)
            case .former(let topic, let group, _): .former(topic: topic, group: group)
            case .control(let record): .control(record.key)
            case .wake: .wake
            case .start(let instance, _): .start(instance: instance)
            }
        return ByteBuffer(string: key.text)
    }

    /// Nil for what is to be removed.
    package func value() throws -> ByteBuffer? {
        switch self {
        case .identity(let identity): try StateCheck.json(identity)
        case .checkpoint(_, let checkpoint): try StateCheck.json(checkpoint)
        case .segments(_, _, let block): block?.bytes
        case .producer(_, let registration): try registration.value()
        case .generation(_, let generation): try StateCheck.json(generation)
        case .former(_, _, let former): try former.map { try StateCheck.json($0) }
        case .control(let record): try record.value()
        case .wake(let instance): ByteBuffer(string: instance)
        case .start(_, let start): try StateCheck.json(start)
        }
    }

    /// Nil for keys that this version does not know.
    ///
    /// - Parameter value: nil for a tombstone.
    /// - Throws: ``ImpossibleState``, ``DamagedOffsets``.
    package init?(key: ByteBuffer, value: ByteBuffer?) throws {
        guard let key = Key(key) else { return nil }
        if case .segments(let partition, let block) = key {
            self = .segments(partition, block, try value.map { try OffsetBlock(decoding: $0) })
            return
        }
        if case .former(let topic, let group) = key {
            self = .former(
                topic: topic, group: group, try value.map { try StateCheck.decode(FormerRecord.self, from: $0) })
            return
        }
        if case .control(let key) = key {
            self = .control(try InstanceRecord(key, value: value))
            return
        }
        guard let value else { return nil }
        switch key {
        case .identity:
            let identity = try StateCheck.decode(FlowIdentity.self, from: value)
            try identity.check()
            self = .identity(identity)
        case .producer(let id):
            self = .producer(id, try OriginRecord(decoding: value))
        case .checkpoint(let partition):
            let checkpoint = try StateCheck.decode(Checkpoint.self, from: value)
            try checkpoint.check()
            self = .checkpoint(partition, checkpoint)
        case .generation(let topic):
            self = .generation(topic, try StateCheck.decode(TopicGeneration.self, from: value))
        case .wake: self = .wake(instance: String(buffer: value))
        case .start(let instance):
            self = .start(instance: instance, try StateCheck.decode(StartRecord.self, from: value))
        case .segments, .former, .control: return nil
        }
    }

    /// The subject of a record, as its key says.
    package enum Key: Hashable, Sendable {
        case identity
        case checkpoint(TopicPartition)
        case segments(TopicPartition, Int)
        case producer(Int64)
        case generation(String)
        case former(topic: String, group: String)
        case control(InstanceRecord.Key)
        case wake
        case start(instance: String)

        /// Blocks are numbered from 0; a log with one for each of its offsets would not come near this.
        private static let largestBlock = 1 << 50

        /// Nil for keys that this version does not know.
        package init?(_ key: ByteBuffer) {
            let name = String(buffer: key)
            let parts = name.split(separator: "/", omittingEmptySubsequences: false)
            switch (parts.first, parts.count) {
            case ("flow", 1): self = .identity
            case ("wake", 1): self = .wake
            case ("producer", 2):
                guard let id = Int64(parts[1]), id >= 0 else { return nil }
                self = .producer(id)
            case ("partition", 3):
                guard let partition = Self.partition(parts) else { return nil }
                self = .checkpoint(partition)
            case ("segments", 4):
                guard let partition = Self.partition(parts), let block = Int(parts[3]),
                    (0...Self.largestBlock).contains(block)
                else { return nil }
                self = .segments(partition, block)
            case ("generation", 2):
                guard !parts[1].isEmpty else { return nil }
                self = .generation(String(parts[1]))
            case ("start", 2...): self = .start(instance: parts[1...].joined(separator: "/"))
            case ("former", 3...):
                // A group's name may hold slashes.
                guard !parts[1].isEmpty else { return nil }
                self = .former(topic: String(parts[1]), group: parts[2...].joined(separator: "/"))
            default:
                guard let key = InstanceRecord.Key(parts) else { return nil }
                self = .control(key)
            }
        }

        /// True if all instances obey what it says.
        var isControl: Bool {
            if case .control = self { true } else { false }
        }

        /// Written form.
        package var text: String {
            switch self {
            case .identity: "flow"
            case .checkpoint(let partition): "partition/\(partition.topic)/\(partition.partition)"
            case .segments(let partition, let block): "segments/\(partition.topic)/\(partition.partition)/\(block)"
            case .producer(let id): "producer/\(id)"
            case .generation(let topic): "generation/\(topic)"
            case .former(let topic, let group): "former/\(topic)/\(group)"
            case .control(let key): key.text
            case .wake: "wake"
            case .start(let instance): "start/\(instance)"
            }
        }

        private static func partition(_ parts: [Substring]) -> TopicPartition? {
            guard let number = Int32(parts[2]), number >= 0, !parts[1].isEmpty else { return nil }
            return TopicPartition(String(parts[1]), number)
        }
    }
}
