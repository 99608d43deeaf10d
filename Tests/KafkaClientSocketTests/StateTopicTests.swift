import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// A state topic against a broker that keeps one partition, checks sequences, and can lose answers.
@Suite struct StateTopicTests {
    final class Log: Sendable {
        struct State {
            var batches: [RecordBatch] = []
            var end: Int64 = 0
            var sequences: [Int64: (next: Int32, offset: Int64, first: Int32)] = [:]
            var producers: Int64 = 100
            /// What to do about the produce requests to come, before the usual.
            var mishaps: [Mishap] = []
        }
        enum Mishap {
            case refuse(ErrorCode)
            /// Append and hang up.
            case loseAnswer
        }
        let state = Mutex(State())

        func append(_ records: RecordBytes) throws -> (ErrorCode, Int64) {
            try state.withLock { state in
                let batch = try RecordBatch(records.contiguous)
                guard batch.isChecksumValid else { return (.corruptMessage, -1) }
                let header = batch.header
                if let known = state.sequences[header.producerID] {
                    if known.first == header.baseSequence { return (.none, known.offset) }
                    guard known.next == header.baseSequence else { return (.outOfOrderSequenceNumber, -1) }
                } else if header.baseSequence != 0 {
                    return (.unknownProducerID, -1)
                }
                let offset = state.end
                let stored = batch.assigningOffsets(baseOffset: offset, leaderEpoch: 0).contiguous
                state.batches.append(try RecordBatch(stored))
                state.end += Int64(header.recordCount)
                state.sequences[header.producerID] = (
                    header.baseSequence + header.recordCount, offset, header.baseSequence
                )
                return (.none, offset)
            }
        }
    }

    static func broker(_ log: Log) async throws -> FakeBroker {
        try await FakeBroker.ordinary(topics: ["state": [1]]) { request in
            switch request.header.apiKey {
            case .initProducerId:
                var response = InitProducerIdResponse()
                response.producerID = log.state.withLock { state in
                    state.producers += 1
                    return state.producers
                }
                return [try request.reply(response)]
            case .produce:
                let asked = try request.decode(ProduceRequest.self)
                #expect(asked.acks == -1)
                let records = try #require(asked.topicData.first?.partitionData.first?.records)
                let mishap = log.state.withLock { $0.mishaps.isEmpty ? nil : $0.mishaps.removeFirst() }
                var partition = ProduceResponse.PartitionProduceResponse()
                if case .refuse(let code) = mishap {
                    partition.errorCode = code
                } else {
                    (partition.errorCode, partition.baseOffset) = try log.append(records)
                }
                if case .loseAnswer = mishap { return [.close] }
                var topic = ProduceResponse.TopicProduceResponse()
                topic.name = "state"
                topic.partitionResponses = [partition]
                var response = ProduceResponse()
                response.responses = [topic]
                return [try request.reply(response)]
            case .listOffsets:
                let asked = try request.decode(ListOffsetsRequest.self).topics[0].partitions[0]
                var partition = ListOffsetsResponse.ListOffsetsPartitionResponse()
                partition.offset = asked.timestamp == -2 ? 0 : log.state.withLock { $0.end }
                var topic = ListOffsetsResponse.ListOffsetsTopicResponse()
                topic.name = "state"
                topic.partitions = [partition]
                var response = ListOffsetsResponse()
                response.topics = [topic]
                return [try request.reply(response)]
            case .fetch:
                let asked = try request.decode(FetchRequest.self).topics[0].partitions[0]
                // Two batches at a time, from the one that holds the offset.
                let batches = log.state.withLock {
                    $0.batches.filter { $0.header.lastOffset >= asked.fetchOffset }.prefix(2)
                }
                var partition = FetchResponse.PartitionData()
                partition.records = RecordBytes(slices: batches.map(\.bytes))
                var topic = FetchResponse.FetchableTopicResponse()
                topic.topic = "state"
                topic.partitions = [partition]
                var response = FetchResponse()
                response.responses = [topic]
                return [try request.reply(response)]
            default:
                return nil
            }
        }
    }

    static func record(_ key: String, _ value: String?) -> Record {
        Record(
            offset: 0, timestamp: 5, key: ByteBuffer(string: key), value: value.map { ByteBuffer(string: $0) })
    }

