import KafkaCompression
import KafkaWire
import NIOCore

/// Messages of formats 0 and 1, which clients may still send in Produce v0 to v2: stored as one batch of format 2.
extension BatchValidator {
    func prepareLegacy(_ bytes: ByteBuffer, magic: Int8) throws(ProduceRefusal) -> PreparedBatch {
        var rest = bytes
        var source = CompressionCodec.none
        var entries = 0
        var builder = RecordBatchBuilder(reserving: bytes.readableBytes)
        var header = RecordBatchHeader()
        header.timestampType = .createTime
        var rules = RecordRules(self, header)
        while let (entryBytes, entryMagic) = try nextEntry(&rest) {
            guard entryMagic == magic else {
                throw invalid(
                    "Batch magic \(entryMagic) is not the same as the first batch's magic byte \(magic) "
                        + "in topic partition \(partition)")
            }
            try checkSize(entryBytes.readableBytes)
            let entry = try legacyEntry(entryBytes)
            guard let codec = entry.codec else {
                throw ProduceRefusal(
                    .unsupportedCompressionType, "Unknown compression type id: \(entry.attributes & 7)")
            }
            entries += 1
            if codec != .none { source = codec }
            guard source == .none || entries == 1 else {
                throw invalid("Compressed outer record has more than one batch")
            }
            try forEachRecord(of: entry, codec) { record throws(ProduceRefusal) in
                rules.check(
                    RecordFacts(timestamp: record.timestamp, offset: record.offset, hasKey: record.key != nil))
                builder.append(record)
                try checkGrowth(builder, targetCodec(for: source))
            }
        }
        try rules.finish()
        return try finish(&builder, target: targetCodec(for: source))
    }

    private func legacyEntry(_ bytes: ByteBuffer) throws(ProduceRefusal) -> LegacyEntry {
        let entry: LegacyEntry
        do throws(WireError) {
            entry = try LegacyEntry(bytes)
        } catch {
            throw corrupt("\(error) in topic partition \(partition)")
        }
        guard entry.isChecksumValid else {
            throw corrupt("Record is corrupt (stored crc = \(entry.checksum)) in topic partition \(partition).")
        }
        return entry
    }

    /// Reads the messages of an entry one after the other: its own, or those of its compressed set.
    private func forEachRecord(
        of entry: LegacyEntry, _ codec: CompressionCodec, _ body: (Record) throws(ProduceRefusal) -> Void
    ) throws(ProduceRefusal) {
        guard codec != .none else { return try body(entry.record) }
        var set: LogEntryReader
        do throws(CompressionError) {
            set = try budget.innerSet(of: entry)
        } catch {
            throw refusal(of: error)
        }
        var count: Int32 = 0
        while let inner = try innerMessage(&set) {
            guard inner.codec == CompressionCodec.none, inner.magic == entry.magic else {
                throw malformedSet(
                    "a message of magic \(inner.magic), attributes \(inner.attributes) inside a compressed message set of "
                        + "magic \(entry.magic)")
            }
            count += 1
            guard count <= BatchLimits.records else {
                throw ProduceRefusal(
                    .messageTooLarge,
                    "The compressed message set in the append to \(partition) holds more than \(BatchLimits.records) "
                        + "messages.")
            }
            var record = inner.record
            if entry.timestampType == .logAppendTime { record.timestamp = entry.timestamp }
            try body(record)
        }
        guard count > 0, set.partialBytes == 0 else {
            throw malformedSet(
                count == 0 ? "compressed message set without messages" : "compressed message set ends inside a message")
        }
    }

    private func innerMessage(_ set: inout LogEntryReader) throws(ProduceRefusal) -> LegacyEntry? {
        let entry: LogEntry?
        do throws(WireError) {
            entry = try set.next()
        } catch {
            throw invalid("\(error) in topic partition \(partition)")
        }
        switch entry {
        case .legacy(let message): return message
        case .batch: throw malformedSet("record batch inside a compressed message set")
        case nil: return nil
        }
    }

    private func malformedSet(_ reason: String) -> ProduceRefusal {
        invalid("\(reason) in topic partition \(partition)")
    }
}
