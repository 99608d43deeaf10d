import KafkaWire

/// How a transaction ends on one partition.
extension Cluster {
    /// Appends a marker. On a partition of `__consumer_offsets` it also settles the offsets that the producer committed.
    func mark(
        _ partition: Partition, producerID: Int64, epoch: Int16, commit: Bool, coordinatorEpoch: Int32, now: Int64
    ) throws(ProduceRefusal) {
        _ = try partition.log.appendControlMarker(
            producerID: producerID, epoch: epoch, commit: commit, coordinatorEpoch: coordinatorEpoch,
            leaderEpoch: partition.leaderEpoch, now: now)
        if partition.topic == TopicName.offsets { settleOffsets(of: producerID, in: partition, commit: commit) }
        // More than the marker's bytes: readers of committed records now see what the transaction wrote.
        partition.changed()
    }

    /// Whether a producer's transactional batch may be appended: its transaction is open here already, or the
    /// coordinator says that the partition belongs to it (KIP-890). Kafka's codes for Produce and TxnOffsetCommit.
    ///
    /// - Parameter knowsAbortable: whether the request's version knows TRANSACTION_ABORTABLE.
    func verify(
        _ partition: Partition, transactionalID: String, producerID: Int64, epoch: Int16, knowsAbortable: Bool
    ) -> ErrorCode {
        guard configs.flag("transaction.partition.verification.enable"),
            !partition.log.hasOpenTransaction(producerID: producerID, epoch: epoch)
        else { return .none }
        // Its coordinator has no leader: a code that even old producers retry.
        guard transactionPartition(of: transactionalID).map({ $0.leader >= 0 }) ?? true else {
            return .notEnoughReplicas
        }
        guard let transaction = transactions.transactions[transactionalID] else { return .invalidProducerIDMapping }
        do throws(TransactionRefusal) {
            try transaction.verify(
                TopicPartition(topic: partition.topic, index: partition.index), producerID: producerID, epoch: epoch)
            return .none
        } catch {
            switch error.code {
            case .producerFenced: return .invalidProducerEpoch
            case .concurrentTransactions: return .notEnoughReplicas
            case .transactionAbortable where !knowsAbortable: return .invalidTxnState
            default: return error.code
            }
        }
    }
}
