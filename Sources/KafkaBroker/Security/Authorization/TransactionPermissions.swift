import KafkaWire

// What transactions need: WRITE on the transactional id to take part in one, DESCRIBE to look; WRITE on the topics and
// READ on the groups that go into it. A producer without one needs IDEMPOTENT_WRITE on the cluster, or WRITE on any
// topic (KIP-679).

extension InitProducerIdRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<InitProducerIdResponse> {
        let caller = context.caller
        guard let transactionalID else {
            return caller.may(.idempotentWrite) || caller.may(.write, onAny: .topic)
                ? .whole : .refused(refused(.clusterAuthorizationFailed))
        }
        return caller.may(.write, .transactionalID, transactionalID)
            ? .whole : .refused(refused(.transactionalIDAuthorizationFailed))
    }
}

extension AddPartitionsToTxnRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<AddPartitionsToTxnResponse> {
        let caller = context.caller
        guard context.version < 4 else {
            guard !caller.may(.clusterAction) else { return .whole }
            var response = AddPartitionsToTxnResponse()
            response.errorCode = .clusterAuthorizationFailed
            return .refused(response)
        }
        let mayWrite = caller.may(.write, .transactionalID, v3AndBelowTransactionalID)
        let isDenied = v3AndBelowTopics.map { !caller.may(.write, .topic, $0.name) }
        guard !mayWrite || isDenied.contains(true) else { return .whole }
        // All or nothing: what would be permitted is not attempted either.
        var response = AddPartitionsToTxnResponse()
        response.resultsByTopicV3AndBelow = zip(v3AndBelowTopics, isDenied).map { topic, isDenied in
            var result = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult()
            result.name = topic.name
            result.resultsByPartition = topic.partitions.map { index in
                var partition = AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult()
                partition.partitionIndex = index
                partition.partitionErrorCode =
                    !mayWrite
                    ? .transactionalIDAuthorizationFailed
                    : isDenied ? .topicAuthorizationFailed : .operationNotAttempted
                return partition
            }
            return result
        }
        return .refused(response)
    }
}

extension AddOffsetsToTxnRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<AddOffsetsToTxnResponse> {
        var response = AddOffsetsToTxnResponse()
        if !context.caller.may(.write, .transactionalID, transactionalID) {
            response.errorCode = .transactionalIDAuthorizationFailed
        } else if !context.caller.may(.read, .group, groupID) {
            response.errorCode = .groupAuthorizationFailed
        }
        return response.errorCode == .none ? .whole : .refused(response)
    }
}

extension EndTxnRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<EndTxnResponse> {
        guard !context.caller.may(.write, .transactionalID, transactionalID) else { return .whole }
        var response = EndTxnResponse()
        response.errorCode = .transactionalIDAuthorizationFailed
        return .refused(response)
    }
}

extension TxnOffsetCommitRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<TxnOffsetCommitResponse> {
        let caller = context.caller
        guard caller.may(.write, .transactionalID, transactionalID) else {
            return .refused(Self.answer(topics, .transactionalIDAuthorizationFailed))
        }
        guard caller.may(.read, .group, groupID) else {
            return .refused(Self.answer(topics, .groupAuthorizationFailed))
        }
        let denied = caller.extract(from: &topics, unless: .read, on: .topic, \.name)
        guard !denied.isEmpty else { return .whole }
        return .part { $0.topics += Self.answer(denied, .topicAuthorizationFailed).topics }
    }

    private static func answer(_ topics: [TxnOffsetCommitRequestTopic], _ error: ErrorCode) -> TxnOffsetCommitResponse {
        var response = TxnOffsetCommitResponse()
        response.topics = topics.map { topic in
            var entry = TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic()
            entry.name = topic.name
            entry.partitions = topic.partitions.map { wanted in
                var partition = TxnOffsetCommitResponse.TxnOffsetCommitResponsePartition()
                partition.partitionIndex = wanted.partitionIndex
                partition.errorCode = error
                return partition
            }
            return entry
        }
        return response
    }
}

extension WriteTxnMarkersRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<WriteTxnMarkersResponse> {
        context.caller.may(.alter) || context.caller.may(.clusterAction)
            ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension DescribeTransactionsRequest: AuthorizedRequest {
    mutating func admit(_ context: RequestContext) -> Admission<DescribeTransactionsResponse> {
        let caller = context.caller
        guard caller.isRestricted else { return .whole }
        let answer = caller.extract(from: &transactionalIDs, unless: .describe, on: .transactionalID) { $0 }.map { id in
            var state = DescribeTransactionsResponse.TransactionState()
            state.transactionalID = id
            state.errorCode = .transactionalIDAuthorizationFailed
            return state
        }
        return .part { response in
            for index in response.transactionStates.indices {
                response.transactionStates[index].topics.removeAll { !caller.may(.describe, .topic, $0.topic) }
            }
            response.transactionStates += answer
        }
    }
}

extension ListTransactionsRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<ListTransactionsResponse> {
        let caller = context.caller
        guard caller.isRestricted else { return .whole }
        return .part { response in
            response.transactionStates.removeAll { !caller.may(.describe, .transactionalID, $0.transactionalID) }
        }
    }
}
