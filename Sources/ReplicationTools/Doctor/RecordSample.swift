internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// A few records, read once from where they lie, for a look at what a topic holds.
struct RecordSample: Sendable {
    let client: ClusterClient

    /// Bytes asked for; a broker sends at least one batch.
    private static let bytes: Int32 = 64 << 10

    /// The entries of one answer from `offset` on, as they lie in the log.
    func entries(of partition: TopicPartition, from offset: Int64) async throws(KafkaError) -> [LogEntry] {
        let metadata = try await client.metadata(.named([partition.topic]), allowingAge: .seconds(60))
        guard let leader = metadata.partition(partition.topic, partition.partition)?.leader else {
            throw error(.connection(.nobodyInCharge("leader")), partition)
        }
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: Self.bytes)
        let outcomes = try await client.readOnce(
            [position], from: .broker(leader), isolation: .readUncommitted, maxBytes: Self.bytes)
        guard let records = try outcomes[partition]?.get().records else { return [] }
        var reader = LogEntryReader(records.contiguous)
        var entries: [LogEntry] = []
        do throws(WireError) {
            while let entry = try reader.next() { entries.append(entry) }
        } catch {
            throw self.error(.wire(error), partition)
        }
        return entries
    }

    /// Records looked at, at most: doctor wants to see some, not all.
    private static let mostRecords = 10_000

    /// Records that applications see, from `offset` on.
    func records(of partition: TopicPartition, from offset: Int64) async throws(KafkaError) -> [Record] {
        var records: [Record] = []
        for entry in try await entries(of: partition, from: offset) {
            do {
                switch entry {
                case .batch(let batch):
                    guard !batch.header.isControl else { continue }
                    var reader = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
                    while records.count < Self.mostRecords, let record = try reader.next() {
                        if record.offset >= offset { records.append(record) }
                    }
                case .legacy(let entry):
                    var reader = try LegacyRecordStream(entry, limit: RecordStream.ordinaryLimit)
                    while records.count < Self.mostRecords, let record = try reader.next() {
                        if record.offset >= offset { records.append(record) }
                    }
                }
            } catch {
                throw self.error(.unexpectedAnswer("records that cannot be read: \(error)"), partition)
            }
        }
        return records
    }

    private func error(_ reason: KafkaError.Reason, _ partition: TopicPartition) -> KafkaError {
        KafkaError(reason, during: .request(.fetch), cluster: client.settings.name)
            .about(topic: partition.topic, partition: partition.partition)
    }
}
