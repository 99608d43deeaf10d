import KafkaWire
import Logging
import NIOCore

/// All transactional ids, and the markers that decided transactions still owe.
struct TransactionCoordinator {
    var transactions: [ExactName: Transaction] = [:]
    /// By transactional id: partitions that could not take their marker yet. They are tried again until they can.
    fileprivate var owed: [ExactName: Set<TopicPartition>] = [:]
    fileprivate var isRetryScheduled = false

    mutating func stop() {
        transactions.removeAll()
        owed.removeAll()
    }
}

/// Drives transactions: each step is in `__transaction_state` before it holds, and markers follow the decision.
///
/// A crash between the decision and the last marker is made good at the next start: the markers are written (again),
/// and one that was there already has no effect.
extension Cluster {
    /// The partition of `__transaction_state` that a transactional id belongs to.
    func transactionPartition(of id: String) -> Partition? {
        topics[TopicName.transactions]?.partition(ofKey: id)
    }

    /// The reason why a node may not act for a transactional id; nil when it is the coordinator.
    func transactionFault(_ id: String, at node: Node) -> ErrorCode? {
        guard !id.isEmpty else { return .invalidRequest }
        guard let partition = transactionPartition(of: id), partition.leader == node.id else { return .notCoordinator }
        return nil
    }

    /// `__transaction_state`, created when the first transactional producer looks for its coordinator.
    func transactionsTopic() throws(AdminRefusal) -> Topic {
        if let topic = topics[TopicName.transactions] { return topic }
        let factor = min(configs.number("transaction.state.log.replication.factor"), liveNodes.count)
        let assignments = place(
            partitions: configs.number("transaction.state.log.num.partitions"), replicationFactor: factor)
        return try createTopic(
            TopicPlan(
                name: TopicName.transactions, assignments: assignments,
                overrides: [
                    "cleanup.policy": "compact", "compression.type": "uncompressed",
                    "segment.bytes": String(configs.number("transaction.state.log.segment.bytes")),
                    "min.insync.replicas": String(min(configs.number("transaction.state.log.min.isr"), factor)),
                ]))
    }

    /// Lets a new state hold, once it is written down.
    func save(_ transaction: Transaction) throws(TransactionRefusal) {
        try write(StoredTransaction(transaction), for: transaction.id)
        transactions.transactions[transaction.id] = transaction
    }

    private func write(_ stored: StoredTransaction?, for id: String) throws(TransactionRefusal) {
        guard let partition = transactionPartition(of: id), partition.leader >= 0,
            partition.isr.count >= partition.log.config.minInsyncReplicas
        else { throw TransactionRefusal(.coordinatorNotAvailable) }
        var key = TransactionKey()
        key.transactionalID = id
        var builder = RecordBatchBuilder()
        do throws(WireError) {
            builder.append(
                timestamp: clock.wallTime(), key: try key.encodeWithVersion(0),
                value: try stored.map { stored throws(WireError) in try stored.encodeWithVersion(storedVersion) })
        } catch {
            throw TransactionRefusal(.unknownServerError)
        }
        do throws(AdminRefusal) {
            _ = try partition.appendInternally(builder, now: clock.wallTime())
        } catch {
            logger.error(
                "transaction cannot be stored", metadata: ["transactionalID": "\(id)", "reason": "\(error.message)"])
            throw TransactionRefusal(error.code == .kafkaStorageError ? .notCoordinator : .unknownServerError)
        }
    }

    /// The version before transactions of version 2 has no room for what those need.
    private var storedVersion: Int16 { release.level(of: .transactions) >= 1 ? 1 : 0 }

    /// Carries out a decision that is written down: a marker on each partition, then the end of the transaction.
    func carryOut(_ transaction: Transaction) {
        guard let commit = transaction.decision, let coordinator = transactionPartition(of: transaction.id) else {
            return
        }
        let now = clock.wallTime()
        let wanting = transactions.owed[transaction.id] ?? transaction.partitions
        let missing = wanting.filter { place in
            !putMarker(on: place, of: transaction, commit: commit, coordinatorEpoch: coordinator.leaderEpoch, now: now)
        }
        do throws(TransactionRefusal) {
            guard missing.isEmpty else { return owe(missing, for: transaction.id) }
            try save(transaction.completed(now: now))
            transactions.owed[transaction.id] = nil
        } catch {
            owe([], for: transaction.id)
        }
    }

