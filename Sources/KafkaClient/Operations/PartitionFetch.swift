import KafkaWire

extension ClusterClient {
    /// Reads once from a partition's leader, without a session; a leader that has moved is found again, and what time
    /// heals is tried again.
    ///
    /// - Parameters:
    ///   - lane: tells parties apart that read at the same time: each has a connection per broker of its own.
    ///   - maxWait: how long the broker may wait for a first byte.
    /// - Throws: also for an offset that is not in the log (`OFFSET_OUT_OF_RANGE`).
    public func fetch(
        _ position: FetchPosition, isolation: IsolationLevel = .readCommitted, lane: Int = 0,
        maxWait: Duration = .milliseconds(500)
    ) async throws(KafkaError) -> FetchedPartition {
        let partition = position.topicPartition
        let outcomes = await settleAtLeaders([partition], during: .fetch) { client, leader, _ throws(KafkaError) in
            [partition: try await client.fetchOnce(position, isolation, lane, maxWait, leader)]
        }
        guard let outcome = outcomes[partition] else { throw error(.cancelled, during: .request(.fetch)) }
        return try outcome.get()
    }

    private func fetchOnce(
        _ position: FetchPosition, _ isolation: IsolationLevel, _ lane: Int, _ maxWait: Duration,
        _ leader: BrokerTarget
    ) async throws(KafkaError) -> Result<FetchedPartition, KafkaError> {
        var data = FetchRequest.FetchPartition()
        data.partition = position.partition
        data.fetchOffset = position.fetchOffset
        data.partitionMaxBytes = position.maxBytes
        data.currentLeaderEpoch = position.currentLeaderEpoch
        var topic = FetchRequest.FetchTopic()
        topic.topic = position.topic
        topic.partitions = [data]
        var request = FetchRequest()
        request.maxWaitMs = maxWait.wireMilliseconds
        request.minBytes = 1
        request.maxBytes = position.maxBytes
        request.isolationLevel = isolation.rawValue
        request.topics = [topic]
        // From version 13 on topics go by id.
        let response = try await send(request, to: leader, purpose: .fetch(lane), versions: 4...12)
        guard let answer = response.responses.first?.partitions.first else {
            let code = response.errorCode == .none ? ErrorCode.unknownServerError : response.errorCode
            return .failure(
                error(.broker(code, message: nil), during: .request(.fetch))
                    .about(topic: position.topic, partition: position.partition))
        }
        return answer.errorCode.outcome(FetchedPartition(answer, asked: position)) {
            error($0, during: .request(.fetch)).about(topic: position.topic, partition: position.partition)
        }
    }
}
