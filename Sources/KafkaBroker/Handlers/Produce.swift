import KafkaWire
import NIOCore

// Produce: 0-13.
//
// - acks 0 (no answer; after an error the connection is closed, as Kafka does), 1 and -1. Nodes share their storage,
//   so that a batch is on all replicas at once; `min.insync.replicas` counts live replicas: NOT_ENOUGH_REPLICAS.
// - Formats 0 and 1 before version 3; exactly one batch of format 2 from version 3; zstd from version 7.
// - Idempotence, timestamps, sizes, codecs: see ``PartitionLog/append``. Record errors from version 8, leader hints from
//   10 (KIP-951), topic ids from 13.
// - Transactional batches: the request names the transactional id (else TRANSACTIONAL_ID_AUTHORIZATION_FAILED), and the
//   first batch of a transaction is taken if the coordinator says that the partition belongs to it (KIP-890): else
//   INVALID_TXN_STATE, from version 11 on TRANSACTION_ABORTABLE. From version 12 on the batch itself adds the partition.

extension ProduceRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> ProduceResponse {
        var response = ProduceResponse()
        response.responses = topicData.map { topic in
            var result = ProduceResponse.TopicProduceResponse()
            result.name = topic.name
            result.topicID = topic.topicID
            result.partitionResponses = topic.partitionData.map { partition in
                ProduceResponse.PartitionProduceResponse(partition.index, error)
            }
            return result
        }
        return response
    }
}

extension ProduceResponse.PartitionProduceResponse {
    init(_ index: Int32, _ error: ErrorCode, _ message: String? = nil) {
        self.init()
        self.index = index
        errorCode = error
        baseOffset = -1
        errorMessage = message
    }
}

extension ProduceRequest {
    fileprivate var hasTransactionalRecords: Bool {
        topicData.contains { $0.partitionData.contains { $0.records?.transactionalBatch != nil } }
    }
}

extension RecordBytes {
    /// The header of the first batch if it is part of a transaction. Nothing of it is checked yet.
    fileprivate var transactionalBatch: RecordBatchHeader? {
        guard let header = try? RecordBatchHeader(parsing: contiguous), header.magic == 2, header.isTransactional else {
            return nil
        }
        return header
    }
}

extension Cluster {
    func produce(_ request: ProduceRequest, _ call: Call<ProduceResponse>) {
        guard (-1...1).contains(request.acks) else {
            return answer(request.refused(.invalidRequiredAcks), request, call)
        }
        guard request.transactionalID != nil || !request.hasTransactionalRecords else {
            return answer(request.refused(.transactionalIDAuthorizationFailed), request, call)
        }
        let operation = ProduceOperation(self, request, call)
        inTurns(to: operation.partCount, operation.append) { [self] in answer(operation.response, request, call) }
    }

    private func answer(_ response: ProduceResponse, _ request: ProduceRequest, _ call: Call<ProduceResponse>) {
        guard request.acks == 0 else { return call.reply(response) }
        let failed = response.responses.contains { $0.partitionResponses.contains { $0.errorCode != .none } }
        if failed { call.disconnect() } else { call.replyNothing() }
    }
}

/// One Produce request on its way through its partitions.
private final class ProduceOperation {
    private let cluster: Cluster
    private let request: ProduceRequest
    private let call: Call<ProduceResponse>
    private let now: Int64
    private let budget: WorkBudget
    /// The topic and the place in it of each part.
    private let parts: [(topic: Int, partition: Int)]
    private(set) var response = ProduceResponse()

    init(_ cluster: Cluster, _ request: ProduceRequest, _ call: Call<ProduceResponse>) {
        self.cluster = cluster
        self.request = request
        self.call = call
        now = cluster.clock.wallTime()
        budget = WorkBudget(requestSize: call.context.requestSize)
        parts = request.topicData.indices.flatMap { topic in
            request.topicData[topic].partitionData.indices.map { (topic, $0) }
        }
        response.responses = request.topicData.map { wanted in
            var result = ProduceResponse.TopicProduceResponse()
            result.name = wanted.name
            result.topicID = wanted.topicID
            result.partitionResponses.reserveCapacity(wanted.partitionData.count)
            return result
        }
    }

