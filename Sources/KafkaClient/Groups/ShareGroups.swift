import KafkaWire

// Share groups (KIP-932): where they begin to read.
extension ClusterClient {
    /// The start offset of a share group in each partition that it has begun to read. Nothing for a group that does not
    /// exist.
    func shareStartOffsets(of group: String) async throws(KafkaError) -> Outcomes<TopicPartition, CommittedOffset> {
        try await retrying(during: .describeShareGroupOffsets, at: .group(group)) { () throws(KafkaError) in
            var wanted = DescribeShareGroupOffsetsRequest.DescribeShareGroupOffsetsRequestGroup()
            wanted.groupID = group
            wanted.topics = nil
            var request = DescribeShareGroupOffsetsRequest()
            request.groups = [wanted]
            let response = try await self.send(request, to: .coordinator(group: group))
            guard let found = response.groups.first(where: { $0.groupID == group }) else {
                throw self.error(.unexpectedAnswer("it leaves the group out"), .describeShareGroupOffsets, group)
            }
            guard found.errorCode != .groupIDNotFound else { return [:] }
            guard found.errorCode == .none else {
                throw self.error(
                    .broker(found.errorCode, message: found.errorMessage), .describeShareGroupOffsets, group)
            }
            var outcomes: Outcomes<TopicPartition, CommittedOffset> = [:]
            for topic in found.topics {
                for partition in topic.partitions {
                    let place = TopicPartition(topic.topicName, partition.partitionIndex)
                    // -1 while nothing has been read.
                    guard partition.errorCode != .none || partition.startOffset >= 0 else { continue }
                    outcomes[place] = partition.errorCode.outcome(
                        CommittedOffset(offset: partition.startOffset), message: partition.errorMessage,
                        flaw: NumberCheck.flaw(partition.startOffset, "start offset")
                    ) {
                        self.error($0, .describeShareGroupOffsets, group)
                            .about(topic: place.topic, partition: place.partition)
                    }
                }
            }
            return outcomes
        }
    }

    /// Has a share group without members begin at these offsets. A group that does not exist is created.
    func alterShareStartOffsets(
        of group: String, _ offsets: [TopicPartition: Int64], _ mayStill: @Sendable () -> Bool
    ) async -> Outcomes<TopicPartition, Void> {
        await retrying(offsets.keys, during: .alterShareGroupOffsets, at: .group(group)) { pending, _ in
            do throws(KafkaError) {
                guard mayStill() else { throw error(.cancelled, .alterShareGroupOffsets, group) }
                return try await alterOnce(group, pending, offsets)
            } catch {
                return Dictionary(
                    uniqueKeysWithValues: pending.map {
                        ($0, .failure(error.about(topic: $0.topic, partition: $0.partition)))
                    })
            }
        }
    }

    private func alterOnce(
        _ group: String, _ pending: [TopicPartition], _ offsets: [TopicPartition: Int64]
    ) async throws(KafkaError) -> Outcomes<TopicPartition, Void> {
        var request = AlterShareGroupOffsetsRequest()
        request.groupID = group
        request.topics = Dictionary(grouping: pending, by: \.topic).sorted { $0.key < $1.key }.map { name, partitions in
            var topic = AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestTopic()
            topic.topicName = name
            topic.partitions = partitions.compactMap { partition in
                offsets[partition].map { offset in
                    var entry = AlterShareGroupOffsetsRequest.AlterShareGroupOffsetsRequestPartition()
                    entry.partitionIndex = partition.partition
                    entry.startOffset = offset
                    return entry
                }
            }
            return topic
        }
        let response = try await send(request, to: .coordinator(group: group))
        guard response.errorCode == .none else {
            throw error(.broker(response.errorCode, message: response.errorMessage), .alterShareGroupOffsets, group)
        }
        var outcomes: Outcomes<TopicPartition, Void> = [:]
        for topic in response.responses {
            for partition in topic.partitions {
                let place = TopicPartition(topic.topicName, partition.partitionIndex)
                outcomes[place] = partition.errorCode.outcome((), message: partition.errorMessage) {
                    error($0, .alterShareGroupOffsets, group).about(topic: place.topic, partition: place.partition)
                }
            }
        }
        return outcomes
    }
}
