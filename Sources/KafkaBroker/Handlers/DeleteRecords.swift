import KafkaWire

// DeleteRecords: 0-2.
//
// - Offset -1 means everything up to the high watermark. Done at once: no follower lags.
// - A topic whose cleanup policy does not delete refuses with POLICY_VIOLATION.

extension DeleteRecordsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DeleteRecordsResponse {
        answered { _, wanted in
            var result = DeleteRecordsResponse.DeleteRecordsPartitionResult()
            result.partitionIndex = wanted.partitionIndex
            result.lowWatermark = -1
            result.errorCode = error
            return result
        }
    }

    fileprivate func answered(
        _ answer: (String, DeleteRecordsPartition) -> DeleteRecordsResponse.DeleteRecordsPartitionResult
    ) -> DeleteRecordsResponse {
        var response = DeleteRecordsResponse()
        response.topics = topics.map { topic in
            var result = DeleteRecordsResponse.DeleteRecordsTopicResult()
            result.name = topic.name
            result.partitions = topic.partitions.map { answer(topic.name, $0) }
            return result
        }
        return response
    }
}

extension Cluster {
    func deleteRecords(_ request: DeleteRecordsRequest, _ context: RequestContext) -> DeleteRecordsResponse {
        request.answered { topic, wanted in
            var result = DeleteRecordsResponse.DeleteRecordsPartitionResult()
            result.partitionIndex = wanted.partitionIndex
            result.lowWatermark = -1
            guard let partition = partition(topic, wanted.partitionIndex) else {
                result.errorCode = .unknownTopicOrPartition
                return result
            }
            if let error = partition.refusal(at: context.node, epoch: -1) {
                result.errorCode = error
                return result
            }
            guard !TopicName.isInternal(topic) else {
                result.errorCode = .invalidTopicException
                return result
            }
            do throws(LogReadError) {
                result.lowWatermark = try partition.log.deleteRecords(before: wanted.offset)
                partition.changed()
            } catch {
                result.errorCode = error.code
            }
            return result
        }
    }
}
