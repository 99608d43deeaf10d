import KafkaWire

// DescribeTopicPartitions: 0 (KIP-966).
//
// - Topics in order of name; no topics means all. At most `responsePartitionLimit` partitions (2,000), then a cursor.
// - A cursor whose topic is not among those asked for, or whose partition is negative: INVALID_REQUEST for each topic.
// - Eligible leader replicas are the empty lists: without unclean elections and lagging followers there are none.

extension DescribeTopicPartitionsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeTopicPartitionsResponse {
        var response = DescribeTopicPartitionsResponse()
        response.topics = topics.map { topic in
            var entry = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic()
            entry.name = topic.name
            entry.errorCode = error
            return entry
        }
        return response
    }
}

extension DescribeTopicPartitionsRequest {
    fileprivate var hasValidCursor: Bool {
        guard let cursor else { return true }
        return cursor.partitionIndex >= 0
            && (topics.isEmpty || topics.contains { ExactName($0.name) == ExactName(cursor.topicName) })
    }
}

extension Cluster {
    private static let partitionLimit = 2000

    func describeTopicPartitions(
        _ request: DescribeTopicPartitionsRequest, _ context: RequestContext
    ) -> DescribeTopicPartitionsResponse {
        guard request.hasValidCursor else { return request.refused(.invalidRequest) }
        var response = DescribeTopicPartitionsResponse()
        let named = request.topics.isEmpty ? Array(topics.keys) : Array(Set(request.topics.map(\.name)))
        var room = min(max(Int(request.responsePartitionLimit), 1), Self.partitionLimit)
        for name in named.sorted() where name >= request.cursor?.topicName ?? "" {
            var entry = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponseTopic()
            entry.name = name
            guard let topic = topics.exactly(name) else {
                entry.errorCode =
                    TopicName.problem(with: name) == nil ? .unknownTopicOrPartition : .invalidTopicException
                response.topics.append(entry)
                continue
            }
            entry.topicID = topic.id
            entry.isInternal = topic.isInternal
            let first = name == request.cursor?.topicName ? Int(request.cursor?.partitionIndex ?? 0) : 0
            let shown = topic.partitions.dropFirst(first).prefix(room)
            entry.partitions = shown.map(describe)
            response.topics.append(entry)
            room -= shown.count
            if first + shown.count < topic.partitions.count {
                var cursor = DescribeTopicPartitionsResponse.Cursor()
                cursor.topicName = name
                cursor.partitionIndex = Int32(first + shown.count)
                response.nextCursor = cursor
                break
            }
        }
        return response
    }

    private func describe(
        _ partition: Partition
    ) -> DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition {
        var entry = DescribeTopicPartitionsResponse.DescribeTopicPartitionsResponsePartition()
        entry.errorCode = partition.leader < 0 ? .leaderNotAvailable : .none
        entry.partitionIndex = partition.index
        entry.leaderID = partition.leader
        entry.leaderEpoch = partition.leaderEpoch
        entry.replicaNodes = partition.replicas
        entry.isrNodes = partition.isr
        entry.eligibleLeaderReplicas = []
        entry.lastKnownElr = []
        entry.offlineReplicas = offlineReplicas(of: partition)
        return entry
    }
}
