internal import FoundationEssentials
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

    package var key: ByteBuffer {
        switch self {
        case .identity: ByteBuffer(string: "flow")
        case .checkpoint(let partition, _): ByteBuffer(string: "partition/\(partition.topic)/\(partition.partition)")
        case .segments(let partition, let block, _):
            ByteBuffer(string: "segments/\(partition.topic)/\(partition.partition)/\(block)")
        case .producer(let id, _): ByteBuffer(string: "producer/\(id)")
        }
    }

    /// Nil for what is to be removed.
    package func value() throws -> ByteBuffer? {
        switch self {
        case .identity(let identity): try Self.json(identity)
        case .checkpoint(_, let checkpoint): try Self.json(checkpoint)
        case .segments(_, _, let block): block?.bytes
        case .producer(_, let registration): try registration.value()
        }
    }

    private static func json(_ value: some Encodable) throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(value))
    }

    /// Nil for keys that this version does not know.
    ///
    /// - Parameter value: nil for a tombstone.
    package init?(key: ByteBuffer, value: ByteBuffer?) throws {
        let name = String(buffer: key)
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        if parts.count == 4, parts[0] == "segments", let partition = Int32(parts[2]), let block = Int(parts[3]) {
            self = .segments(
                TopicPartition(String(parts[1]), partition), block, try value.map { try OffsetBlock(decoding: $0) })
            return
        }
        guard let value else { return nil }
        let json = Data(value.readableBytesView)
        if name == "flow" {
            self = .identity(try JSONDecoder().decode(FlowIdentity.self, from: json))
            return
        }
        if parts.count == 2, parts[0] == "producer", let id = Int64(parts[1]) {
            self = .producer(id, try JSONDecoder().decode(OriginRecord.self, from: json))
            return
        }
        guard parts.count == 3, parts[0] == "partition", let number = Int32(parts[2]) else { return nil }
        self = .checkpoint(
            TopicPartition(String(parts[1]), number), try JSONDecoder().decode(Checkpoint.self, from: json))
    }
}
