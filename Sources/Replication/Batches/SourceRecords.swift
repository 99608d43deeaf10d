internal import KafkaCompression
internal import KafkaWire

/// The records of one entry of the source's log in their order, each with its offset, whatever format they are in.
struct SourceRecords {
    private var batch: RecordStream?
    private var places: RecordPlaces?
    private var messages: LegacyRecordStream?
    /// Last offset of the entry.
    private let lastOffset: Int64
    /// Offset of the record that ``next()`` has returned last.
    private(set) var offset: Int64 = -1
    /// Messages of the older formats that are about to be read, in today's format, and their offsets.
    private var converted: RecordReader?
    private var offsets: ArraySlice<Int64> = []

    /// Bytes of messages that are converted at once.
    private static let conversion = 256 << 10

    init(_ batch: RecordBatch, limit: OutputLimit) throws {
        places = try RecordPlaces(batch.header)
        self.batch = try RecordStream(batch, limit: limit)
        lastOffset = batch.header.lastOffset
    }

    init(_ entry: LegacyEntry, limit: OutputLimit) throws {
        messages = try LegacyRecordStream(entry, limit: limit)
        lastOffset = entry.offset
    }

    /// Records do not have the offsets that they say.
    var hasIrregularOffsets: Bool { places?.areIrregular ?? false }

    /// The next record; nil after the last.
    mutating func next() throws -> RawRecord? {
        guard messages == nil else { return try nextConverted() }
        guard let record = try batch?.nextRaw(), let place = places?.place(record.offset) else { return nil }
        offset = place
        return record
    }

    private mutating func nextConverted() throws -> RawRecord? {
        while true {
            if let record = try converted?.nextRaw(), let place = offsets.popFirst() {
                offset = place
                return record
            }
            guard try convert() else { return nil }
        }
    }

    private mutating func convert() throws -> Bool {
        var builder = RecordBatchBuilder()
        var before = offset
        while builder.sizeInBytes < Self.conversion, let message = try messages?.next() {
            guard message.offset > before, message.offset <= lastOffset else {
                throw WireError.invalidRecords(
                    reason: "inner offset \(message.offset) lies outside \(before + 1)...\(lastOffset)")
            }
            before = message.offset
            offsets.append(message.offset)
            builder.append(timestamp: message.timestamp, key: message.key, value: message.value)
        }
        guard !builder.isEmpty else { return false }
        converted = try builder.finish().records()
        return true
    }
}
