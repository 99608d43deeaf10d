import KafkaWire

/// Facts for the rules about single records: keys on compacted topics (P8) and times (P9, P10).
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
        var rules = RecordRules(self, reader.header)
        try forEachRecord(reader) { record throws(ProduceRefusal) in rules.check(record.facts) }
        try rules.finish()
    }

    fileprivate func timestampProblem(_ record: RecordFacts, _ header: RecordBatchHeader) -> String? {
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

    fileprivate func isOutOfRange(_ timestamp: Int64) -> Bool {
        let age = now &- timestamp
        return age > config.messageTimestampBeforeMaxMs || 0 &- age > config.messageTimestampAfterMaxMs
    }
}

/// Names the records that are at fault, one after the other (Kafka's `LogValidator.validateRecord`).
///
/// Kafka names all of them; here a request names as many as its budget allows, and counts the rest.
struct RecordRules {
    private let validator: BatchValidator
    private let header: RecordBatchHeader
    private var index: Int32 = 0
    private var count = 0
    private var errors: [ProduceRefusal.RecordError] = []
    private var isAboutTime = false

    init(_ validator: BatchValidator, _ header: RecordBatchHeader) {
        self.validator = validator
        self.header = header
    }

    mutating func check(_ record: RecordFacts) {
        defer { index += 1 }
        if validator.config.isCompacted, !record.hasKey {
            add { "Compacted topic cannot accept message without key in topic partition \($0)" }
        } else if let message = validator.timestampProblem(record, header) {
            isAboutTime = true
            add { _ in message }
        }
    }

    private mutating func add(_ message: (String) -> String) {
        count += 1
        guard validator.budget.recordErrors > 0 else { return }
        validator.budget.recordErrors -= 1
        errors.append(.init(index: index, message: message(validator.partition)))
    }

    func finish() throws(ProduceRefusal) {
        guard count > 0 else { return }
        if isAboutTime {
            throw ProduceRefusal(
                .invalidTimestamp, "One or more records have been rejected due to invalid timestamp",
                recordErrors: errors)
        }
        let shown = errors.prefix(3).map { "RecordError(batchIndex=\($0.index), message='\($0.message)')" }
        throw ProduceRefusal(
            .invalidRecord,
            "One or more records have been rejected due to \(count) record errors in total, and only showing "
                + "the first three errors at most: [\(shown.joined(separator: ", "))]",
            recordErrors: errors)
    }
}
