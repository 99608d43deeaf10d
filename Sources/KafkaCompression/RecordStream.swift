public import KafkaWire
import NIOCore

/// Reads the records of a batch of any size with little memory: it is decompressed a part at a time.
///
/// A few compressed bytes can stand for gigabytes. One record, and what a codec can only decompress as a whole, stays
/// below `limit`; all records together stay below ``total(_:)``. Batches that are not compressed have no limit: they
/// are in memory anyway.
public struct RecordStream {
    private var reader: RecordPartReader
    private let parts: PartialDecompression?
    private let codec: CompressionCodec
    private let limit: OutputLimit
    private var hasEnded: Bool

    /// Data that stands for less than this is decompressed at once.
    private static let small = PartialDecompression.part
    /// Ratio of compression that is nobody's attack, for codecs that decompress as a whole.
    private static let ordinaryRatio = 8

    /// For readers that keep little of what they read: records beyond this are rarer than attacks.
    public static let ordinaryLimit = OutputLimit(bytes: 32 << 20)

    /// Bytes that a batch may stand for in all, when no record of it may be larger than `limit`.
    public static func total(_ limit: OutputLimit) -> OutputLimit {
        OutputLimit(bytes: max(4 * limit.bytes, OutputLimit.default.bytes))
    }

    /// Bytes that so many may stand for that can only be decompressed as a whole.
    static func limit(ofWhole compressed: Int, _ limit: OutputLimit) -> OutputLimit {
        OutputLimit(bytes: max(limit.bytes, min(ordinaryRatio * compressed, total(limit).bytes)))
    }

    /// - Throws: `CompressionError.outputTooLarge` for a batch that stands for too much; with zstd and lz4 only
    ///   ``nextRaw()`` says so.
    public init(_ batch: RecordBatch, limit: OutputLimit) throws(CompressionError) {
        guard let codec = batch.header.codec else { throw .unknownCodec(attributes: batch.header.attributes) }
        self.codec = codec
        self.limit = limit
        reader = RecordPartReader(header: batch.header)
        let payload = batch.payload
        switch codec {
        case .none:
            reader.append(payload)
            parts = nil
        case .gzip, .snappy:
            reader.append(
                try codec.decompress(payload, limit: Self.limit(ofWhole: payload.readableBytes, limit)))
            parts = nil
        case .zstd, .lz4:
            if let whole = try Self.decompressedIfSmall(payload, codec, limit) {
                reader.append(whole)
                parts = nil
            } else {
                parts = PartialDecompression(
                    payload, codec: codec, limit: Self.total(limit), windowLimit: limit)
                if parts == nil { throw .failed(codec: codec, reason: "out of memory") }
            }
        }
        hasEnded = parts == nil
    }

    private static func decompressedIfSmall(
        _ payload: ByteBuffer, _ codec: CompressionCodec, _ limit: OutputLimit
    ) throws(CompressionError) -> ByteBuffer? {
        do throws(CompressionError) {
            return try codec.decompress(payload, limit: OutputLimit(bytes: min(small, limit.bytes)))
        } catch .outputTooLarge where limit.bytes > small {
            return nil
        }
    }

    /// The next record; nil after the last.
    public mutating func next() throws -> Record? {
        guard let record = try nextRaw() else { return nil }
        return Record(
            offset: record.offset, timestamp: record.timestamp, key: record.key, value: record.value,
            headers: try record.headers)
    }

    /// The next record with its key, value and headers still encoded; nil after the last.
    ///
    /// - Throws: `WireError` or `CompressionError` when the batch cannot be read.
    public mutating func nextRaw() throws -> RawRecord? {
        while !hasEnded {
            if !reader.isDone, let size = try reader.nextSize {
                guard parts == nil || size <= limit.bytes else {
                    throw CompressionError.outputTooLarge(codec: codec, limit: limit.bytes)
                }
                if size <= reader.unreadBytes { break }
            }
            if reader.isDone, reader.unreadBytes > 0 { break }
            guard let part = try parts?.nextPart() else {
                hasEnded = true
                break
            }
            reader.append(part)
        }
        guard !reader.isDone else {
            guard reader.unreadBytes == 0 else {
                throw WireError.invalidRecords(reason: "\(reader.unreadBytes) bytes or more follow the last record")
            }
            return nil
        }
        return try reader.nextRaw()
    }
}
