internal import FoundationEssentials
package import NIOCore

/// The way that records have come: known for a whole batch from its producer id, without a look inside.
package struct Provenance: Hashable, Sendable {
    /// Ids of the clusters that the records were stored on before the one where they lie, the origin first.
    package var chain: [String]
    /// Whether the records carry loop headers, which may name further clusters.
    package var carriesHeaders: Bool

    package init(chain: [String], carriesHeaders: Bool) {
        self.chain = chain
        self.carriesHeaders = carriesHeaders
    }
}

/// One record of the topic `__replicator_origins`: whose a producer id is. Readable key (the id) and JSON value.
package struct OriginRecord: Hashable, Sendable, Codable {
    /// Shared by all flows that write to a cluster; compacted.
    package static let topic = "__replicator_origins"

    package var version = 1
    /// The flow that writes under the id.
    package var flow: String
    package var sourceClusterID: String
    package var targetClusterID: String
    /// Id of the cluster where the records began.
    package var originClusterID: String
    /// See ``Provenance/chain``.
    package var chain: [String]
    /// See ``Provenance/carriesHeaders``.
    package var carriesHeaders: Bool
    /// When the id was registered, in milliseconds since 1970.
    package var registered: Int64

    package var provenance: Provenance { Provenance(chain: chain, carriesHeaders: carriesHeaders) }

    package static func key(of producerID: Int64) -> ByteBuffer { ByteBuffer(string: "\(producerID)") }

    package func value() throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(self))
    }

    /// - Returns: nil for a key that is not a producer id.
    package static func decode(
        key: ByteBuffer, value: ByteBuffer
    ) throws -> (producerID: Int64, record: OriginRecord)? {
        guard let id = Int64(String(buffer: key)) else { return nil }
        return (id, try JSONDecoder().decode(OriginRecord.self, from: Data(value.readableBytesView)))
    }
}