    @Test func `what was appended is read back in order`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        try await withClient(of: [broker.address]) { client in
            let topic = StateTopic("state", client: client)
            #expect(try await topic.readAll().isEmpty)
            #expect(try await topic.append([Self.record("a", "1"), Self.record("b", nil)]) == 0)
            #expect(try await topic.append([]) == nil)
            #expect(try await topic.append([Self.record("c", "3")]) == 2)
            for index in 0..<5 { try await topic.append([Self.record("d\(index)", "x")]) }

            let records = try await topic.readAll()

            #expect(records.map(\.offset) == Array(0..<8))
            #expect(records.prefix(3).map { $0.key.map { String(buffer: $0) } } == ["a", "b", "c"])
            #expect(records[1].value == nil)
            #expect(records.allSatisfy { $0.timestamp == 5 })
        }
        // One producer, whose sequences go on.
        #expect(log.state.withLock { $0.batches.map(\.header.baseSequence) } == [0, 2, 3, 4, 5, 6, 7])
        #expect(Set(log.state.withLock { $0.batches.map(\.header.producerID) }) == [101])
        try await broker.stop()
    }

    @Test func `an answer that is lost does not double the records`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        log.state.withLock { $0.mishaps = [.loseAnswer] }
        try await withClient(of: [broker.address]) { client in
            let topic = StateTopic("state", client: client)
            let offsets = [
                try await topic.append([Self.record("a", "1")]), try await topic.append([Self.record("b", "2")]),
            ]
            let records = try await topic.readAll()
            #expect(offsets == [0, 1])
            #expect(records.count == 2)
        }
        try await broker.stop()
    }

    @Test func `a producer that the broker has forgotten is renewed`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        log.state.withLock { $0.mishaps = [.refuse(.notEnoughReplicas), .refuse(.unknownProducerID)] }
        try await withClient(of: [broker.address]) { client in
            let topic = StateTopic("state", client: client)
            let offset = try await topic.append([Self.record("a", "1")])
            #expect(offset == 0)
        }
        #expect(log.state.withLock { $0.batches.map(\.header.producerID) } == [102])
        try await broker.stop()
    }

    @Test func `what the broker refuses for good is an error, and the next append starts anew`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        log.state.withLock { $0.mishaps = [.refuse(.topicAuthorizationFailed)] }
        try await withClient(of: [broker.address]) { client in
            let topic = StateTopic("state", client: client)
            let error = try await kafkaError { try await topic.append([Self.record("a", "1")]) }
            #expect(error.code == .topicAuthorizationFailed)
            #expect(error.topic == "state")
            #expect(try await topic.append([Self.record("a", "1")]) == 0)
        }
        try await broker.stop()
    }

    @Test func `large appends go out in several batches, concurrent ones one after the other`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        try await withClient(of: [broker.address]) { client in
            let topic = StateTopic("state", client: client)
            let large = (0..<600).map { Self.record("\($0)", String(repeating: "x", count: 1000)) }
            try await withThrowingTaskGroup(of: Void.self) { group in
                for _ in 0..<3 { group.addTask { try await topic.append(large) } }
                try await group.waitForAll()
            }
            let keys = try await topic.readAll().compactMap { $0.key.map { String(buffer: $0) } }
            #expect(keys == (0..<3).flatMap { _ in (0..<600).map { "\($0)" } })
        }
        #expect(log.state.withLock { $0.batches.count } == 9)
        try await broker.stop()
    }

    @Test func `a damaged batch is an error`() async throws {
        let log = Log()
        let broker = try await Self.broker(log)
        try await withClient(of: [broker.address]) {
            $0.operationTimeout = .milliseconds(50)
        } _: { client in
            let topic = StateTopic("state", client: client)
            try await topic.append([Self.record("a", "1")])
            try log.state.withLock { state in
                var bytes = state.batches[0].bytes
                bytes.setInteger(UInt8(99), at: bytes.writerIndex - 2)
                state.batches[0] = try RecordBatch(bytes)
            }
            let error = try await kafkaError { _ = try await topic.readAll() }
            #expect(
                error.description
                    == "east: Fetch of state-0: the answer cannot be true: the log is damaged behind offset 0: malformed record batch: the checksum does not fit"
            )
        }
        try await broker.stop()
    }
}
