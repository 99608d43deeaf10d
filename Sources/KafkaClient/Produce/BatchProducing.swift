package import KafkaWire

extension ClusterClient {
    /// Appends one batch, again after failures that time heals. Only for idempotent batches: others would be doubled.
    ///
    /// - Returns: the offset of its first record.
    package func produce(_ batch: RecordBytes, to partition: TopicPartition) async throws(KafkaError) -> Int64 {
        let outcomes: Outcomes<TopicPartition, Int64> = await askLeaders([partition], during: .produce) {
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
            // By name: a topic of state outlives what its ids tell.
            let response = try await client.send(
                request, to: leader, versions: 3...12, timeout: client.answerTimeout)
            client.learnLeaders(response)
            guard let answer = response.responses.first?.partitionResponses.first else { return [:] }
            return [
                partition: answer.errorCode.outcome(
                    answer.baseOffset, message: answer.errorMessage,
                    flaw: NumberCheck.flaw(answer.baseOffset, "base offset")
                ) {
                    client.error($0, during: .request(.produce))
                        .about(topic: partition.topic, partition: partition.partition)
                }
            ]
        }
        guard let outcome = outcomes[partition] else { throw error(.cancelled, during: .request(.produce)) }
        return try outcome.get()
    }
}
