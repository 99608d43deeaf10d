package import KafkaWire
package import NIOCore

/// The header that replicated records carry in identical naming, so that no flow brings them back.
///
/// Value: version 1 (1 byte), origin cluster id (length byte, UTF-8), origin topic id (16 bytes), origin partition
/// (4 bytes), origin offset (8 bytes), number of clusters passed (1 byte), then each one's id (length byte, UTF-8),
/// the origin first. Integers are big-endian.
package struct LoopHeader: Hashable, Sendable {
    package static let key = "__replicator"
    package static let keyBytes = ByteBuffer(string: key)

    package var originCluster: String
    package var originTopicID: KafkaUUID
    package var originPartition: Int32
    package var originOffset: Int64
    /// Ids of the clusters that the record has been stored on, oldest first.
    package var chain: [String]

    package func encode() -> ByteBuffer {
        var buffer = ByteBuffer()
        buffer.writeInteger(1, as: UInt8.self)
        Self.write(originCluster, to: &buffer)
        buffer.writeInteger(originTopicID.high)
        buffer.writeInteger(originTopicID.low)
        buffer.writeInteger(originPartition)
        buffer.writeInteger(originOffset)
        buffer.writeInteger(UInt8(clamping: chain.count))
        for cluster in chain.prefix(255) { Self.write(cluster, to: &buffer) }
        return buffer
    }

    /// Nil for bytes that are not this header's, which a foreign producer may well send.
    package init?(decoding bytes: ByteBuffer) {
        var bytes = bytes
        guard bytes.readInteger(as: UInt8.self) == 1,
            let originCluster = Self.readString(from: &bytes),
            let high = bytes.readInteger(as: UInt64.self), let low = bytes.readInteger(as: UInt64.self),
            let partition = bytes.readInteger(as: Int32.self), let offset = bytes.readInteger(as: Int64.self),
            let count = bytes.readInteger(as: UInt8.self)
        else { return nil }
        var chain: [String] = []
        for _ in 0..<count {
            guard let cluster = Self.readString(from: &bytes) else { return nil }
            chain.append(cluster)
        }
        self.init(
            originCluster: originCluster, originTopicID: KafkaUUID(high: high, low: low), originPartition: partition,
            originOffset: offset, chain: chain)
    }

    package init(
        originCluster: String, originTopicID: KafkaUUID, originPartition: Int32, originOffset: Int64, chain: [String]
    ) {
        self.originCluster = originCluster
        self.originTopicID = originTopicID
        self.originPartition = originPartition
        self.originOffset = originOffset
        self.chain = chain
    }

    private static func write(_ text: String, to buffer: inout ByteBuffer) {
        let bytes = text.utf8.prefix(255)
        buffer.writeInteger(UInt8(bytes.count))
        buffer.writeBytes(bytes)
    }

    private static func readString(from buffer: inout ByteBuffer) -> String? {
        guard let length = buffer.readInteger(as: UInt8.self), let slice = buffer.readSlice(length: Int(length)) else {
            return nil
        }
        return slice.withUnsafeReadableBytes { String(validating: $0, as: UTF8.self) }
    }
}

/// Stamps records on their way out of one source partition, and knows those that have been on the target before.
package struct LoopGuard: Hashable, Sendable {
    package var sourceCluster: String
    package var targetCluster: String
    package var topicID: KafkaUUID
    package var partition: Int32

    package init(sourceCluster: String, targetCluster: String, topicID: KafkaUUID, partition: Int32) {
        self.sourceCluster = sourceCluster
        self.targetCluster = targetCluster
        self.topicID = topicID
        self.partition = partition
    }

    /// The record's headers with this hop added; nil when the record has been on the target and must stay behind.
    package func stamped(_ record: Record) -> [RecordHeader]? {
        var headers = record.headers
        let existing = headers.firstIndex { $0.key == LoopHeader.keyBytes }
        var stamp = LoopHeader(
            originCluster: sourceCluster, originTopicID: topicID, originPartition: partition,
            originOffset: record.offset, chain: [])
        if let existing, let value = headers[existing].value, let carried = LoopHeader(decoding: value) {
            guard !carried.chain.contains(targetCluster) else { return nil }
            stamp = carried
            headers.remove(at: existing)
        }
        stamp.chain.append(sourceCluster)
        headers.append(RecordHeader(key: LoopHeader.keyBytes, value: stamp.encode()))
        return headers
    }
}
