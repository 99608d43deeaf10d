import KafkaCompression
import KafkaWire
import NIOCore

/// The writer of a batch: what the broker's own coordinators write is trusted to be well-formed.
package enum AppendOrigin: Sendable {
    case client
    case coordinator
}

/// Checks what a producer sent and turns it into the batch that is appended (Kafka's `ProduceRequest.validateRecords`,
/// `UnifiedLog.analyzeAndValidateRecords` and `LogValidator`, in this order; research D0, P1 to P15).
///
/// Records are only rewritten where they cannot stay as they are: another codec, inner offsets that are not
/// 0, 1, 2, …, or the message formats before batches.
struct BatchValidator {
    let partition: String
    let config: LogConfig
    let leaderEpoch: Int32
    /// The Produce request's version: since 3 there is exactly one batch, in format 2.
    let version: Int16
    let origin: AppendOrigin
    /// The broker's clock, in milliseconds since 1970.
    let now: Int64
    /// The offset of the first record.
    let nextOffset: Int64
    /// Work that the request that brings the records may still cost.
    let budget: WorkBudget

    func prepare(_ records: RecordBytes) throws(ProduceRefusal) -> PreparedBatch {
        var rest = records.contiguous
        guard let (bytes, magic) = try nextEntry(&rest) else {
            throw invalid("Produce requests with version \(version) must have at least one record batch per partition")
        }
        if magic < 2 {
            guard version < 3 else {
                throw invalid(
                    "Produce requests with version \(version) are only allowed to contain record batches with magic "
                        + "version 2")
            }
            return try prepareLegacy(records.contiguous, magic: magic)
        }
        let header = try parse(bytes)
        if version < 7, header.codec == .zstd {
            throw ProduceRefusal(
                .unsupportedCompressionType,
                "Produce requests with version \(version) are not allowed to use ZStandard compression")
        }
        // An incomplete entry at the end is dropped without a word, as Kafka does.
        guard try nextEntry(&rest) == nil else {
            throw invalid(
                "Produce requests with version \(version) are only allowed to contain exactly one record batch per "
                    + "partition")
        }
        return try prepare(bytes, header)
    }

    /// Takes the next entry off; nil at the end or if its last bytes are missing.
    func nextEntry(_ rest: inout ByteBuffer) throws(ProduceRefusal) -> (bytes: ByteBuffer, magic: Int8)? {
        guard let length = rest.getInteger(at: rest.readerIndex + 8, as: Int32.self) else { return nil }
        guard length >= 14 else {
            throw corrupt("Record size \(length) is less than the minimum record overhead (14)")
        }
        guard let magic = rest.getInteger(at: rest.readerIndex + 16, as: Int8.self) else { return nil }
        guard (0...2).contains(magic) else { throw corrupt("Invalid magic found in record: \(magic)") }
        guard let bytes = rest.readSlice(length: 12 + Int(length)) else { return nil }
        return (bytes, magic)
    }

    private func parse(_ bytes: ByteBuffer) throws(ProduceRefusal) -> RecordBatchHeader {
        do throws(WireError) {
            return try RecordBatchHeader(parsing: bytes)
        } catch {
            throw corrupt("Record batch of \(bytes.readableBytes) bytes is smaller than its header")
        }
    }
}

// Batches

extension BatchValidator {
    private func prepare(_ bytes: ByteBuffer, _ header: RecordBatchHeader) throws(ProduceRefusal) -> PreparedBatch {
        if origin == .client, header.baseOffset != 0 {
            throw invalid(
                "The baseOffset of the record batch in the append to \(partition) should be 0, "
                    + "but it is \(header.baseOffset)")
        }
        try checkSize(bytes.readableBytes)
        let covered = bytes.getSlice(at: bytes.readerIndex + 21, length: bytes.readableBytes - 21) ?? ByteBuffer()
        guard CRC32C.checksum(of: covered) == header.checksum else {
            throw corrupt("Record is corrupt (stored crc = \(header.checksum)) in topic partition \(partition).")
        }
        try checkCounts(header)
        let batch: RecordBatch
        do throws(WireError) {
            batch = try RecordBatch(bytes)
        } catch {
            throw invalid("\(error) in topic partition \(partition)")
        }
        guard let source = header.codec else {
            throw ProduceRefusal(
                .unsupportedCompressionType, "Unknown compression type id: \(header.attributes & 7)")
        }
        let target = targetCodec(for: source)
        try checkRecordCount(header, source)
        let reader = try records(of: batch)
        guard let summary = try? reader.validateDense() else {
            return try prepareUneven(batch, reader, source: source, target: target)
        }
        try check(summary, reader)
        guard source == target else { return try rewrite(reader, header, target: target) }
        return try assign(batch, maxTimestamp: summary.maxTimestamp)
    }

    private func checkCounts(_ header: RecordBatchHeader) throws(ProduceRefusal) {
        guard origin == .client else { return }
        let last = header.baseOffset &+ Int64(header.lastOffsetDelta)
        let range = "[\(header.baseOffset), \(last)]"
        guard header.lastOffsetDelta >= 0 else {
            throw invalid("Batch has an invalid offset range: \(range) in topic partition \(partition)")
        }
        guard header.recordCount > 0 else {
            throw invalid(
                "Invalid reported count for record batch: \(header.recordCount) in topic partition \(partition)")
        }
        guard Int64(header.recordCount) == Int64(header.lastOffsetDelta) + 1 else {
            throw invalid(
                "Inconsistent batch offset range \(range) and count of records \(header.recordCount) "
                    + "in topic partition \(partition)")
        }
        guard !header.isControl else {
            throw invalid("Clients are not allowed to write control records in topic partition \(partition)")
        }
        guard header.producerID < 0 || header.baseSequence >= 0 else {
            throw invalid(
                "Invalid sequence number \(header.baseSequence) in record batch with producerId "
                    + "\(header.producerID) in topic partition \(partition)")
        }
    }

