import KafkaWire

extension ClusterClient {
    /// Shuts older epochs of producers out of partitions at once, before the first batch of the new epoch: an abort
    /// marker for a producer without an open transaction takes one offset, is seen by no consumer, and sets the epoch
    /// (`ProducerAppendInfo.appendEndTxnMarker`). Needs ALTER on the cluster.
    ///
    /// - Parameter producers: with the new epoch, for each partition.
    /// - Returns: for each partition the producers, once all of their markers are on all in-sync replicas.
    public func fence(
        _ producers: [TopicPartition: [ProducerIdentity]]
    ) async -> Outcomes<TopicPartition, [ProducerIdentity]> {
        await askLeaders(producers.keys, during: .writeTxnMarkers) {
            client, leader, partitions throws(KafkaError) in
            var byProducer: [ProducerIdentity: [TopicPartition]] = [:]
            for partition in partitions {
                for producer in producers[partition] ?? [] { byProducer[producer, default: []].append(partition) }
            }
            var request = WriteTxnMarkersRequest()
            request.markers = byProducer.map { producer, partitions in
                var marker = WriteTxnMarkersRequest.WritableTxnMarker()
                marker.producerID = producer.id
                marker.producerEpoch = producer.epoch
                marker.topics = Dictionary(grouping: partitions, by: \.topic).map { name, partitions in
                    var topic = WriteTxnMarkersRequest.WritableTxnMarkerTopic()
                    topic.name = name
                    topic.partitionIndexes = partitions.map(\.partition)
                    return topic
                }
                return marker
            }
            let response = try await client.send(request, to: leader, timeout: client.answerTimeout)
            var outcomes: Outcomes<TopicPartition, [ProducerIdentity]> = [:]
            for marker in response.markers {
                for topic in marker.topics {
                    for answer in topic.partitions {
                        let partition = TopicPartition(topic.name, answer.partitionIndex)
                        if case .failure = outcomes[partition] { continue }
                        outcomes[partition] = answer.errorCode.outcome(producers[partition] ?? []) {
                            client.error($0, during: .request(.writeTxnMarkers))
                                .about(topic: partition.topic, partition: partition.partition)
                        }
                    }
                }
            }
            return outcomes
        }
    }
}
