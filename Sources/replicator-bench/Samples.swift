import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication

/// Inputs of the benchmarks, of the shapes that production sends.
enum Samples {
    static func batch(records: Int, valueBytes: Int, codec: CompressionCodec) throws -> RecordBatch {
        var builder = RecordBatchBuilder()
        for number in 0..<records {
            var value = ByteBuffer()
            // Compresses about as well as JSON does.
            for position in 0..<valueBytes { value.writeInteger(UInt8((number &* 31 &+ position &* 7) % 64 + 32)) }
            builder.append(timestamp: Int64(number), key: ByteBuffer(string: "key \(number)"), value: value)
        }
        return try builder.batch(codec: codec)
    }

    static func batch(records: Int, valueBytes: Int) -> RecordBatch {
        guard let batch = try? batch(records: records, valueBytes: valueBytes, codec: .none) else {
            preconditionFailure("a batch that is not compressed can always be built")
        }
        return batch
    }

    static func fetchResponse(partitions: Int32, batch: RecordBatch) -> FetchResponse {
        var topic = FetchResponse.FetchableTopicResponse()
        topic.topic = "orders"
        topic.partitions = (0..<partitions).map { number in
            var partition = FetchResponse.PartitionData()
            partition.partitionIndex = number
            partition.records = RecordBytes(batch.bytes)
            return partition
        }
        var response = FetchResponse()
        response.responses = [topic]
        return response
    }

    static func metadataResponse(topics: Int, partitions: Int32) -> MetadataResponse {
        var response = MetadataResponse()
        response.topics = (0..<topics).map { number in
            var topic = MetadataResponse.MetadataResponseTopic()
            topic.name = "topic-\(number)"
            topic.partitions = (0..<partitions).map { index in
                var partition = MetadataResponse.MetadataResponsePartition()
                partition.partitionIndex = index
                partition.replicaNodes = [1, 2, 3]
                partition.isrNodes = [1, 2, 3]
                return partition
            }
            return topic
        }
        return response
    }

    static func produceRequest(partitions: Int32, batch: RecordBatch) -> ProduceRequest {
        var topic = ProduceRequest.TopicProduceData()
        topic.name = "orders"
        topic.partitionData = (0..<partitions).map { index in
            var partition = ProduceRequest.PartitionProduceData()
            partition.index = index
            partition.records = RecordBytes(batch.bytes)
            return partition
        }
        var request = ProduceRequest()
        request.topicData = [topic]
        return request
    }

    /// Instances that share partitions of uneven traffic.
    static func instances(
        _ count: Int, partitions: Int
    ) -> (parts: Set<FlowPart>, members: [AssignmentPlanner.Member]) {
        var members = (0..<count).map { AssignmentPlanner.Member(id: "instance-\($0)", generation: 1) }
        var parts: Set<FlowPart> = []
        for number in 0..<partitions {
            let part = FlowPart.partition(TopicPartition("orders.region-\(number / 10)", Int32(number % 10)))
            parts.insert(part)
            members[number % count].owned[part] = Double(1_000 + number &* 7_919 % 100_000)
        }
        return (parts, members)
    }
}
