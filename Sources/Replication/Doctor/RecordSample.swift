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
        var data = FetchRequest.FetchPartition()
        data.partition = partition.partition
        data.fetchOffset = offset
        data.partitionMaxBytes = Self.bytes
        var topic = FetchRequest.FetchTopic()
        topic.topic = partition.topic
        topic.partitions = [data]
        var request = FetchRequest()
        request.maxWaitMs = 100
        request.minBytes = 1
        request.maxBytes = Self.bytes
        request.topics = [topic]
        // From version 13 on topics go by id.
        let response = try await client.send(request, to: .broker(leader), versions: 4...12)
        let answer = response.responses.first?.partitions.first
        let code = response.errorCode != .none ? response.errorCode : answer?.errorCode ?? .none
        guard code == .none else { throw error(.broker(code, message: nil), partition) }
        guard let records = answer?.records else { return [] }
        var reader = LogEntryReader(records.contiguous)
        var entries: [LogEntry] = []
        do throws(WireError) {
            while let entry = try reader.next() { entries.append(entry) }
        } catch {
            throw self.error(.wire(error), partition)
        }
        return entries
    }

    /// Records that applications see, from `offset` on.
    func records(of partition: TopicPartition, from offset: Int64) async throws(KafkaError) -> [Record] {
        var records: [Record] = []
        for entry in try await entries(of: partition, from: offset) {
            do {
                switch entry {
                case .batch(let batch):
                    guard !batch.header.isControl else { continue }
                    var reader = try batch.records()
                    records += try reader.readAll()
                case .legacy(let entry): records += try entry.records()
                }
            } catch {
                throw self.error(.unexpectedAnswer("records that cannot be read: \(error)"), partition)
            }
        }
        return records.filter { $0.offset >= offset }
    }

    private func error(_ reason: KafkaError.Reason, _ partition: TopicPartition) -> KafkaError {
        KafkaError(reason, during: .request(.fetch), cluster: client.settings.name)
            .about(topic: partition.topic, partition: partition.partition)
    }
}
