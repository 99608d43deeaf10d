package import KafkaWire

/// A partition by its topic's name.
package struct TopicPartition: Hashable, Sendable {
    package let topic: String
    package let index: Int32

    package init(topic: String, index: Int32) {
        self.topic = topic
        self.index = index
    }
}

/// The reason why a step of a transaction is refused, with Kafka's code of the newest request versions.
package struct TransactionRefusal: Error {
    package let code: ErrorCode

    package init(_ code: ErrorCode) {
        self.code = code
    }
}

/// A transactional id with its producer and the transaction that is open, if one is (Kafka's `TransactionMetadata`).
///
/// A value without clock or storage: each step returns what holds after it, and the coordinator writes that down before
/// it lets it hold.
///
/// ```
///                AddPartitions           EndTxn                          all markers written
///   empty ─────────────────▶ ongoing ─────────────▶ prepareCommit/Abort ─────────────────▶ completeCommit/Abort
///     ▲                         ▲   time-out, InitProducerId ▲                                  │        │
///     │                         └───────────────────────────────────── AddPartitions ───────────┘        │
///     └──────────────────────────────────────────────────── InitProducerId ──────────────────────────────┘
/// ```
package struct Transaction: Hashable {
    /// With the numbers of `__transaction_state`.
    package enum State: Int8, CaseIterable {
        case empty = 0
        case ongoing
        case prepareCommit
        case prepareAbort
        case completeCommit
        case completeAbort
    }

    package let id: String
    package private(set) var producerID: Int64
    /// The producer id before the present one; -1 for none. Written down for producers of version 2 alone: with others a
    /// retry across a restart is fenced.
    package private(set) var lastProducerID: Int64 = -1
    /// The producer id after this transaction, whose end used up the epochs of the present one; -1 for none.
    package private(set) var nextProducerID: Int64 = -1
    /// The version of transactions (KIP-890) that the producer of the last step used; 2 raises the epoch with each end.
    package private(set) var version: Int16 = 0
    /// -1 as long as nobody was given the producer id.
    package private(set) var epoch: Int16 = -1
    /// The epoch from which the present producer raised its own; -1 if another one took over.
    package private(set) var lastEpoch: Int16 = -1
    package private(set) var timeoutMs: Int32
    package private(set) var state = State.empty
    package private(set) var partitions: Set<TopicPartition> = []
    /// Start of the open transaction, in milliseconds since 1970; -1 without one.
    package private(set) var startTime: Int64 = -1
    package private(set) var lastUpdate: Int64

    /// A transactional id that nobody used before.
    package init(id: String, producerID: Int64, timeoutMs: Int32, now: Int64) {
        self.id = id
        self.producerID = producerID
        self.timeoutMs = timeoutMs
        lastUpdate = now
    }

    /// Read back from the log.
    package init(
        id: String, producerID: Int64, lastProducerID: Int64 = -1, nextProducerID: Int64 = -1, epoch: Int16,
        timeoutMs: Int32, state: State, partitions: Set<TopicPartition>, startTime: Int64, lastUpdate: Int64,
        version: Int16 = 0
    ) {
        self.id = id
        self.producerID = producerID
        self.lastProducerID = lastProducerID
        self.nextProducerID = nextProducerID
        self.version = version
        self.epoch = epoch
        self.timeoutMs = timeoutMs
        self.state = state
        self.partitions = partitions
        self.startTime = startTime
        self.lastUpdate = lastUpdate
    }

    /// Nil while nothing was decided; then whether the transaction commits.
    package var decision: Bool? {
        switch state {
        case .prepareCommit: true
        case .prepareAbort: false
        case .empty, .ongoing, .completeCommit, .completeAbort: nil
        }
    }
}

// InitProducerId

extension Transaction {
    /// The answer to a producer that (re)starts.
    package enum Start {
        /// It owns the transactional id in this state once that is written down.
        case ready(Transaction)
        /// The epochs are used up: continue with ``rotated(to:timeoutMs:isContinued:now:)``.
        case needsProducerID
        /// The open transaction is aborted first, under an epoch that nobody is given; the producer asks again.
        case abortFirst(Transaction)
    }

    /// The last epoch that a producer is given: one more is needed to fence it.
    private static let lastUsableEpoch = Int16.max - 1

