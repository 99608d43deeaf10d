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
        var facts: [RecordFacts] = []
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
            for record in try records(of: entry) {
                facts.append(RecordFacts(timestamp: record.timestamp, offset: record.offset, hasKey: record.key != nil))
                builder.append(record)
            }
        }
        var header = RecordBatchHeader()
        header.timestampType = .createTime
        try check(facts, header: header)
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

    private func records(of entry: LegacyEntry) throws(ProduceRefusal) -> [Record] {
        do throws(CompressionError) {
            return try entry.records()
        } catch {
            throw invalid("\(error) in topic partition \(partition)")
        }
    }
}
