import DequeModule
import KafkaCompression
public import KafkaWire
import NIOCore

/// One partition of a compacted topic that a program keeps its own state in: read whole at start, then appended to.
///
/// Appends are idempotent and one after the other, so that a retry neither doubles records nor lets an old value
/// arrive after a newer one, which compaction would then keep.
public actor StateTopic {
    public nonisolated let partition: TopicPartition
    private nonisolated let client: ClusterClient
    private var producer: ProducerIdentity?
    private var nextSequence: Int32 = 0
    private var isAppending = false
    private var turns: Deque<OneShot<Void>> = []

    /// Batches are closed at this size, well below what brokers accept by default.
    private static let batchBytes = 256 << 10

    public nonisolated var unownedExecutor: UnownedSerialExecutor {
        client.eventLoop.executor.asUnownedSerialExecutor()
    }

    public init(_ topic: String, partition: Int32 = 0, client: ClusterClient) {
        self.partition = TopicPartition(topic, partition)
        self.client = client
    }

    /// All records up to the end that the partition has at the time of the call, oldest first. Tombstones included.
    ///
    /// - Throws: also when a batch is damaged: state that is not whole is not state.
    public func readAll() async throws(KafkaError) -> [Record] {
        try await client.records(of: partition).records
    }

    /// The same from an offset on, which may be one that compaction has removed.
    ///
    /// - Returns: the records, and where to go on later.
    public func read(from offset: Int64) async throws(KafkaError) -> (records: [Record], next: Int64) {
        try await client.records(of: partition, from: offset)
    }

    /// Appends records and waits until all in-sync replicas have them.
    ///
    /// - Returns: the offset of the first; nil without records.
    @discardableResult
    public func append(_ records: [Record]) async throws(KafkaError) -> Int64? {
        try await waitForTurn()
        defer { passTurn() }
        var first: Int64?
        var builder = RecordBatchBuilder()
        for (index, record) in records.enumerated() {
            builder.append(record)
            guard builder.sizeInBytes >= Self.batchBytes || index == records.endIndex - 1 else { continue }
            let offset = try await write(&builder)
            first = first ?? offset
        }
        return first
    }

    private func write(_ builder: inout RecordBatchBuilder) async throws(KafkaError) -> Int64 {
        let batch: RecordBatch
        do { batch = try builder.finish() } catch { throw self.error(.wire(error)) }
        var renewals = 0
        while true {
            let identity: ProducerIdentity
            if let producer { identity = producer } else { identity = try await client.initProducerID() }
            producer = identity
            do throws(KafkaError) {
                let offset = try await client.produce(stamped(batch, identity), to: partition)
                nextSequence = (nextSequence &+ Int32(batch.header.recordCount)) & .max
                return offset
            } catch {
                // What became of the batch is not known, so its sequence must not be used for another.
                producer = nil
                nextSequence = 0
                guard error.remedy == .renewProducer, renewals == 0 else { throw error }
                renewals += 1
            }
        }
    }

    /// The batch with producer and sequence; its header lies apart, its records stay where they are.
    private func stamped(_ batch: RecordBatch, _ identity: ProducerIdentity) throws(KafkaError) -> RecordBytes {
        var patch = BatchHeaderPatch()
        patch.producerID = identity.id
        patch.producerEpoch = identity.epoch
        patch.baseSequence = nextSequence
        return patch.apply(to: batch)
    }

    private func waitForTurn() async throws(KafkaError) {
        guard isAppending else {
            isAppending = true
            return
        }
        let turn = OneShot<Void>()
        turns.append(turn)
        try await turn.value(cancelled: error(.cancelled))
    }

    private func passTurn() {
        while let next = turns.popFirst() {
            if next.set(.success(())) { return }
        }
        isAppending = false
    }

    private func error(_ reason: KafkaError.Reason) -> KafkaError {
        KafkaError(reason, during: .request(.produce), cluster: client.settings.name)
            .about(topic: partition.topic, partition: partition.partition)
    }
}

extension ClusterClient {
    /// Appends one batch, again after failures that time heals. Only for idempotent batches: others would be doubled.
    ///
    /// - Returns: the offset of its first record.
    func produce(_ batch: RecordBytes, to partition: TopicPartition) async throws(KafkaError) -> Int64 {
        let outcomes: Outcomes<TopicPartition, Int64> = await settleAtLeaders([partition], during: .produce) {
            client, leader, _ throws(KafkaError) in
            var data = ProduceRequest.PartitionProduceData()
            data.index = partition.partition
            data.records = batch
            var topic = ProduceRequest.TopicProduceData()
            topic.name = partition.topic
            topic.partitionData = [data]
            var request = ProduceRequest()
            request.acks = -1
            request.timeoutMs = client.brokerTimeoutMs
            request.topicData = [topic]
            let response = try await client.send(request, to: leader, timeout: client.answerTimeout)
            guard let answer = response.responses.first?.partitionResponses.first else { return [:] }
            return [
                partition: answer.errorCode.outcome(answer.baseOffset, message: answer.errorMessage) {
                    client.error($0, during: .request(.produce))
                        .about(topic: partition.topic, partition: partition.partition)
                }
            ]
        }
        guard let outcome = outcomes[partition] else { throw error(.cancelled, during: .request(.produce)) }
        return try outcome.get()
    }

    /// The records of a partition from its start, or from an offset if that is later, to its present end, markers of
    /// transactions left out.
    func records(
        of partition: TopicPartition, from first: Int64 = 0
    ) async throws(KafkaError) -> (records: [Record], next: Int64) {
        let end = try await offset(.latest, of: partition)
        guard first < end else { return ([], first) }
        var position = max(first, try await offset(.earliest, of: partition))
        var records: [Record] = []
        while position < end {
            let start = position
            let fetched = await settleAtLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
                [partition: try await client.fetchOnce(partition, from: start, leader)]
            }
            guard let outcome = fetched[partition] else { throw error(.cancelled, during: .request(.fetch)) }
            position = try read(try outcome.get(), of: partition, from: start, into: &records)
        }
        return (records, position)
    }

    /// The record at an offset; nil when there is none: a marker, or removed by compaction.
    ///
    /// - Throws: also for an offset that the partition does not have.
    public func record(of partition: TopicPartition, at offset: Int64) async throws(KafkaError) -> Record? {
        let fetched = await settleAtLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
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
