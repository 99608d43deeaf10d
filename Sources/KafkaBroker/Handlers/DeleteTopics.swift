import KafkaWire

// DeleteTopics: 0-6.
//
// - By name, from version 6 also by id. Records and committed offsets go with the topic.
// - `delete.topic.enable=false`: TOPIC_DELETION_DISABLED, before version 3 INVALID_REQUEST.

extension DeleteTopicsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DeleteTopicsResponse {
        var response = DeleteTopicsResponse()
        response.responses = wanted.map { Self.result($0, error) }
        return response
    }

    /// The topics under the form of the newest version, whichever the request came in.
    fileprivate var wanted: [DeleteTopicState] {
        topics
            + topicNames.map { name in
                var state = DeleteTopicState()
                state.name = name
                return state
            }
    }

    fileprivate static func result(
        _ topic: DeleteTopicState, _ error: ErrorCode, _ message: String? = nil
    ) -> DeleteTopicsResponse.DeletableTopicResult {
        var result = DeleteTopicsResponse.DeletableTopicResult()
        result.name = topic.name
        result.topicID = topic.topicID
        result.errorCode = error
        result.errorMessage = message
        return result
    }
}

extension Cluster {
    func deleteTopics(_ request: DeleteTopicsRequest, _ context: RequestContext) -> DeleteTopicsResponse {
        var response = DeleteTopicsResponse()
        guard configs.flag("delete.topic.enable") else {
            return request.refused(context.version < 3 ? .invalidRequest : .topicDeletionDisabled)
        }
        var quota = MutationQuota(context, isStrict: context.version >= 5)
        response.responses = request.wanted.map { wanted in
            if wanted.name != nil, wanted.topicID != .zero {
                return DeleteTopicsRequest.result(
                    wanted, .invalidRequest, "You may not specify both topic name and topic id.")
            }
            guard let topic = topic(named: wanted.name ?? "", orID: wanted.topicID) else {
                return DeleteTopicsRequest.result(
                    wanted, wanted.name == nil ? .unknownTopicID : .unknownTopicOrPartition)
            }
            var result = DeleteTopicsRequest.result(wanted, .none)
            result.name = topic.name
            result.topicID = topic.id
            do throws(AdminRefusal) {
                try quota.record(topic.partitions.count)
                try deleteTopic(topic)
            } catch {
                result.errorCode = error.code
                result.errorMessage = error.message
            }
            return result
        }
        return quota.applied(to: response)
    }
}
