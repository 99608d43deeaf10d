import KafkaWire

/// What the rules about single records look at: keys on compacted topics (P8) and times (P9, P10).
struct RecordFacts {
    let timestamp: Int64
    /// Within the batch.
    let offset: Int64
    let hasKey: Bool
}

extension RawRecord {
    var facts: RecordFacts {
        RecordFacts(timestamp: timestamp, offset: offset, hasKey: key != nil)
    }
}

extension BatchValidator {
    /// The summary says whether any record breaks a rule; only then are they looked at one by one.
    func check(_ summary: RecordSummary, _ reader: RecordReader) throws(ProduceRefusal) {
        let needsNames =
            (config.isCompacted && summary.firstNullKey != nil)
            || (config.messageTimestampType == .logAppendTime && reader.header.timestampType == .logAppendTime)
            || (config.messageTimestampType == .createTime
                && (summary.minTimestamp < 0 || isOutOfRange(summary.minTimestamp)
                    || isOutOfRange(summary.maxTimestamp)))
        guard needsNames else { return }
        try check(try readAll(reader).map(\.facts), header: reader.header)
    }

    /// Names every record that is at fault (Kafka's `LogValidator.validateRecord`).
    func check(_ records: [RecordFacts], header: RecordBatchHeader) throws(ProduceRefusal) {
        var errors: [ProduceRefusal.RecordError] = []
        var isAboutTime = false
        for (index, record) in records.enumerated() {
            if config.isCompacted, !record.hasKey {
                errors.append(
                    .init(
                        index: Int32(index),
                        message: "Compacted topic cannot accept message without key in topic partition \(partition)"))
            } else if let message = timestampProblem(record, header) {
                isAboutTime = true
                errors.append(.init(index: Int32(index), message: message))
            }
        }
        guard !errors.isEmpty else { return }
        if isAboutTime {
            throw ProduceRefusal(
                .invalidTimestamp, "One or more records have been rejected due to invalid timestamp",
                recordErrors: errors)
        }
        let shown = errors.prefix(3).map { "RecordError(batchIndex=\($0.index), message='\($0.message)')" }
        throw ProduceRefusal(
            .invalidRecord,
            "One or more records have been rejected due to \(errors.count) record errors in total, and only showing "
                + "the first three errors at most: [\(shown.joined(separator: ", "))]",
            recordErrors: errors)
    }

    private func timestampProblem(_ record: RecordFacts, _ header: RecordBatchHeader) -> String? {
        if config.messageTimestampType == .createTime, record.timestamp != -1 {
            guard isOutOfRange(record.timestamp) else { return nil }
            return "Timestamp \(record.timestamp) of message with offset \(record.offset) is out of range. "
                + "The timestamp should be within [\(now &- config.messageTimestampBeforeMaxMs), "
                + "\(now &+ config.messageTimestampAfterMaxMs)]"
        }
        guard header.timestampType == .logAppendTime else { return nil }
        return "Invalid timestamp type in message with offset \(record.offset). "
            + "Producer should not set timestamp type to LogAppendTime."
    }

    private func isOutOfRange(_ timestamp: Int64) -> Bool {
        let age = now &- timestamp
        return age > config.messageTimestampBeforeMaxMs || 0 &- age > config.messageTimestampAfterMaxMs
    }
}
