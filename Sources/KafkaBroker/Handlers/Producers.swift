import KafkaWire
import Logging

// InitProducerId: 0-6. DescribeProducers: 0. WriteTxnMarkers: 1.
//
// - InitProducerId for idempotent producers: a new id with epoch 0, also for a producer that names its old id (KIP-360
//   lets it go on with the epoch raised by one, until the epoch is used up).
// - Left out: transactional ids, refused with TRANSACTIONAL_ID_AUTHORIZATION_FAILED until there is a coordinator.
// - WriteTxnMarkers appends markers to the partitions named, as the coordinator or `kafka-transactions.sh abort` ask.
//   A marker for a producer without an open transaction takes an offset and has no other effect.

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
        response.topics = topics.map { topic in
            var result = DescribeProducersResponse.TopicResponse()
            result.name = topic.name
            result.partitions = topic.partitionIndexes.map { answer(topic.name, $0) }
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
        guard request.transactionalID == nil else { return request.refused(.transactionalIDAuthorizationFailed) }
        var response = InitProducerIdResponse()
        if request.producerID >= 0, request.producerEpoch >= 0, request.producerEpoch < .max - 1 {
            response.producerID = request.producerID
            response.producerEpoch = request.producerEpoch + 1
            return response
        }
        if let reservation = producerIDs.neededReservation {
            do throws(BrokerError) {
                try commit([.producerIDs(ProducerIDRecord(next: reservation))])
                producerIDs.reserve(upTo: reservation)
            } catch {
                logger.error("producer ids cannot be reserved", metadata: ["reason": "\(error)"])
                return request.refused(.coordinatorNotAvailable)
            }
        }
        response.producerID = producerIDs.take()
        return response
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
        let now = Clock.wallTime()
        return request.answered { marker, topic, index in
            guard let partition = partition(topic, index) else { return .unknownTopicOrPartition }
            if let error = partition.refusal(at: context.node, epoch: -1) { return error }
            let before = partition.log.size
            do throws(ProduceRefusal) {
                _ = try partition.log.appendControlMarker(
                    producerID: marker.producerID, epoch: marker.producerEpoch, commit: marker.transactionResult,
                    coordinatorEpoch: marker.coordinatorEpoch, leaderEpoch: partition.leaderEpoch, now: now)
                partition.grew(by: max(partition.log.size - before, 0))
                return .none
            } catch {
                return error.code
            }
        }
    }
}
