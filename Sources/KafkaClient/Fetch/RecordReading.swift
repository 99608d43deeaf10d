import KafkaCompression
public import KafkaWire

// Records rather than batches, for logs that hold little.
extension ClusterClient {
    /// The records of a partition from its start, or from an offset if that is later, to its present end, markers of
    /// transactions left out.
    func records(
        of partition: TopicPartition, from first: Int64 = 0
    ) async throws(KafkaError) -> (records: [Record], next: Int64) {
        var records: [Record] = []
        let next = try await eachAnswer(of: partition, from: first) { records += $0 }
        return (records, next)
    }

    /// The same, answer by answer.
    ///
    /// - Returns: where to go on later.
    func eachAnswer(
        of partition: TopicPartition, from first: Int64 = 0, take: ([Record]) -> Void
    ) async throws(KafkaError) -> Int64 {
        let end = try await offset(.latest, of: partition)
        guard first < end else { return first }
        var position = max(first, try await offset(.earliest, of: partition))
        while position < end {
            let start = position
            let fetched = await askLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
                [partition: try await client.fetchOnce(partition, from: start, leader)]
            }
            guard let outcome = fetched[partition] else { throw error(.cancelled, during: .request(.fetch)) }
            var records: [Record] = []
            position = try read(try outcome.get(), of: partition, from: start, into: &records)
            take(records)
        }
        return position
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
        _ = try read(try outcome.get(), of: partition, from: offset, into: &records)
        return records.first.flatMap { $0.offset == offset ? $0 : nil }
    }

    private func offset(_ query: OffsetQuery, of partition: TopicPartition) async throws(KafkaError) -> Int64 {
        guard let found = await offsets([partition: query])[partition] else {
            throw error(.cancelled, during: .request(.listOffsets))
        }
        return try found.get().offset ?? 0
    }

    private func fetchOnce(
        _ partition: TopicPartition, from offset: Int64, maxBytes: Int32 = 4 << 20, _ leader: BrokerTarget
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

    /// Adds what `bytes` hold from `position` on.
    ///
    /// - Returns: where to go on.
    private func read(
        _ bytes: RecordBytes, of partition: TopicPartition, from position: Int64, into records: inout [Record]
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
                do throws(CompressionError) {
                    records += try entry.dataRecords().filter { $0.offset >= next }
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
    /// The records that applications see.
    fileprivate func dataRecords() throws(CompressionError) -> [Record] {
        switch self {
        case .batch(let batch):
            guard !batch.header.isControl else { return [] }
            var reader = try batch.records()
            do throws(WireError) { return try reader.readAll() } catch { throw .malformed(error) }
        case .legacy(let entry):
            return try entry.records()
        }
    }
}
