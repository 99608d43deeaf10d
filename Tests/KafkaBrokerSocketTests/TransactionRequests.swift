import ClusterTestSupport
import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

/// A transactional producer, one request per step.
struct TestProducer {
    let id: String
    let connection: RawConnection
    var producerID: Int64 = -1
    var epoch: Int16 = -1
    private var sequences: [String: Int32] = [:]

    init(_ id: String, _ connection: RawConnection) {
        self.id = id
        self.connection = connection
    }

    /// InitProducerId, as often as the coordinator is busy with an older transaction.
    mutating func start(timeoutMs: Int32 = 60_000) async throws {
        var find = FindCoordinatorRequest()
        find.keyType = 1
        find.coordinatorKeys = [id]
        #expect(try await connection.send(find, version: 4).coordinators.first?.errorCode == ErrorCode.none)
        var response = try await initialise(timeoutMs: timeoutMs)
        while response.errorCode == .concurrentTransactions {
            response = try await initialise(timeoutMs: timeoutMs)
        }
        #expect(response.errorCode == .none)
        producerID = response.producerID
        epoch = response.producerEpoch
        sequences = [:]
    }

    func initialise(
        timeoutMs: Int32 = 60_000, expected: (Int64, Int16) = (-1, -1), version: Int16 = 5
    ) async throws -> InitProducerIdResponse {
        var request = InitProducerIdRequest()
        request.transactionalID = id
        request.transactionTimeoutMs = timeoutMs
        request.producerID = expected.0
        request.producerEpoch = expected.1
        return try await connection.send(request, version: version)
    }

    func add(_ topic: String, _ partitions: [Int32] = [0], version: Int16 = 3) async throws -> [ErrorCode] {
        var entry = AddPartitionsToTxnRequest.AddPartitionsToTxnTopic()
        entry.name = topic
        entry.partitions = partitions
        var request = AddPartitionsToTxnRequest()
        request.v3AndBelowTransactionalID = id
        request.v3AndBelowProducerID = producerID
        request.v3AndBelowProducerEpoch = epoch
        request.v3AndBelowTopics = [entry]
        let response = try await connection.send(request, version: version)
        return response.resultsByTopicV3AndBelow.flatMap { $0.resultsByPartition.map(\.partitionErrorCode) }
    }

    mutating func produce(
        _ values: [String], to topic: String, _ partition: Int32 = 0, version: Int16 = 9
    ) async throws -> ErrorCode {
        let sequence = sequences["\(topic)-\(partition)"] ?? 0
        var builder = RecordBatchBuilder(
            producerID: producerID, producerEpoch: epoch, baseSequence: sequence, isTransactional: true)
        for value in values { builder.append(timestamp: 1000, key: nil, value: ByteBuffer(string: value)) }
        var request = ProduceRequest(RecordBytes(try builder.finish().bytes), to: topic, partition)
        request.transactionalID = id
        let response = try await connection.send(request, version: version)
        let code = try #require(response.responses.first?.partitionResponses.first).errorCode
        if code == .none { sequences["\(topic)-\(partition)"] = sequence + Int32(values.count) }
        return code
    }

    func end(commit: Bool, version: Int16 = 3) async throws -> ErrorCode {
        var request = EndTxnRequest()
        request.transactionalID = id
        request.producerID = producerID
        request.producerEpoch = epoch
        request.committed = commit
        return try await connection.send(request, version: version).errorCode
    }

    /// The end of a transaction of version 2, after which the producer has another epoch. A retry leaves it as it is.
    mutating func raise(commit: Bool, isRetry: Bool = false) async throws -> EndTxnResponse {
        var request = EndTxnRequest()
        request.transactionalID = id
        request.producerID = producerID
        request.producerEpoch = epoch
        request.committed = commit
        let response = try await connection.send(request, version: 5)
        if response.errorCode == .none, !isRetry {
            (producerID, epoch) = (response.producerID, response.producerEpoch)
            sequences = [:]
        }
        return response
    }

    /// A transaction with one batch, up to its decision.
    mutating func begin(_ values: [String], in topic: String, _ partition: Int32 = 0) async throws {
        #expect(try await add(topic, [partition]) == [.none])
        #expect(try await produce(values, to: topic, partition) == .none)
    }

    func addOffsets(of group: String) async throws -> ErrorCode {
        var request = AddOffsetsToTxnRequest()
        request.transactionalID = id
        request.producerID = producerID
        request.producerEpoch = epoch
        request.groupID = group
        return try await connection.send(request, version: 3).errorCode
    }

    func commitOffset(
        _ offset: Int64, of group: String, topic: String, memberID: String = "", generation: Int32 = -1,
        version: Int16 = 3
    ) async throws -> ErrorCode {
        var partition = TxnOffsetCommitRequest.TxnOffsetCommitRequestPartition()
        partition.committedOffset = offset
        var entry = TxnOffsetCommitRequest.TxnOffsetCommitRequestTopic()
        entry.name = topic
        entry.partitions = [partition]
        var request = TxnOffsetCommitRequest()
        request.transactionalID = id
        request.groupID = group
        request.producerID = producerID
        request.producerEpoch = epoch
        request.memberID = memberID
        request.generationID = generation
        request.topics = [entry]
        let response = try await connection.send(request, version: version)
        return try #require(response.topics.first?.partitions.first).errorCode
    }
}

extension RawConnection {
    /// What a reader of committed records sees: values outside of aborted transactions, and where it stops.
    func committed(_ topic: String, _ partition: Int32 = 0) async throws -> (values: [String], stable: Int64) {
        let data = try await fetch(topic, partition: partition) { $0.isolationLevel = 1 }
        #expect(data.errorCode == .none)
        var aborted = data.abortedTransactions ?? []
        var open: Set<Int64> = []
        var values: [String] = []
        var entries = LogEntryReader(data.records?.contiguous ?? ByteBuffer())
        while case .batch(let batch) = try entries.next() {
            for transaction in aborted where transaction.firstOffset <= batch.header.lastOffset {
                open.insert(transaction.producerID)
            }
            aborted.removeAll { $0.firstOffset <= batch.header.lastOffset }
            var reader = try batch.records()
            let records = try reader.readAll()
            if batch.header.isControl {
                if try ControlRecord(records[0]).kind == .abort { open.remove(batch.header.producerID) }
            } else if !(batch.header.isTransactional && open.contains(batch.header.producerID)) {
                values += records.map { String(buffer: $0.value ?? ByteBuffer()) }
            }
        }
        return (values, data.lastStableOffset)
    }

    func committedOffset(of group: String, topic: String, isStable: Bool = false) async throws -> (Int64, ErrorCode) {
        var wanted = OffsetFetchRequest.OffsetFetchRequestTopics()
        wanted.name = topic
        wanted.partitionIndexes = [0]
        var entry = OffsetFetchRequest.OffsetFetchRequestGroup()
        entry.groupID = group
        entry.topics = [wanted]
        var request = OffsetFetchRequest()
        request.requireStable = isStable
        request.groups = [entry]
        let found = try #require(try await send(request, version: 8).groups.first?.topics.first?.partitions.first)
        return (found.committedOffset, found.errorCode)
    }

    func findGroup(_ group: String) async throws {
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = [group]
        #expect(try await send(find, version: 4).coordinators.first?.errorCode == ErrorCode.none)
    }

    func transaction(_ id: String) async throws -> DescribeTransactionsResponse.TransactionState {
        var request = DescribeTransactionsRequest()
        request.transactionalIDs = [id]
        return try #require(try await send(request).transactionStates.first)
    }
}
