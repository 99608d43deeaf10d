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

    /// Place of the origin's offset in the encoded value.
    static func offsetPosition(originCluster: String) -> Int {
        2 + min(originCluster.utf8.count, 255) + 16 + 4
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
///
/// A class, though nothing in it changes: it is handed on with each batch and asked for each record.
package final class LoopGuard: Sendable {
    private let sourceCluster: String
    private let targetCluster: String

    /// Records get headers; else they are only read.
    package let stamps: Bool
    package let stopsAtForeignHeaders: Bool
    private let partition: Int32
    /// For a record that begins its way here; its number is the record's offset.
    package let stamp: HeaderStamp

    /// Adds a record with its stamp.
    func stamp(_ record: RawRecord, at offset: Int64, into builder: inout RecordBatchBuilder) {
        builder.append(record, adding: stamp, offset)
    }

    /// The same for another topic of the same name.
    func ofTopic(_ topicID: KafkaUUID) -> LoopGuard {
        LoopGuard(
            sourceCluster: sourceCluster, targetCluster: targetCluster, topicID: topicID, partition: partition,
            stamps: stamps, stopsAtForeignHeaders: stopsAtForeignHeaders)
    }

    package init(
        sourceCluster: String, targetCluster: String, topicID: KafkaUUID, partition: Int32, stamps: Bool = true,
        stopsAtForeignHeaders: Bool = false
    ) {
        self.stopsAtForeignHeaders = stopsAtForeignHeaders
        self.stamps = stamps
        self.partition = partition
        self.sourceCluster = sourceCluster
        self.targetCluster = targetCluster
        let template = LoopHeader(
            originCluster: sourceCluster, originTopicID: topicID, originPartition: partition, originOffset: 0,
            chain: [sourceCluster])
        stamp = HeaderStamp(
            RecordHeader(key: LoopHeader.keyBytes, value: template.encode()),
            numberAt: LoopHeader.offsetPosition(originCluster: sourceCluster))
    }

    /// The loop header of Amazon MSK Replicator.
    static let foreignKeyBytes = ByteBuffer(string: "__mskmr")

    /// Treatment of a record.
    package enum Verdict: Hashable, Sendable {
        /// It has been on the target: it stays behind.
        case drop
        /// Another replicator has marked it, and policy is to stop there.
        case foreign
        /// It is copied as it is.
        case keep
        /// It begins its way here: the guard's ``LoopGuard/stamp`` with its offset comes behind its own headers.
        case stamp
        /// It came here without a header, in a batch of which the way is known: this one comes behind its own.
        case add(RecordHeader)
        /// It has come from elsewhere: these are its headers from now on.
        case replace([RecordHeader])
    }

    /// - Parameters:
    ///   - chain: clusters that the whole batch is known to have come through before the source.
    ///   - refills: records are copied although they have been on the target: it has lost them.
    package func verdict(
        on headers: [RecordHeader], cameThrough chain: [String] = [], refills: Bool = false
    ) -> Verdict {
        if stopsAtForeignHeaders, headers.contains(where: { $0.key == Self.foreignKeyBytes }) { return .foreign }
        guard let existing = headers.firstIndex(where: { $0.key == LoopHeader.keyBytes }),
            let value = headers[existing].value, var carried = LoopHeader(decoding: value)
        else {
            guard stamps else { return .keep }
            return chain.isEmpty ? .stamp : .add(RecordHeader(key: LoopHeader.keyBytes, value: laterStamp(chain)))
        }
        guard refills || !carried.chain.contains(targetCluster) else { return .drop }
        guard stamps else { return .keep }
        carried.chain += chain.filter { !carried.chain.contains($0) }
        carried.chain.append(sourceCluster)
        var headers = headers
        headers.remove(at: existing)
        headers.append(RecordHeader(key: LoopHeader.keyBytes, value: carried.encode()))
        return .replace(headers)
    }

    /// For a record that came here without a header: its offset at the origin is not known.
    private func laterStamp(_ chain: [String]) -> ByteBuffer {
        LoopHeader(
            originCluster: chain.first ?? sourceCluster, originTopicID: .zero, originPartition: partition,
            originOffset: -1, chain: chain + [sourceCluster]
        ).encode()
    }
}

/// A record carries the loop header of another replicator, which only that one understands.
package struct ForeignLoopHeader: Error, Hashable, CustomStringConvertible {
    package let offset: Int64

    package var description: String {
        "the record at source offset \(offset) carries __mskmr, the loop header of Amazon MSK Replicator: two "
            + "replicators over the same topics can send records round for ever. Stop one of them, or set "
            + "onForeignLoopHeader: ignore to copy such records like any other"
    }
}