    /// - Parameter expected: the identity that the producer has and wants to continue with (KIP-360).
    package func starting(
        expected: (producerID: Int64, epoch: Int16)?, timeoutMs: Int32, now: Int64
    ) throws(TransactionRefusal) -> Start {
        if let expected, epoch != -1, expected.producerID != producerID {
            // Perhaps a retry: the answer that told it of the new producer id was lost.
            guard expected.producerID == lastProducerID, expected.epoch >= Self.lastUsableEpoch else {
                throw TransactionRefusal(.producerFenced)
            }
        }
        switch state {
        case .prepareCommit, .prepareAbort: throw TransactionRefusal(.concurrentTransactions)
        case .ongoing: return .abortFirst(fenced(now: now))
        case .empty, .completeCommit, .completeAbort: break
        }
        if epoch >= Self.lastUsableEpoch, expected.map({ $0.epoch == epoch }) ?? true { return .needsProducerID }
        var next = emptied(timeoutMs: timeoutMs, now: now)
        next.lastProducerID = producerID
        guard let expected else {
            next.epoch = epoch + 1
            next.lastEpoch = -1
            return .ready(next)
        }
        if epoch == -1 || expected.epoch == epoch {
            next.epoch = epoch + 1
            next.lastEpoch = epoch
        } else if expected.epoch != lastEpoch {
            throw TransactionRefusal(.producerFenced)
        }
        return .ready(next)
    }

    /// The same transactional id under a new producer id.
    ///
    /// - Parameter isContinued: whether the producer named its present identity, so that its retry is recognised.
    package func rotated(to newProducerID: Int64, timeoutMs: Int32, isContinued: Bool, now: Int64) -> Transaction {
        var next = emptied(timeoutMs: timeoutMs, now: now)
        next.lastProducerID = producerID
        next.producerID = newProducerID
        next.lastEpoch = isContinued ? epoch : -1
        next.epoch = 0
        return next
    }

    private func emptied(timeoutMs: Int32, now: Int64) -> Transaction {
        var next = self
        next.timeoutMs = timeoutMs
        next.state = .empty
        next.partitions = []
        next.startTime = -1
        next.lastUpdate = now
        return next
    }

    /// An open transaction that is aborted over its producer's head.
    private func fenced(now: Int64) -> Transaction {
        var next = decided(.prepareAbort, now: now)
        // The largest epoch is reached only by records that this broker did not write.
        next.epoch = epoch == .max ? epoch : epoch + 1
        next.lastEpoch = -1
        return next
    }
}

// The transaction itself

extension Transaction {
    private func check(_ producerID: Int64, _ epoch: Int16) throws(TransactionRefusal) {
        guard producerID == self.producerID else { throw TransactionRefusal(.invalidProducerIDMapping) }
        guard epoch == self.epoch else { throw TransactionRefusal(.producerFenced) }
    }

    /// Partitions join the transaction, which they may begin; nil when they are all in it already.
    ///
    /// - Parameter version: 2 where records or offsets themselves add their partition.
    package func adding(
        _ added: Set<TopicPartition>, producerID: Int64, epoch: Int16, version: Int16 = 0, now: Int64
    ) throws(TransactionRefusal) -> Transaction? {
        try check(producerID, epoch)
        var next = self
        switch state {
        case .prepareCommit, .prepareAbort: throw TransactionRefusal(.concurrentTransactions)
        case .ongoing:
            guard !added.isSubset(of: partitions) else { return nil }
        case .empty, .completeCommit, .completeAbort:
            next.startTime = now
            next.partitions = []
        }
        next.state = .ongoing
        next.version = version
        next.partitions.formUnion(added)
        next.lastUpdate = now
        return next
    }

    /// Checks that a partition may take the producer's records (KIP-890); TRANSACTION_ABORTABLE if it is not in the
    /// transaction.
    package func verify(_ partition: TopicPartition, producerID: Int64, epoch: Int16) throws(TransactionRefusal) {
        try check(producerID, epoch)
        guard decision == nil else { throw TransactionRefusal(.concurrentTransactions) }
        guard state == .ongoing, partitions.contains(partition) else { throw TransactionRefusal(.transactionAbortable) }
    }

    /// The decision of a producer of version 0 or 1; nil when it was carried out before, as a retry finds it.
    package func ending(
        commit: Bool, producerID: Int64, epoch: Int16, now: Int64
    ) throws(TransactionRefusal) -> Transaction? {
        try check(producerID, epoch)
        switch (state, commit) {
        case (.ongoing, _):
            var next = decided(commit ? .prepareCommit : .prepareAbort, now: now)
            next.version = 0
            return next
        case (.completeCommit, true), (.completeAbort, false): return nil
        case (.prepareCommit, true), (.prepareAbort, false): throw TransactionRefusal(.concurrentTransactions)
        case (.completeCommit, false), (.completeAbort, true), (.prepareCommit, false), (.prepareAbort, true),
            (.empty, _):
            throw TransactionRefusal(.invalidTxnState)
        }
    }

