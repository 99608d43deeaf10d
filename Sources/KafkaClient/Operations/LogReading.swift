import KafkaWire

extension ClusterClient {
    /// One look at several logs at once, where one is needed and not a lasting session: leaders that have moved are
    /// found again. Brokers may leave partitions empty that did not fit into the answer any more; ask again for those.
    ///
    /// - Parameter isolation: with `readCommitted` the answers list the aborted transactions.
    public func read(
        _ positions: [FetchPosition], isolation: IsolationLevel, maxBytes: Int32 = 16 << 20
    ) async -> Outcomes<TopicPartition, FetchedPartition> {
        let byPartition = Dictionary(positions.map { ($0.topicPartition, $0) }) { first, _ in first }
        return await settleAtLeaders(byPartition.keys, during: .fetch) {
            client, leader, partitions throws(KafkaError) in
            var request = FetchRequest()
            request.maxWaitMs = 100
            request.minBytes = 1
            request.maxBytes = maxBytes
            request.isolationLevel = isolation.rawValue
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = FetchRequest.FetchTopic()
                topic.topic = name
                topic.partitions = partitions.map { partition in
                    var data = FetchRequest.FetchPartition()
                    data.partition = partition.partition
                    data.fetchOffset = byPartition[partition]?.fetchOffset ?? 0
                    data.partitionMaxBytes = byPartition[partition]?.maxBytes ?? 1 << 20
                    return data
                }
                return topic
            }
            // From version 13 on topics go by id.
            let response = try await client.send(request, to: leader, versions: 4...12)
            var outcomes: Outcomes<TopicPartition, FetchedPartition> = [:]
            for topic in response.responses {
                for data in topic.partitions {
                    let partition = TopicPartition(topic.topic, data.partitionIndex)
                    guard let asked = byPartition[partition] else { continue }
                    outcomes[partition] = data.errorCode.outcome(FetchedPartition(data, asked: asked)) {
                        client.error($0, during: .request(.fetch))
                            .about(topic: partition.topic, partition: partition.partition)
                    }
                }
            }
            return outcomes
        }
    }
}
