import KafkaWire

// AddPartitionsToTxn: 0-5. AddOffsetsToTxn: 0-4. EndTxn: 0-5.
//
// - AddPartitionsToTxn adds all of its partitions or none: if one does not exist the others are OPERATION_NOT_ATTEMPTED.
//   From version 4 on it is what brokers send each other, several transactions at once, perhaps only to verify.
// - AddOffsetsToTxn adds the group's partition of `__consumer_offsets`.
// - EndTxn writes the decision down and then the markers before it answers. A partition without a leader gets its marker
//   later; until then the producer is told CONCURRENT_TRANSACTIONS.
// - PRODUCER_FENCED is INVALID_PRODUCER_EPOCH before version 2, as old clients know it.
// - EndTxn 5 is that of transactions of version 2 (KIP-890): it raises the producer's epoch, or gives it a new producer
//   id, and tells both.

extension AddPartitionsToTxnRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AddPartitionsToTxnResponse {
        var response = AddPartitionsToTxnResponse()
        response.errorCode = error
        response.resultsByTopicV3AndBelow = v3AndBelowTopics.map { $0.answered { _ in error } }
        return response
    }
}

extension AddPartitionsToTxnRequest.AddPartitionsToTxnTopic {
    fileprivate func answered(
        _ error: (TopicPartition) -> ErrorCode
    ) -> AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult {
        var result = AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult()
        result.name = name
        result.resultsByPartition = partitions.map { index in
            var entry = AddPartitionsToTxnResponse.AddPartitionsToTxnPartitionResult()
            entry.partitionIndex = index
            entry.partitionErrorCode = error(TopicPartition(topic: name, index: index))
            return entry
        }
        return result
    }
}

extension AddOffsetsToTxnRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AddOffsetsToTxnResponse {
        var response = AddOffsetsToTxnResponse()
        response.errorCode = error
        return response
    }
}

extension EndTxnRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> EndTxnResponse {
        var response = EndTxnResponse()
        response.errorCode = error
        return response
    }
}

extension ErrorCode {
    /// The code for a client that does not know PRODUCER_FENCED before a version of its request.
    func forTransactions(fencedSince version: Int16, _ context: RequestContext) -> ErrorCode {
        self == .producerFenced && context.version < version ? .invalidProducerEpoch : self
    }
}

extension Cluster {
    func addPartitionsToTransaction(
        _ request: AddPartitionsToTxnRequest, _ context: RequestContext
    ) -> AddPartitionsToTxnResponse {
        var response = AddPartitionsToTxnResponse()
        if context.version >= 4 {
            response.resultsByTransaction = request.transactions.map { transaction in
                var result = AddPartitionsToTxnResponse.AddPartitionsToTxnResult()
                result.transactionalID = transaction.transactionalID
                result.topicResults = add(transaction, context)
                return result
            }
            return response
        }
        var only = AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction()
        only.transactionalID = request.v3AndBelowTransactionalID
        only.producerID = request.v3AndBelowProducerID
        only.producerEpoch = request.v3AndBelowProducerEpoch
        only.topics = request.v3AndBelowTopics
        response.resultsByTopicV3AndBelow = add(only, context)
        return response
    }

    private func add(
        _ request: AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction, _ context: RequestContext
    ) -> [AddPartitionsToTxnResponse.AddPartitionsToTxnTopicResult] {
        let places = request.topics.flatMap { topic in
            topic.partitions.map { TopicPartition(topic: topic.name, index: $0) }
        }
        let unknown = Set(places.filter { partition($0.topic, $0.index) == nil })
        guard unknown.isEmpty else {
            return request.topics.map { topic in
                topic.answered { unknown.contains($0) ? .unknownTopicOrPartition : .operationNotAttempted }
            }
        }
        guard !request.verifyOnly else {
            return request.topics.map { $0.answered { place in verify(place, request, context) } }
        }
        let outcome = add(
            Set(places), to: request.transactionalID, producerID: request.producerID, epoch: request.producerEpoch,
            version: context.version >= 4 ? 2 : 0, context)
        return request.topics.map { $0.answered { _ in outcome } }
    }

