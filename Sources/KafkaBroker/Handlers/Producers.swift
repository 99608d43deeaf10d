import KafkaWire
import Logging

// InitProducerId: 0-6. DescribeProducers: 0. WriteTxnMarkers: 0-2.
//
// - InitProducerId for idempotent producers: always a new id with epoch 0. With a transactional id: see
//   ``Transaction/starting(expected:timeoutMs:now:)``. PRODUCER_FENCED is INVALID_PRODUCER_EPOCH before version 4.
// - Left out: two-phase commit (KIP-939), refused as by a broker that has it disabled.
// - WriteTxnMarkers appends markers to the partitions named, as the coordinator or `kafka-transactions.sh abort` ask.
//   A marker for a producer without an open transaction takes an offset and has no other effect. From version 2 on a
//   marker may say that it ends a transaction of version 2, and then its epoch is above that of the records (KIP-1228).

extension InitProducerIdRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> InitProducerIdResponse {
        var response = InitProducerIdResponse()
        response.errorCode = error
        response.producerEpoch = -1
        return response
    }
}

extension DescribeProducersRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeProducersResponse {
        answered { _, index in
            var result = DescribeProducersResponse.PartitionResponse()
            result.partitionIndex = index
            result.errorCode = error
            return result
        }
    }

    fileprivate func answered(
        _ answer: (String, Int32) -> DescribeProducersResponse.PartitionResponse
    ) -> DescribeProducersResponse {
        var response = DescribeProducersResponse()
        response.topics = topics.uniqued { $0.name }.map { topic in
            var result = DescribeProducersResponse.TopicResponse()
            result.name = topic.name
            result.partitions = topic.partitionIndexes.uniqued { $0 }.map { answer(topic.name, $0) }
            return result
        }
        return response
    }
}

extension WriteTxnMarkersRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> WriteTxnMarkersResponse {
        answered { _, _, _ in error }
    }

    fileprivate func answered(
        _ error: (WritableTxnMarker, String, Int32) -> ErrorCode
    ) -> WriteTxnMarkersResponse {
        var response = WriteTxnMarkersResponse()
        response.markers = markers.map { marker in
            var result = WriteTxnMarkersResponse.WritableTxnMarkerResult()
            result.producerID = marker.producerID
            result.topics = marker.topics.map { topic in
                var entry = WriteTxnMarkersResponse.WritableTxnMarkerTopicResult()
                entry.name = topic.name
                entry.partitions = topic.partitionIndexes.map { index in
                    var partition = WriteTxnMarkersResponse.WritableTxnMarkerPartitionResult()
                    partition.partitionIndex = index
                    partition.errorCode = error(marker, topic.name, index)
                    return partition
                }
                return entry
            }
            return result
        }
        return response
    }
}

extension Cluster {
    func initProducerID(_ request: InitProducerIdRequest, _ context: RequestContext) -> InitProducerIdResponse {
        guard !request.enable2Pc else { return request.refused(.transactionalIDAuthorizationFailed) }
        guard !request.keepPreparedTxn else { return request.refused(.unsupportedVersion) }
        guard (request.producerID == -1) == (request.producerEpoch == -1) else {
            return request.refused(.invalidRequest)
        }
        do throws(TransactionRefusal) {
            var response = InitProducerIdResponse()
            if let id = request.transactionalID {
                if let fault = transactionFault(id, at: context.node) { return request.refused(fault) }
                let owner = try start(id, request)
                response.producerID = owner.producerID
                response.producerEpoch = owner.epoch
            } else {
                response.producerID = try newProducerID()
            }
            return response
        } catch {
            return request.refused(error.code.forTransactions(fencedSince: 4, context))
        }
    }

    /// Makes the sender the owner of a transactional id.
    private func start(_ id: String, _ request: InitProducerIdRequest) throws(TransactionRefusal) -> Transaction {
        let timeout = request.transactionTimeoutMs
        guard timeout > 0, Int(timeout) <= configs.number("transaction.max.timeout.ms") else {
            throw TransactionRefusal(.invalidTransactionTimeout)
        }
        let now = clock.wallTime()
        let transaction: Transaction
        if let known = transactions.transactions[id] {
            transaction = known
        } else {
            transaction = Transaction(id: id, producerID: try newProducerID(), timeoutMs: timeout, now: now)
        }
        switch try transaction.starting(expected: request.expected, timeoutMs: timeout, now: now) {
        case .ready(let owner):
            try save(owner)
            return owner
        case .needsProducerID:
            let owner = transaction.rotated(
                to: try newProducerID(), timeoutMs: timeout, isContinued: request.expected != nil, now: now)
            try save(owner)
            return owner
        case .abortFirst(let aborted):
            try save(aborted)
            carryOut(aborted)
            throw TransactionRefusal(.concurrentTransactions)
        }
    }

    func newProducerID() throws(TransactionRefusal) -> Int64 {
        if let reservation = producerIDs.neededReservation {
            do throws(BrokerError) {
                try commit([.producerIDs(ProducerIDRecord(next: reservation))])
                producerIDs.reserve(upTo: reservation)
            } catch {
                logger.error("producer ids cannot be reserved", metadata: ["reason": "\(error)"])
                throw TransactionRefusal(.coordinatorNotAvailable)
            }
        }
        return producerIDs.take()
    }

    func describeProducers(
        _ request: DescribeProducersRequest, _ context: RequestContext
    ) -> DescribeProducersResponse {
        request.answered { topic, index in
            var result = DescribeProducersResponse.PartitionResponse()
            result.partitionIndex = index
            guard let partition = partition(topic, index) else {
                result.errorCode = .unknownTopicOrPartition
                return result
            }
            if let error = partition.refusal(at: context.node, epoch: -1, isFollowerEnough: true) {
                result.errorCode = error
                return result
            }
            result.activeProducers = partition.log.producers().map { producer in
                var state = DescribeProducersResponse.ProducerState()
                state.producerID = producer.producerID
                state.producerEpoch = Int32(producer.producerEpoch)
                state.lastSequence = producer.lastSequence
                state.lastTimestamp = producer.lastTimestamp
                state.coordinatorEpoch = producer.coordinatorEpoch
                state.currentTxnStartOffset = producer.currentTransactionStartOffset ?? -1
                return state
            }
            return result
        }
    }

    func writeTransactionMarkers(
        _ request: WriteTxnMarkersRequest, _ context: RequestContext
    ) -> WriteTxnMarkersResponse {
        let now = clock.wallTime()
        return request.answered { marker, topic, index in
            guard let partition = partition(topic, index) else { return .unknownTopicOrPartition }
            if withoutMarkers.contains(topic) { return .invalidTopicException }
            if let error = partition.refusal(at: context.node, epoch: -1) { return error }
            do throws(ProduceRefusal) {
                try mark(
                    partition, producerID: marker.producerID, epoch: marker.producerEpoch,
                    commit: marker.transactionResult, coordinatorEpoch: marker.coordinatorEpoch,
                    transactionVersion: Int16(marker.transactionVersion), now: now)
                return .none
            } catch {
                return error.code
            }
        }
    }
}

extension InitProducerIdRequest {
    /// The identity that a producer has and wants to continue with; nil for one that has none.
    fileprivate var expected: (producerID: Int64, epoch: Int16)? {
        producerID == -1 ? nil : (producerID, producerEpoch)
    }
}