    /// The result of an end of a transaction that raises the producer's epoch.
    package enum Ending {
        /// The producer has the identity of ``Transaction/owner`` from now on, once this is written down.
        case decided(Transaction)
        /// The epochs are used up: ask again with a new producer id.
        case needsProducerID
        /// Carried out before, as a retry finds it: the producer has the identity of ``Transaction/owner`` already.
        case repeated
    }

    /// The decision of a producer of version 2, which may also abort what it has not begun.
    ///
    /// A retry is told from the next end by its epoch, which is the one before the present.
    ///
    /// - Parameter newProducerID: for a producer whose epochs are used up; nil as long as nobody knows that they are.
    package func raising(
        commit: Bool, producerID: Int64, epoch: Int16, newProducerID: Int64? = nil, now: Int64
    ) throws(TransactionRefusal) -> Ending {
        let isRetryOfLast =
            version >= 2 && producerID == lastProducerID && epoch == Self.lastUsableEpoch && self.epoch == 0
        let isRetry = isRetryOfLast || (version >= 2 && epoch < .max && self.epoch == epoch + 1)
        guard producerID == self.producerID || isRetryOfLast else {
            throw TransactionRefusal(.invalidProducerIDMapping)
        }
        let isExpected =
            switch state {
            case .empty, .ongoing: epoch == self.epoch
            case .prepareCommit, .prepareAbort: version >= 2 ? isRetry : epoch == self.epoch
            case .completeCommit, .completeAbort: isRetry || epoch == self.epoch
            }
        guard isExpected else { throw TransactionRefusal(.producerFenced) }
        switch (state, commit) {
        case (.ongoing, _): return raised(commit ? .prepareCommit : .prepareAbort, to: newProducerID, now: now)
        case (.prepareCommit, true), (.prepareAbort, false): throw TransactionRefusal(.concurrentTransactions)
        case (.completeCommit, true) where isRetry, (.completeAbort, false) where isRetry: return .repeated
        case (.completeCommit, false) where !isRetry, (.completeAbort, false), (.empty, false):
            return raised(.prepareAbort, to: newProducerID, now: now)
        case (.completeCommit, _), (.completeAbort, true), (.prepareCommit, false), (.prepareAbort, true),
            (.empty, true):
            throw TransactionRefusal(.invalidTxnState)
        }
    }

    private func raised(_ decision: State, to newProducerID: Int64?, now: Int64) -> Ending {
        var next = decided(decision, now: now)
        if epoch >= Self.lastUsableEpoch {
            guard let newProducerID else { return .needsProducerID }
            next.nextProducerID = newProducerID
        }
        if startTime == -1 { next.startTime = now }
        next.version = 2
        next.lastEpoch = epoch
        next.epoch = epoch == .max ? epoch : epoch + 1
        return .decided(next)
    }

    /// The identity with which the producer begins its next transaction.
    package var owner: (producerID: Int64, epoch: Int16) {
        nextProducerID == -1 ? (producerID, epoch) : (nextProducerID, 0)
    }

    /// The abort that a transaction has coming which is open for longer than its producer asked for; nil otherwise.
    package func timedOut(now: Int64) -> Transaction? {
        state == .ongoing && now &- startTime > Int64(timeoutMs) ? fenced(now: now) : nil
    }

    /// After the last marker.
    package func completed(now: Int64) -> Transaction {
        guard let decision else { return self }
        var next = self
        next.state = decision ? .completeCommit : .completeAbort
        if version >= 2 { next.lastEpoch = epoch }
        if nextProducerID != -1 {
            next.lastProducerID = producerID
            (next.producerID, next.epoch) = owner
            next.nextProducerID = -1
        }
        next.partitions = []
        next.startTime = -1
        next.lastUpdate = now
        return next
    }

    /// Returns true if nobody used the transactional id for so long that it is forgotten.
    package func isExpired(now: Int64, after expirationMs: Int64) -> Bool {
        decision == nil && state != .ongoing && now &- lastUpdate >= expirationMs
    }

    private func decided(_ decision: State, now: Int64) -> Transaction {
        var next = self
        next.state = decision
        next.lastUpdate = now
        return next
    }
}

extension Transaction.State {
    /// Kafka's name.
    var name: String {
        switch self {
        case .empty: "Empty"
        case .ongoing: "Ongoing"
        case .prepareCommit: "PrepareCommit"
        case .prepareAbort: "PrepareAbort"
        case .completeCommit: "CompleteCommit"
        case .completeAbort: "CompleteAbort"
        }
    }

    /// States that Kafka's coordinator passes through and that no transaction of ours is ever seen in.
    static let passingNames: Set<String> = ["Dead", "PrepareEpochFence"]
}