    /// Said before anything is decompressed: the producer splits its batch then.
    private func checkRecordCount(_ header: RecordBatchHeader, _ codec: CompressionCodec) throws(ProduceRefusal) {
        guard codec != .none, header.recordCount > BatchLimits.records else { return }
        throw ProduceRefusal(
            .messageTooLarge,
            "The compressed record batch in the append to \(partition) holds \(header.recordCount) records, which exceeds "
                + "the maximum of \(BatchLimits.records).")
    }

    /// A reader over the uncompressed records.
    private func records(of batch: RecordBatch) throws(ProduceRefusal) -> RecordReader {
        do throws(CompressionError) {
            return try budget.records(of: batch)
        } catch {
            throw refusal(of: error)
        }
    }

    func refusal(of error: CompressionError) -> ProduceRefusal {
        guard case .outputTooLarge = error else { return invalid("\(error) in topic partition \(partition)") }
        return ProduceRefusal(
            .messageTooLarge,
            "\(error) in the append to \(partition): a batch may decompress to \(BatchLimits.decompressedBytes) bytes, "
                + "and the batches of a request to a multiple of what it takes.")
    }

    /// Records that are not numbered 0, 1, 2, …: compressed ones are numbered afresh, others taken as they are (P12).
    private func prepareUneven(
        _ batch: RecordBatch, _ reader: RecordReader, source: CompressionCodec, target: CompressionCodec
    ) throws(ProduceRefusal) -> PreparedBatch {
        var newest: Int64 = .min
        var rules = RecordRules(self, batch.header)
        try forEachRecord(reader) { record throws(ProduceRefusal) in
            newest = max(newest, record.timestamp)
            rules.check(record.facts)
        }
        try rules.finish()
        guard source == .none, target == .none else { return try rewrite(reader, batch.header, target: target) }
        return try assign(batch, maxTimestamp: newest)
    }

    private func assign(_ batch: RecordBatch, maxTimestamp: Int64) throws(ProduceRefusal) -> PreparedBatch {
        do throws(WireError) {
            return try PreparedBatch(batch) { header in
                header.baseOffset = nextOffset
                header.partitionLeaderEpoch = leaderEpoch
                header.timestampType = config.messageTimestampType
                header.maxTimestamp = config.messageTimestampType == .logAppendTime ? now : maxTimestamp
            }
        } catch {
            throw invalid("\(error) in topic partition \(partition)")
        }
    }
}

// Rewriting

extension BatchValidator {
    /// Reads the records one after the other: none is kept.
    func forEachRecord(
        _ reader: RecordReader, _ body: (RawRecord) throws(ProduceRefusal) -> Void
    ) throws(ProduceRefusal) {
        var reader = reader
        while true {
            let record: RawRecord?
            do throws(WireError) {
                record = try reader.nextRaw()
            } catch {
                throw invalid("\(error) in topic partition \(partition)")
            }
            guard let record else { return }
            try body(record)
        }
    }

    private func rewrite(
        _ reader: RecordReader, _ header: RecordBatchHeader, target: CompressionCodec
    ) throws(ProduceRefusal) -> PreparedBatch {
        var builder = RecordBatchBuilder(
            producerID: header.producerID, producerEpoch: header.producerEpoch, baseSequence: header.baseSequence,
            isTransactional: header.isTransactional)
        try forEachRecord(reader) { record throws(ProduceRefusal) in
            builder.append(record)
            try checkGrowth(builder, target)
        }
        return try finish(&builder, target: target)
    }

    /// A batch that is not compressed again cannot become smaller: there is no use in continuing.
    func checkGrowth(_ builder: RecordBatchBuilder, _ target: CompressionCodec) throws(ProduceRefusal) {
        if target == .none, builder.sizeInBytes > config.maxMessageBytes { try checkSize(builder.sizeInBytes) }
    }

    func finish(
        _ builder: inout RecordBatchBuilder, target: CompressionCodec
    ) throws(ProduceRefusal) -> PreparedBatch {
        let batch: RecordBatch
        do throws(CompressionError) {
            batch = try builder.batch(codec: target)
        } catch {
            throw invalid("\(error) in topic partition \(partition)")
        }
        try checkSize(batch.sizeInBytes)
        return try assign(batch, maxTimestamp: batch.header.maxTimestamp)
    }

    func targetCodec(for source: CompressionCodec) -> CompressionCodec {
        switch config.compression {
        case .producer: source
        case .codec(let codec, _): codec
        }
    }

    func checkSize(_ size: Int) throws(ProduceRefusal) {
        guard size <= config.maxMessageBytes else {
            throw ProduceRefusal(
                .messageTooLarge,
                "The record batch size in the append to \(partition) is \(size) bytes which exceeds the maximum "
                    + "configured value of \(config.maxMessageBytes).")
        }
    }
}

extension BatchValidator {
    func invalid(_ message: String) -> ProduceRefusal {
        ProduceRefusal(.invalidRecord, message)
    }

    func corrupt(_ message: String) -> ProduceRefusal {
        ProduceRefusal(.corruptMessage, message)
    }
}
