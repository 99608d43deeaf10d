import KafkaWire

// OffsetForLeaderEpoch: 0-4.
//
// - The largest epoch up to the asked one and where it ends; both -1 when the log does not reach back that far.
// - The current epoch is checked from version 2 on.

extension OffsetForLeaderEpochRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> OffsetForLeaderEpochResponse {
        answered { _, wanted in
            var result = OffsetForLeaderEpochResponse.EpochEndOffset()
            result.partition = wanted.partition
            result.errorCode = error
            return result
        }
    }

    fileprivate func answered(
        _ answer: (String, OffsetForLeaderPartition) -> OffsetForLeaderEpochResponse.EpochEndOffset
    ) -> OffsetForLeaderEpochResponse {
        var response = OffsetForLeaderEpochResponse()
        response.topics = topics.map { topic in
            var result = OffsetForLeaderEpochResponse.OffsetForLeaderTopicResult()
            result.topic = topic.topic
            result.partitions = topic.partitions.map { answer(topic.topic, $0) }
            return result
        }
        return response
    }
}

extension Cluster {
    func offsetForLeaderEpoch(
        _ request: OffsetForLeaderEpochRequest, _ context: RequestContext
    ) -> OffsetForLeaderEpochResponse {
        request.answered { topic, wanted in
            var result = OffsetForLeaderEpochResponse.EpochEndOffset()
            result.partition = wanted.partition
            guard let partition = partition(topic, wanted.partition) else {
                result.errorCode = .unknownTopicOrPartition
                return result
            }
            if let error = partition.refusal(at: context.node, epoch: wanted.currentLeaderEpoch) {
                result.errorCode = error
                return result
            }
            if wanted.leaderEpoch == partition.leaderEpoch {
                result.leaderEpoch = partition.leaderEpoch
                result.endOffset = partition.log.logEndOffset
            } else {
                (result.leaderEpoch, result.endOffset) = partition.log.endOffset(forLeaderEpoch: wanted.leaderEpoch)
            }
            return result
        }
    }
}
