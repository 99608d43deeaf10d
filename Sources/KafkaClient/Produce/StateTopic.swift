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
    /// Held while a call appends: batches go one after the other.
    private let appending = AsyncSemaphore(1)

    /// Batches are closed at this size, well below what brokers accept by default.
    private static let batchBytes = 256 << 10
    /// From this size on a batch is compressed: state of many partitions is much alike.
    private static let compressedFrom = 1 << 10

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

    /// The newest record of each key from an offset on, in the order of their offsets: what compaction would leave.
    /// Records without a key are left out. Holds little more than that at any time, however long the log is.
    ///
    /// - Returns: the records, and where to go on later.
    public func readNewest(from offset: Int64 = 0) async throws(KafkaError) -> (records: [Record], next: Int64) {
        var newest = NewestRecords()
        let next = try await client.eachAnswer(of: partition, from: offset) { newest.take($0) }
        return (newest.inOrder, next)
    }

    /// Appends records and waits until all in-sync replicas have them.
    ///
    /// - Returns: the offset of the first; nil without records.
    @discardableResult
    public func append(_ records: [Record]) async throws(KafkaError) -> Int64? {
        do { try await appending.wait() } catch { throw self.error(.cancelled) }
        defer { appending.signal() }
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
        do throws(CompressionError) {
            batch = try builder.batch(codec: builder.sizeInBytes < Self.compressedFrom ? .none : .lz4)
        } catch {
            throw self.error(.unexpectedAnswer("records cannot be put together: \(error)"))
        }
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

    private func error(_ reason: KafkaError.Reason) -> KafkaError {
        KafkaError(reason, during: .request(.produce), cluster: client.settings.name)
            .about(topic: partition.topic, partition: partition.partition)
    }
}
