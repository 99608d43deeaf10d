import KafkaCompression
public import KafkaWire

// Records rather than batches, for logs that hold little.
extension ClusterClient {
    /// The records of a partition from its start, or from an offset if that is later, to its present end, markers of
    /// transactions left out.
    func records(
        of partition: TopicPartition, from first: Int64 = 0
    ) async throws(KafkaError) -> (records: [Record], next: Int64) {
        let (start, end) = try await bounds(of: partition, from: first)
        var position = start
        var records: [Record] = []
        while position < end {
            let read = try await piece(of: partition, from: position)
            records += read.records
            position = read.next
        }
        return (records, position)
    }

    /// Offsets at which reading a log from an offset on begins and ends at present; the same number twice when there is nothing.
    func bounds(of partition: TopicPartition, from first: Int64) async throws(KafkaError) -> (Int64, Int64) {
        let end = try await offset(.latest, of: partition)
        guard first < end else { return (first, first) }
        return (max(first, try await offset(.earliest, of: partition)), end)
    }

    /// The records of one answer, from an offset on that lies before the end; and where to continue.
    func piece(
        of partition: TopicPartition, from start: Int64
    ) async throws(KafkaError) -> (records: [Record], next: Int64) {
        let fetched = await askLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
            [partition: try await client.fetchOnce(partition, from: start, leader)]
        }
        guard let outcome = fetched[partition] else { throw error(.cancelled, during: .request(.fetch)) }
        var records: [Record] = []
        let next = try read(try outcome.get(), of: partition, from: start, into: &records)
        return (records, next)
    }

    /// The record at an offset; nil when there is none: a marker, or removed by compaction.
    ///
    /// - Throws: also for an offset that the partition does not have.
    public func record(of partition: TopicPartition, at offset: Int64) async throws(KafkaError) -> Record? {
        let fetched = await askLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
            // The whole batch comes in any case.
            [partition: try await client.fetchOnce(partition, from: offset, maxBytes: 1, leader)]
        }
        guard let outcome = fetched[partition] else { throw error(.cancelled, during: .request(.fetch)) }
        var records: [Record] = []
        _ = try read(try outcome.get(), of: partition, from: offset, upTo: offset, into: &records)
        return records.first
    }

    private func offset(_ query: OffsetQuery, of partition: TopicPartition) async throws(KafkaError) -> Int64 {
        guard let found = await offsets([partition: query])[partition] else {
            throw error(.cancelled, during: .request(.listOffsets))
        }
        return try found.get().offset ?? 0
    }

    private func fetchOnce(
        _ partition: TopicPartition, from offset: Int64, maxBytes: Int32 = 1 << 20, _ leader: BrokerTarget
    ) async throws(KafkaError) -> Result<RecordBytes, KafkaError> {
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: maxBytes)
        let outcomes = try await readOnce(
            [position], from: leader, isolation: .readUncommitted, maxBytes: maxBytes, maxWait: .milliseconds(500))
        let nothing = error(
            .unexpectedAnswer("no records at offset \(offset), which is before the end"), during: .request(.fetch)
        ).about(topic: partition.topic, partition: partition.partition)
        guard let outcome = outcomes[partition] else { return .failure(nothing) }
        return outcome.flatMap { $0.records.map { .success($0) } ?? .failure(nothing) }
    }

    /// Adds what `bytes` hold from `position` on, to `last` at most.
    ///
    /// - Returns: the offset to continue from.
    private func read(
        _ bytes: RecordBytes, of partition: TopicPartition, from position: Int64, upTo last: Int64 = .max,
        into records: inout [Record]
    ) throws(KafkaError) -> Int64 {
        var next = position
        var entries = LogEntryReader(bytes.contiguous)
        func damaged(_ why: some CustomStringConvertible) -> KafkaError {
            error(.unexpectedAnswer("the log is damaged behind offset \(next): \(why)"), during: .request(.fetch))
                .about(topic: partition.topic, partition: partition.partition)
        }
        while true {
            do throws(WireError) {
                guard let entry = try entries.next() else { break }
                guard entry.isChecksumValid else { throw .invalidRecords(reason: "the checksum does not fit") }
                guard (0..<LogOffset.largest).contains(entry.lastOffset) else {
                    throw .invalidRecords(reason: "offset \(entry.lastOffset) cannot be one")
                }
                do {
                    try entry.forEachDataRecord { record in
                        if record.offset >= next, record.offset <= last { records.append(record) }
                    }
                } catch {
                    throw .invalidRecords(reason: "\(error)")
                }
                next = max(next, entry.lastOffset + 1)
            } catch {
                throw damaged(error)
            }
        }
        guard next > position else { throw damaged("a batch is larger than an answer") }
        return next
    }
}

extension LogEntry {
    /// Records of one batch that are read, at most: a few bytes can stand for millions.
    private static let mostRecords: Int32 = 1_000_000

    /// Calls `body` with each record that applications see.
    fileprivate func forEachDataRecord(_ body: (Record) -> Void) throws {
        switch self {
        case .batch(let batch):
            guard !batch.header.isControl else { return }
            guard batch.header.recordCount <= Self.mostRecords else {
                throw WireError.invalidRecords(reason: "\(batch.header.recordCount) records in one batch")
            }
            var records = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { body(record) }
        case .legacy(let entry):
            var records = try LegacyRecordStream(entry, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { body(record) }
        }
    }
}