    private func verify(
        _ place: TopicPartition, _ request: AddPartitionsToTxnRequest.AddPartitionsToTxnTransaction,
        _ context: RequestContext
    ) -> ErrorCode {
        if let fault = transactionFault(request.transactionalID, at: context.node) { return fault }
        guard let transaction = transactions.transactions[request.transactionalID] else {
            return .invalidProducerIDMapping
        }
        do throws(TransactionRefusal) {
            try transaction.verify(place, producerID: request.producerID, epoch: request.producerEpoch)
            return .none
        } catch {
            return error.code == .transactionAbortable && context.version < 5 ? .invalidTxnState : error.code
        }
    }

    private func add(
        _ places: Set<TopicPartition>, to id: String, producerID: Int64, epoch: Int16, version: Int16 = 0,
        _ context: RequestContext
    ) -> ErrorCode {
        if let fault = transactionFault(id, at: context.node) { return fault }
        guard let transaction = transactions.transactions[id] else { return .invalidProducerIDMapping }
        do throws(TransactionRefusal) {
            // From version 4 on brokers add what a producer of version 2 has sent to them.
            let next = try transaction.adding(
                places, producerID: producerID, epoch: epoch, version: version, now: clock.wallTime())
            if let next { try save(next) }
            return .none
        } catch {
            return error.code.forTransactions(fencedSince: 2, context)
        }
    }

    func addOffsetsToTransaction(
        _ request: AddOffsetsToTxnRequest, _ context: RequestContext
    ) -> AddOffsetsToTxnResponse {
        guard !request.groupID.isEmpty else { return request.refused(.invalidGroupID) }
        do throws(AdminRefusal) {
            guard let partition = try offsetsTopic().partition(ofKey: request.groupID) else {
                return request.refused(.coordinatorNotAvailable)
            }
            let place = TopicPartition(topic: partition.topic, index: partition.index)
            return request.refused(
                add(
                    [place], to: request.transactionalID, producerID: request.producerID,
                    epoch: request.producerEpoch, context))
        } catch {
            return request.refused(.coordinatorNotAvailable)
        }
    }

    func endTransaction(_ request: EndTxnRequest, _ context: RequestContext) -> EndTxnResponse {
        if let fault = transactionFault(request.transactionalID, at: context.node) { return request.refused(fault) }
        guard let transaction = transactions.transactions[request.transactionalID] else {
            return request.refused(.invalidProducerIDMapping)
        }
        do throws(TransactionRefusal) {
            guard context.version < 5 else { return try raise(transaction, request) }
            let decided = try transaction.ending(
                commit: request.committed, producerID: request.producerID, epoch: request.producerEpoch,
                now: clock.wallTime())
            if let decided {
                try save(decided)
                carryOut(decided)
            }
            return request.refused(.none)
        } catch {
            return request.refused(error.code.forTransactions(fencedSince: 2, context))
        }
    }
    private func raise(
        _ transaction: Transaction, _ request: EndTxnRequest
    ) throws(TransactionRefusal) -> EndTxnResponse {
        var ending = try end(transaction, request)
        if case .needsProducerID = ending { ending = try end(transaction, request, newProducerID: try newProducerID()) }
        var response = EndTxnResponse()
        switch ending {
        case .decided(let decided):
            try save(decided)
            carryOut(decided)
            (response.producerID, response.producerEpoch) = decided.owner
        case .repeated, .needsProducerID:
            (response.producerID, response.producerEpoch) = transaction.owner
        }
        return response
    }

    private func end(
        _ transaction: Transaction, _ request: EndTxnRequest, newProducerID: Int64? = nil
    ) throws(TransactionRefusal) -> Transaction.Ending {
        try transaction.raising(
            commit: request.committed, producerID: request.producerID, epoch: request.producerEpoch,
            newProducerID: newProducerID, now: clock.wallTime())
    }
}
