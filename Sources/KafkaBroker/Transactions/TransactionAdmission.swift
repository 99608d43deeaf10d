import KafkaWire

/// Transactions as the version of a Produce or TxnOffsetCommit request knows them (KIP-890).
enum TransactionSupport {
    /// The producer names its partitions beforehand, and knows no TRANSACTION_ABORTABLE.
    case named
    /// The same with TRANSACTION_ABORTABLE.
    case abortable
    /// The request itself adds its partitions: transactions of version 2.
    case joining
}

extension TransactionSupport {
    init(produce version: Int16) {
        self = version >= 12 ? .joining : version >= 11 ? .abortable : .named
    }

    init(offsetCommit version: Int16) {
        self = version >= 5 ? .joining : version >= 4 ? .abortable : .named
    }
}

extension Cluster {
    /// Kafka's code for a transactional batch that may not be appended: its transaction is not open on the partition, and
    /// the coordinator does not say that the partition belongs to it, or may join it.
    func refusal(
        of partition: Partition, transactionalID: String, producerID: Int64, epoch: Int16, _ support: TransactionSupport
    ) -> ErrorCode? {
        guard !partition.log.hasOpenTransaction(producerID: producerID, epoch: epoch),
            support == .joining || configs.flag("transaction.partition.verification.enable")
        else { return nil }
        // Its coordinator has no leader: a code that even old producers retry.
        guard transactionPartition(of: transactionalID).map({ $0.leader >= 0 }) ?? true else {
            return .notEnoughReplicas
        }
        guard let transaction = transactions.transactions[transactionalID] else { return .invalidProducerIDMapping }
        let place = TopicPartition(topic: partition.topic, index: partition.index)
        do throws(TransactionRefusal) {
            guard support == .joining else {
                try transaction.verify(place, producerID: producerID, epoch: epoch)
                return nil
            }
            let joined = try transaction.adding(
                [place], producerID: producerID, epoch: epoch, version: 2, now: clock.wallTime())
            if let joined { try save(joined) }
            return nil
        } catch {
            switch error.code {
            case .producerFenced: return .invalidProducerEpoch
            case .concurrentTransactions: return support == .joining ? error.code : .notEnoughReplicas
            case .coordinatorNotAvailable, .notCoordinator: return .notEnoughReplicas
            case .transactionAbortable where support == .named: return .invalidTxnState
            default: return error.code
            }
        }
    }
}
