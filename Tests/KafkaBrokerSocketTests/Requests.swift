import ClusterTestSupport
import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

/// The requests that broker tests send, each in one line.
extension RawConnection {
    @discardableResult
    func createTopic(
        _ name: String, partitions: Int32 = 1, replicas: Int16 = 1, configs: [String: String] = [:]
    ) async throws -> CreateTopicsResponse.CreatableTopicResult {
        var topic = CreateTopicsRequest.CreatableTopic()
        topic.name = name
        topic.numPartitions = partitions
        topic.replicationFactor = replicas
        topic.configs = configs.map { key, value in
            var config = CreateTopicsRequest.CreatableTopicConfig()
            config.name = key
            config.value = value
            return config
        }
        var request = CreateTopicsRequest()
        request.topics = [topic]
        return try #require(try await send(request).topics.first)
    }

    func produce(
        _ values: [String], to topic: String, partition: Int32 = 0, acks: Int16 = -1, version: Int16 = 12
    ) async throws -> ProduceResponse.PartitionProduceResponse {
        let request = try ProduceRequest(.batch(values), to: topic, partition, acks: acks)
        let response = try await send(request, version: version)
        return try #require(response.responses.first?.partitionResponses.first)
    }

    func fetch(
        _ topic: String, partition: Int32 = 0, from offset: Int64 = 0, version: Int16 = 12,
        _ adjust: (inout FetchRequest) -> Void = { _ in }
    ) async throws -> FetchResponse.PartitionData {
        let request = FetchRequest.plain(topic, partition, offset, adjust)
        let response = try await send(request, version: version)
        return try #require(response.responses.first?.partitions.first)
    }

    func offset(
        _ topic: String, partition: Int32 = 0, at timestamp: Int64, version: Int16? = nil
    ) async throws -> ListOffsetsResponse.ListOffsetsPartitionResponse {
        var wanted = ListOffsetsRequest.ListOffsetsPartition()
        wanted.partitionIndex = partition
        wanted.timestamp = timestamp
        var entry = ListOffsetsRequest.ListOffsetsTopic()
        entry.name = topic
        entry.partitions = [wanted]
        var request = ListOffsetsRequest()
        request.replicaID = -1
        request.topics = [entry]
        let response = try await send(request, version: version)
        return try #require(response.topics.first?.partitions.first)
    }

    func metadata(_ topics: [String]? = nil, mayCreate: Bool = false) async throws -> MetadataResponse {
        var request = MetadataRequest()
        request.allowAutoTopicCreation = mayCreate
        request.topics = topics?.map { name in
            var topic = MetadataRequest.MetadataRequestTopic()
            topic.name = name
            return topic
        }
        return try await send(request)
    }
}

extension ProduceRequest {
    init(_ records: RecordBytes, to topic: String, _ partition: Int32 = 0, acks: Int16 = -1) {
        var data = PartitionProduceData()
        data.index = partition
        data.records = records
        var entry = TopicProduceData()
        entry.name = topic
        entry.partitionData = [data]
        self.init()
        self.acks = acks
        timeoutMs = 10_000
        topicData = [entry]
    }
}

extension FetchRequest {
    /// One partition, without a session, answered at once.
    static func plain(
        _ topic: String, _ partition: Int32 = 0, _ offset: Int64 = 0,
        _ adjust: (inout FetchRequest) -> Void = { _ in }
    ) -> FetchRequest {
        var wanted = FetchPartition()
        wanted.partition = partition
        wanted.fetchOffset = offset
        wanted.partitionMaxBytes = 1 << 20
        var entry = FetchTopic()
        entry.topic = topic
        entry.partitions = [wanted]
        var request = FetchRequest()
        request.minBytes = 1
        request.topics = [entry]
        adjust(&request)
        return request
    }

    /// Changes what is wanted of the only partition.
    mutating func adjustPartition(_ adjust: (inout FetchPartition) -> Void) {
        adjust(&topics[0].partitions[0])
    }
}

extension RecordBytes {
    /// One batch with these values, timestamps 1000, 1001, …
    static func batch(
        _ values: [String], producerID: Int64 = -1, epoch: Int16 = -1, sequence: Int32 = -1,
        codec: CompressionCodec = .none
    ) throws -> RecordBytes {
        var builder = RecordBatchBuilder(producerID: producerID, producerEpoch: epoch, baseSequence: sequence)
        for (index, value) in values.enumerated() {
            builder.append(timestamp: 1000 + Int64(index), key: nil, value: ByteBuffer(string: value))
        }
        return RecordBytes(try builder.batch(codec: codec).bytes)
    }
}

extension FetchResponse.PartitionData {
    /// The values in the answer, whichever format it is in.
    func values() throws -> [String] {
        var values: [String] = []
        var entries = LogEntryReader(records?.contiguous ?? ByteBuffer())
        while let entry = try entries.next() {
            switch entry {
            case .batch(let batch):
                var reader = try batch.records()
                values += try reader.readAll().map { String(buffer: $0.value ?? ByteBuffer()) }
            case .legacy(let message): values += try message.records().map { String(buffer: $0.value ?? ByteBuffer()) }
            }
        }
        return values
    }
}