    /// Puts a transaction's marker on one partition; false if it must be tried again.
    private func putMarker(
        on place: TopicPartition, of transaction: Transaction, commit: Bool, coordinatorEpoch: Int32, now: Int64
    ) -> Bool {
        // Deleted, with everything that the transaction wrote there.
        guard let partition = partition(place.topic, place.index) else { return true }
        guard partition.leader >= 0, partition.log.offlineReason == nil else { return false }
        do throws(ProduceRefusal) {
            try mark(
                partition, producerID: transaction.producerID, epoch: transaction.epoch, commit: commit,
                coordinatorEpoch: coordinatorEpoch, transactionVersion: transaction.version, now: now)
            return true
        } catch {
            guard error.code != .kafkaStorageError else { return false }
            // An administrator fenced the producer there by hand, and so ended the transaction in this partition.
            logger.warning(
                "transaction marker is not wanted",
                metadata: [
                    "transactionalID": "\(transaction.id)", "partition": "\(place.topic)-\(place.index)",
                    "reason": "\(error.message)",
                ])
            return true
        }
    }

    private func owe(_ partitions: Set<TopicPartition>, for id: String) {
        transactions.owed[id] = partitions
        guard !transactions.isRetryScheduled else { return }
        transactions.isRetryScheduled = true
        loop.scheduleTask(in: Self.markerRetryPause) { [weak self] in
            guard let self else { return }
            transactions.isRetryScheduled = false
            for id in transactions.owed.keys.map(\.text).sorted() {
                if let transaction = transactions.transactions[id] { carryOut(transaction) }
            }
        }
    }

    private static let markerRetryPause = TimeAmount.milliseconds(100)
}

/// The expiry of transactions.
extension Cluster {
    /// Aborts transactions that are open for longer than their producers asked for, and fences those.
    func abortTimedOutTransactions() {
        let now = clock.wallTime()
        for transaction in transactions.transactions.values {
            guard let aborted = transaction.timedOut(now: now) else { continue }
            do throws(TransactionRefusal) {
                try save(aborted)
                carryOut(aborted)
                logger.info(
                    "transaction timed out",
                    metadata: ["transactionalID": "\(transaction.id)", "timeoutMs": "\(transaction.timeoutMs)"])
            } catch {
                // Tried again the next time: its coordinator has no leader or no disk now.
                continue
            }
        }
    }

    /// Forgets transactional ids that nobody has used for `transactional.id.expiration.ms`.
    func expireTransactionalIDs() {
        let now = clock.wallTime()
        let expiration = Int64(configs.number("transactional.id.expiration.ms"))
        for transaction in transactions.transactions.values where transaction.isExpired(now: now, after: expiration) {
            do throws(TransactionRefusal) {
                try write(nil, for: transaction.id)
                transactions.transactions[transaction.id] = nil
            } catch {
                continue
            }
        }
    }

    /// Reads every transactional id back, and carries out what was decided before a crash.
    func loadTransactions() throws(BrokerError) {
        guard let topic = topics[TopicName.transactions] else { return }
        var loaded: [ExactName: Transaction] = [:]
        for partition in topic.partitions {
            try forEachRecord(of: partition) { key, value throws(WireError) in
                let id = try TransactionKey.decodeWithVersion(key).transactionalID
                loaded[id] = try value.flatMap { value throws(WireError) in
                    try StoredTransaction.decodeWithVersion(value).transaction(id: id)
                }
            }
        }
        transactions.transactions = loaded
        for transaction in loaded.values where transaction.decision != nil { carryOut(transaction) }
        if !loaded.isEmpty { logger.info("transactional ids loaded", metadata: ["ids": "\(loaded.count)"]) }
    }
}

extension Topic {
    /// The partition that a key belongs to in an internal topic: Java's hash of the string.
    func partition(ofKey key: String) -> Partition? {
        guard !partitions.isEmpty else { return nil }
        var hash: Int32 = 0
        for unit in key.utf16 { hash = hash &* 31 &+ Int32(unit) }
        let positive = hash == .min ? 0 : abs(hash)
        return partition(positive % Int32(partitions.count))
    }
}
