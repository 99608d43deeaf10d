import KafkaWire

/// Leaders that brokers name along with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH (KIP-951). Taken in they save a
/// question for metadata: the next attempt goes to the new leader at once.
extension ClusterClient {
    /// Takes in a leader that an answer has named.
    ///
    /// - Parameter endpoint: where that leader listens, if the answer told.
    /// - Returns: whether that was news; if not, the metadata needs to be asked for.
    @discardableResult
    public func learnLeader(
        _ leader: Int32, epoch: Int32, of partition: TopicPartition, endpoint: BrokerEndpoint? = nil
    ) -> Bool {
        guard leader >= 0 else { return false }
        return cache.learn(leader: leader, epoch: epoch, of: partition, endpoint: endpoint)
    }

    /// Takes in the leaders that an answer by topic names has named.
    func learnLeaders(_ response: FetchResponse) {
        let endpoints = response.nodeEndpoints.map {
            BrokerEndpoint(id: $0.nodeID, address: HostAndPort(host: $0.host, port: Int($0.port)), rack: $0.rack)
        }
        for topic in response.responses {
            for data in topic.partitions where data.errorCode != .none {
                let hint = data.currentLeader
                learnLeader(
                    hint.leaderID, epoch: hint.leaderEpoch, of: TopicPartition(topic.topic, data.partitionIndex),
                    endpoint: endpoints.first { $0.id == hint.leaderID })
            }
        }
    }

    func learnLeaders(_ response: ProduceResponse) {
        let endpoints = response.nodeEndpoints.map {
            BrokerEndpoint(id: $0.nodeID, address: HostAndPort(host: $0.host, port: Int($0.port)), rack: $0.rack)
        }
        for topic in response.responses {
            for data in topic.partitionResponses where data.errorCode != .none {
                let hint = data.currentLeader
                learnLeader(
                    hint.leaderID, epoch: hint.leaderEpoch, of: TopicPartition(topic.name, data.index),
                    endpoint: endpoints.first { $0.id == hint.leaderID })
            }
        }
    }
}
