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
    /// - Returns: the records, and the offset to continue from later.
    public func read(from offset: Int64) async throws(KafkaError) -> (records: [Record], next: Int64) {
        try await client.records(of: partition, from: offset)
    }

    /// A reading of the partition from an offset on, an answer at a time, so that a topic of any size fits into memory.
    public nonisolated func reader(from offset: Int64 = 0) -> StateReader { StateReader(self, from: offset) }

    /// Skips a record that cannot be understood: counts it, and names it once with its reason.
    public func skip(_ record: Record, because reason: String) async {
        await client.skip(record.offset, of: partition, because: reason)
    }

    fileprivate func bounds(from offset: Int64) async throws(KafkaError) -> (Int64, Int64) {
        try await client.bounds(of: partition, from: offset)
    }

    fileprivate func piece(from offset: Int64) async throws(KafkaError) -> (records: [Record], next: Int64) {
        try await client.piece(of: partition, from: offset)
    }

    /// Appends records and waits until all in-sync replicas have them.
    ///
    /// - Returns: the offset of the first; nil without records.
    @discardableResult
    public func append(_ records: [Record]) async throws(KafkaError) -> Int64? {
        try await appendTelling(records)?.first
    }

    /// The place of records that were appended.
    public struct Appended: Sendable, Hashable {
        public var first: Int64
        /// Offset behind the last of them.
        public var next: Int64
        /// No record of others is between them.
        public var isContiguous: Bool
    }

    /// The same, for those who share the topic with others.
    ///
    /// - Returns: nil without records.
    public func appendTelling(_ records: [Record]) async throws(KafkaError) -> Appended? {
        do { try await appending.wait() } catch { throw self.error(.cancelled) }
        defer { appending.signal() }
        var appended: Appended?
        var builder = RecordBatchBuilder()
        var count: Int64 = 0
        for (index, record) in records.enumerated() {
            builder.append(record)
            count += 1
            guard builder.sizeInBytes >= Self.batchBytes || index == records.endIndex - 1 else { continue }
            let offset = try await write(&builder)
            appended = Appended(
                first: appended?.first ?? offset, next: offset + count,
                isContiguous: appended.map { $0.isContiguous && $0.next == offset } ?? true)
            count = 0
        }
        return appended
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
                // The outcome of the batch is not known, so its sequence must not be used for another.
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

/// A reading of a state topic, up to the end that it has when it begins.
public struct StateReader: Sendable {
    private let topic: StateTopic
    private var end: Int64?
    /// Offset to continue from later.
    public private(set) var next: Int64

    fileprivate init(_ topic: StateTopic, from offset: Int64) {
        self.topic = topic
        next = offset
    }

    /// The records that follow, tombstones included; nil at the end.
    ///
    /// - Throws: also when a batch is damaged: state that is not whole is not state.
    public mutating func records() async throws(KafkaError) -> [Record]? {
        let last: Int64
        if let end { last = end } else { (next, last) = try await topic.bounds(from: next) }
        end = last
        guard next < last else { return nil }
        let read = try await topic.piece(from: next)
        next = read.next
        return read.records
    }
}
