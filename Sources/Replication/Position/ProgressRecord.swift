internal import FoundationEssentials
package import KafkaClient
internal import KafkaWire
package import NIOCore

/// One record of the progress topic: readable keys, JSON values, the newest of each key counts.
package enum ProgressRecord: Hashable, Sendable {
    /// Key `flow`.
    case identity(FlowIdentity)
    /// Key `partition/<topic>/<number>`; topic names hold no slash.
    case checkpoint(TopicPartition, Checkpoint)

    package var key: ByteBuffer {
        switch self {
        case .identity: ByteBuffer(string: "flow")
        case .checkpoint(let partition, _): ByteBuffer(string: "partition/\(partition.topic)/\(partition.partition)")
        }
    }

    package func value() throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json =
            switch self {
            case .identity(let identity): try encoder.encode(identity)
            case .checkpoint(_, let checkpoint): try encoder.encode(checkpoint)
            }
        return ByteBuffer(bytes: json)
    }

    /// Nil for keys that this version does not know.
    package init?(key: ByteBuffer, value: ByteBuffer) throws {
        let name = String(buffer: key)
        let json = Data(value.readableBytesView)
        if name == "flow" {
            self = .identity(try JSONDecoder().decode(FlowIdentity.self, from: json))
            return
        }
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 3, parts[0] == "partition", let number = Int32(parts[2]) else { return nil }
        self = .checkpoint(
            TopicPartition(String(parts[1]), number), try JSONDecoder().decode(Checkpoint.self, from: json))
    }
}
