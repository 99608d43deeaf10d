public import NIOCore

/// One entry of a log or of a records field: a batch, or a message of the formats before batches.
public enum LogEntry: Hashable, Sendable {
    case batch(RecordBatch)
    case legacy(LegacyEntry)

    /// The whole entry as it lies in the log.
    public var bytes: ByteBuffer {
        switch self {
        case .batch(let batch): batch.bytes
        case .legacy(let entry): entry.bytes
        }
    }

    /// The offset of the entry's last record. The first one of a compressed legacy entry is only known when it is opened.
    public var lastOffset: Int64 {
        switch self {
        case .batch(let batch): batch.header.lastOffset
        case .legacy(let entry): entry.offset
        }
    }

    public var isChecksumValid: Bool {
        switch self {
        case .batch(let batch): batch.isChecksumValid
        case .legacy(let entry): entry.isChecksumValid
        }
    }
}

/// Walks the entries of a records field, as slices.
///
/// Brokers cut Fetch responses at a byte limit, so that the last entry may be partial: it ends the walk and is counted
/// in ``partialBytes``. Where nothing may be cut (Produce) that count must be 0.
public struct LogEntryReader: Sendable {
    private var rest: ByteBuffer

    /// Kafka's `LegacyRecord.RECORD_OVERHEAD_V0`: no entry is smaller, whatever its format.
    private static let smallestEntry: Int32 = 14
    private static let bytesThroughMagic = 17

    public init(_ bytes: ByteBuffer) {
        rest = bytes
    }

    /// Bytes not handed out. After ``next()`` has returned nil: those of the entry that was cut.
    public var partialBytes: Int { rest.readableBytes }

    /// The next entry, or nil at the end and at a partial last entry. After an error the walk cannot continue.
    public mutating func next() throws(WireError) -> LogEntry? {
        guard rest.readableBytes >= Self.bytesThroughMagic,
            let length = rest.getInteger(at: rest.readerIndex + 8, as: Int32.self),
            let magic = rest.getInteger(at: rest.readerIndex + 16, as: Int8.self)
        else { return nil }
        guard length >= Self.smallestEntry else { throw .invalidLength(at: rest.readerIndex + 8, length: Int(length)) }
        guard (0...2).contains(magic) else { throw .invalidRecords(reason: "magic \(magic) is unknown") }
        let size = RecordBatchHeader.logOverhead + Int(length)
        guard let bytes = rest.getSlice(at: rest.readerIndex, length: size) else { return nil }
        let entry: LogEntry = magic == 2 ? .batch(try RecordBatch(bytes)) : .legacy(try LegacyEntry(bytes))
        rest.moveReaderIndex(forwardBy: size)
        return entry
    }
}