    var partCount: Int { parts.count }

    func append(_ index: Int) {
        let part = parts[index]
        let wanted = request.topicData[part.topic]
        let data = wanted.partitionData[part.partition]
        let topic = cluster.topic(named: wanted.name, orID: wanted.topicID)
        let result: ProduceResponse.PartitionProduceResponse
        if let partition = topic?.partition(data.index) {
            result = cluster.append(data, to: partition, request, call, now: now, budget: budget)
        } else {
            let isUnknownID = topic == nil && call.version >= 13
            result = .init(data.index, isUnknownID ? .unknownTopicID : .unknownTopicOrPartition)
        }
        if call.version >= 10, result.currentLeader.leaderID >= 0 { addEndpoint(of: result.currentLeader.leaderID) }
        response.responses[part.topic].partitionResponses.append(result)
    }

    private func addEndpoint(of leader: Int32) {
        guard let node = cluster.node(leader), !response.nodeEndpoints.contains(where: { $0.nodeID == leader }) else {
            return
        }
        var endpoint = ProduceResponse.NodeEndpoint()
        endpoint.nodeID = node.id
        endpoint.host = cluster.advertisedHost(of: node, call.context)
        endpoint.port = cluster.advertisedPort(of: node, call.context)
        endpoint.rack = node.rack
        response.nodeEndpoints.append(endpoint)
    }
}

extension Cluster {
    fileprivate func append(
        _ data: ProduceRequest.PartitionProduceData, to partition: Partition, _ request: ProduceRequest,
        _ call: Call<ProduceResponse>, now: Int64, budget: WorkBudget
    ) -> ProduceResponse.PartitionProduceResponse {
        if let error = partition.refusal(at: call.node, epoch: -1) {
            var refused = ProduceResponse.PartitionProduceResponse(data.index, error)
            if error == .notLeaderOrFollower {
                refused.currentLeader.leaderID = partition.leader
                refused.currentLeader.leaderEpoch = partition.leaderEpoch
            }
            return refused
        }
        guard !TopicName.isInternal(partition.topic) || call.context.clientID == "__admin_client" else {
            return .init(data.index, .invalidTopicException, "The topic \(partition.topic) is internal.")
        }
        guard request.acks != -1 || partition.isr.count >= partition.log.config.minInsyncReplicas else {
            return .init(
                data.index, .notEnoughReplicas,
                "The size of the current ISR \(partition.isr) is insufficient to satisfy the min.isr requirement of "
                    + "\(partition.log.config.minInsyncReplicas) for partition \(partition.topic)-\(partition.index)")
        }
        guard let records = data.records else { return .init(data.index, .invalidRecord, "no records") }
        if let batch = records.transactionalBatch, let id = request.transactionalID {
            let refusal = refusal(
                of: partition, transactionalID: id, producerID: batch.producerID, epoch: batch.producerEpoch,
                TransactionSupport(produce: call.version))
            if let refusal {
                return .init(data.index, refusal, "The coordinator of \(id) does not confirm this transaction.")
            }
        }
        do throws(ProduceRefusal) {
            let result = try partition.log.append(
                records, leaderEpoch: partition.leaderEpoch, produceVersion: call.version, now: now,
                budget: budget)
            if !result.isDuplicate { partition.grew(by: records.readableBytes) }
            var answer = ProduceResponse.PartitionProduceResponse(data.index, .none)
            answer.baseOffset = result.baseOffset
            answer.logAppendTimeMs = result.logAppendTime
            answer.logStartOffset = result.logStartOffset
            return answer
        } catch {
            var refused = ProduceResponse.PartitionProduceResponse(data.index, error.code, error.message)
            refused.logStartOffset = -1
            refused.recordErrors = error.recordErrors.map { recordError in
                var entry = ProduceResponse.BatchIndexAndErrorMessage()
                entry.batchIndex = recordError.index
                entry.batchIndexErrorMessage = recordError.message
                return entry
            }
            return refused
        }
    }
}
