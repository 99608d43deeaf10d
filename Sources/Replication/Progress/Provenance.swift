internal import FoundationEssentials
package import NIOCore

/// The way that records have come: known for a whole batch from its producer id, without a look inside.
package struct Provenance: Hashable, Sendable {
    /// Ids of the clusters that the records were stored on before the one where they lie, the origin first.
    package var chain: [String]
    /// True if the records carry loop headers, which may name further clusters.
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
    /// Time of the registration, in milliseconds since 1970.
    package var registered: Int64
    /// Selection of the flow; nil when registered by a version without.
    package var selection: RecordedSelection?

    package var provenance: Provenance { Provenance(chain: chain, carriesHeaders: carriesHeaders) }

    package static func key(of producerID: Int64) -> ByteBuffer { ByteBuffer(string: "\(producerID)") }

    package func value() throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(self))
    }

    /// The producer id that a key names; nil for a key that is none.
    package static func producerID(of key: ByteBuffer) -> Int64? {
        Int64(String(buffer: key)).flatMap { $0 >= 0 ? $0 : nil }
    }
}

extension OriginRecord {
    /// Clusters that records can have come through: the loop header counts them in a byte.
    private static let longestChain = 255
    private static let longestName = 1_000

    /// - Throws: ``ImpossibleState``.
    package init(decoding value: ByteBuffer) throws {
        let record = try StateCheck.decode(OriginRecord.self, from: value)
        try StateCheck.version(record.version, is: 1)
        guard record.chain.count <= Self.longestChain else {
            throw ImpossibleState("its chain has \(record.chain.count) clusters")
        }
        let names =
            record.chain + [
                record.flow, record.sourceClusterID, record.targetClusterID, record.originClusterID,
            ]
        guard names.allSatisfy({ $0.utf8.count <= Self.longestName }) else {
            throw ImpossibleState("one of its names is too long")
        }
        try StateCheck.offset(record.registered, "its time of registration", allowsNone: true)
        try record.selection?.check()
        self = record
    }
}
