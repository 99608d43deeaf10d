import KafkaWire

extension ClusterClient {
    /// The bytes that partitions take on the disks of their leaders (DescribeLogDirs), as they lie there.
    ///
    /// It needs permission to DESCRIBE the cluster; without it every outcome is a failure.
    public func logSizes(of partitions: [TopicPartition]) async -> Outcomes<TopicPartition, Int64> {
        await askLeaders(partitions, during: .describeLogDirs) { client, leader, partitions throws(KafkaError) in
            var request = DescribeLogDirsRequest()
            request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                var topic = DescribeLogDirsRequest.DescribableLogDirTopic()
                topic.topic = name
                topic.partitions = partitions.map(\.partition)
                return topic
            }
            let response = try await client.send(request, to: leader)
            // Before version 3 an empty answer says the same.
            let refusal = response.results.isEmpty ? ErrorCode.clusterAuthorizationFailed : response.errorCode
            guard refusal == .none else {
                throw client.error(.broker(refusal, message: nil), during: .request(.describeLogDirs))
            }
            var outcomes: Outcomes<TopicPartition, Int64> = [:]
            for directory in response.results where directory.errorCode == .none {
                for topic in directory.topics {
                    for replica in topic.partitions where !replica.isFutureKey {
                        outcomes[TopicPartition(topic.name, replica.partitionIndex)] = .success(
                            max(0, replica.partitionSize))
                    }
                }
            }
            return outcomes
        }
    }
}
