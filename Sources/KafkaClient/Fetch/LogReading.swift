import KafkaWire

// Single reads of logs, without a fetch session.
extension ClusterClient {
    /// Reads several logs once: leaders that have moved are found again. Brokers may leave partitions empty
    /// that did not fit into the answer any more; ask again for those.
    ///
    /// - Parameter isolation: with `readCommitted` the answers list the aborted transactions.
    public func read(
        _ positions: [FetchPosition], isolation: IsolationLevel, maxBytes: Int32 = 16 << 20,
        maxWait: Duration = .milliseconds(100), purpose: ConnectionPurpose = .admin
    ) async -> Outcomes<TopicPartition, FetchedPartition> {
        let byPartition = Dictionary(positions.map { ($0.topicPartition, $0) }) { first, _ in first }
        return await askLeaders(byPartition.keys, during: .fetch) {
            client, leader, partitions throws(KafkaError) in
            try await client.readOnce(
                partitions.compactMap { byPartition[$0] }, from: leader, isolation: isolation, maxBytes: maxBytes,
                maxWait: maxWait, purpose: purpose)
        }
    }

    /// The same for one log.
    ///
    /// - Throws: also for an offset that is not in the log (`OFFSET_OUT_OF_RANGE`).
    public func read(
        _ position: FetchPosition, isolation: IsolationLevel = .readCommitted,
        maxWait: Duration = .milliseconds(500), purpose: ConnectionPurpose = .admin
    ) async throws(KafkaError) -> FetchedPartition {
        let outcomes = await read(
            [position], isolation: isolation, maxBytes: position.maxBytes, maxWait: maxWait, purpose: purpose)
        guard let outcome = outcomes[position.topicPartition] else {
            throw error(.cancelled, during: .request(.fetch))
        }
        return try outcome.get()
    }

    /// A single request to a broker, without trying again.
    ///
    /// - Returns: what it says of each partition; those that it leaves out are not there.
    public func readOnce(
        _ positions: [FetchPosition], from leader: BrokerTarget, isolation: IsolationLevel, maxBytes: Int32,
        maxWait: Duration = .milliseconds(100), purpose: ConnectionPurpose = .admin
    ) async throws(KafkaError) -> Outcomes<TopicPartition, FetchedPartition> {
        var request = FetchRequest()
        request.maxWaitMs = maxWait.wireMilliseconds
        request.minBytes = 1
        request.maxBytes = maxBytes
        request.isolationLevel = isolation.rawValue
        request.topics = Dictionary(grouping: positions, by: \.topic).map { name, positions in
            var topic = FetchRequest.FetchTopic()
            topic.topic = name
            topic.partitions = positions.map { position in
                var data = FetchRequest.FetchPartition()
                data.partition = position.partition
                data.fetchOffset = position.fetchOffset
                data.partitionMaxBytes = position.maxBytes
                data.currentLeaderEpoch = position.currentLeaderEpoch
                return data
            }
            return topic
        }
        // From version 13 on topics go by id.
        let response = try await send(request, to: leader, purpose: purpose, versions: 4...12)
        let byPartition = Dictionary(positions.map { ($0.topicPartition, $0) }) { first, _ in first }
        func about(_ reason: KafkaError.Reason, _ partition: TopicPartition) -> KafkaError {
            error(reason, during: .request(.fetch)).about(topic: partition.topic, partition: partition.partition)
        }
        learnLeaders(response)
        var outcomes: Outcomes<TopicPartition, FetchedPartition> = [:]
        if response.errorCode != .none {
            for partition in byPartition.keys {
                outcomes[partition] = .failure(about(.broker(response.errorCode, message: nil), partition))
            }
            return outcomes
        }
        for topic in response.responses {
            for data in topic.partitions {
                let partition = TopicPartition(topic.topic, data.partitionIndex)
                guard let asked = byPartition[partition] else { continue }
                outcomes[partition] = Self.outcome(FetchedPartition(data, asked: asked)) {
                    about($0, partition)
                }
            }
        }
        return outcomes
    }

    private static func outcome(
        _ fetched: FetchedPartition, _ error: (KafkaError.Reason) -> KafkaError
    ) -> Result<FetchedPartition, KafkaError> {
        fetched.errorCode.outcome(fetched, flaw: fetched.flaw, error)
    }
}
