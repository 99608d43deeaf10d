import KafkaWire

extension ClusterClient {
    /// Asks a broker, once, where the logs of partitions end that it is thought to lead: the high watermarks.
    ///
    /// Nothing is tried again, and leaders are not looked up: for those who ask every few seconds anyway, and want to
    /// know what went wrong.
    public func ends(
        of partitions: [TopicPartition], at broker: Int32, timeout: Duration
    ) async -> Outcomes<TopicPartition, Int64> {
        var request = ListOffsetsRequest()
        request.replicaID = -1
        request.timeoutMs = timeout.wireMilliseconds
        request.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
            var topic = ListOffsetsRequest.ListOffsetsTopic()
            topic.name = name
            topic.partitions = partitions.map { partition in
                var entry = ListOffsetsRequest.ListOffsetsPartition()
                entry.partitionIndex = partition.partition
                entry.timestamp = -1
                return entry
            }
            return topic
        }
        let outcomes: Outcomes<TopicPartition, Int64>
        do throws(KafkaError) {
            outcomes = ends(in: try await send(request, to: .broker(broker), timeout: timeout))
        } catch {
            outcomes = Dictionary(
                partitions.map { ($0, .failure(error.about(topic: $0.topic, partition: $0.partition))) }
            ) { first, _ in first }
        }
        return outcomes
    }

    private func ends(in response: ListOffsetsResponse) -> Outcomes<TopicPartition, Int64> {
        var outcomes: Outcomes<TopicPartition, Int64> = [:]
        for topic in response.topics {
            for partition in topic.partitions {
                let place = TopicPartition(topic.name, partition.partitionIndex)
                func failure(_ reason: KafkaError.Reason) -> KafkaError {
                    error(reason, during: .request(.listOffsets)).about(topic: place.topic, partition: place.partition)
                }
                // Before version 1 a list of offsets is answered.
                let end = partition.offset >= 0 ? partition.offset : partition.oldStyleOffsets.first ?? -1
                outcomes[place] =
                    if partition.errorCode != .none {
                        .failure(failure(.broker(partition.errorCode, message: nil)))
                    } else if end < 0 {
                        .failure(failure(.unexpectedAnswer("the log ends at offset \(end)")))
                    } else {
                        .success(end)
                    }
            }
        }
        return outcomes
    }
}
