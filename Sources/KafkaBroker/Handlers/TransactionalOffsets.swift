import KafkaWire

// TxnOffsetCommit: 0-5.
//
// - The offsets lie in `__consumer_offsets` as records of the producer's transaction and hold once it commits. The group's
//   partition must be in the transaction (AddOffsetsToTxn): INVALID_TXN_STATE, from version 4 on TRANSACTION_ABORTABLE.
//   From version 5 on the request itself adds it.
// - From version 3 on a member of a group is fenced by its generation (KIP-447).

extension TxnOffsetCommitRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> TxnOffsetCommitResponse {
        answered { _, _ in error }
    }

    fileprivate func answered(
        _ error: (TxnOffsetCommitRequestTopic, TxnOffsetCommitRequestPartition) -> ErrorCode
    ) -> TxnOffsetCommitResponse {
        var response = TxnOffsetCommitResponse()
        response.topics = topics.map { topic in
            var result = TxnOffsetCommitResponse.TxnOffsetCommitResponseTopic()
            result.name = topic.name
            result.partitions = topic.partitions.map { partition in
                var entry = TxnOffsetCommitResponse.TxnOffsetCommitResponsePartition()
                entry.partitionIndex = partition.partitionIndex
                entry.errorCode = error(topic, partition)
                return entry
            }
            return result
        }
        return response
    }
}

extension Cluster {
    func transactionalOffsetCommit(
        _ request: TxnOffsetCommitRequest, _ context: RequestContext
    ) -> TxnOffsetCommitResponse {
        if let error = groupFault(request.groupID, at: context.node) { return request.refused(error) }
        let entry = group(request.groupID)
        let admission = entry.state.admitTransactionalCommit(
            memberID: request.memberID, instanceID: request.groupInstanceID, generation: request.generationID)
        guard admission == .none else { return request.refused(admission) }
        guard let partition = offsetsPartition(of: request.groupID) else { return request.refused(.notCoordinator) }
        let refusal = refusal(
            of: partition, transactionalID: request.transactionalID, producerID: request.producerID,
            epoch: request.producerEpoch, TransactionSupport(offsetCommit: context.version))
        if let refusal {
            return request.refused(refusal == .notEnoughReplicas ? .coordinatorNotAvailable : refusal)
        }

        let now = clock.wallTime()
        let longestMetadata = configs.number("offset.metadata.max.bytes")
        var commits: [(topic: String, partition: Int32, offset: CommittedOffset)] = []
        let response = request.answered { topic, wanted in
            guard self.partition(topic.name, wanted.partitionIndex) != nil else { return .unknownTopicOrPartition }
            let metadata = wanted.committedMetadata ?? ""
            guard metadata.utf8.count <= longestMetadata else { return .offsetMetadataTooLarge }
            let offset = CommittedOffset(
                offset: wanted.committedOffset, leaderEpoch: wanted.committedLeaderEpoch, metadata: metadata,
                commitTimestamp: now)
            commits.append((topic.name, wanted.partitionIndex, offset))
            return .none
        }
        guard !commits.isEmpty else { return response }
        do throws(AdminRefusal) {
            try store(commits, of: entry, producer: (request.producerID, request.producerEpoch))
            return response
        } catch {
            return request.refused(error.code)
        }
    }
}
