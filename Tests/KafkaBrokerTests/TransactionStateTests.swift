import KafkaBroker
import KafkaWire
import Testing

/// The coordinator's decisions, step by step, without a broker.
@Suite struct TransactionStateTests {
    private static let place = TopicPartition(topic: "t", index: 0)
    private static let other = TopicPartition(topic: "t", index: 1)

    private let fresh = Transaction(id: "x", producerID: 7, timeoutMs: 1000, now: 0)

    private func started(_ transaction: Transaction, expected: (Int64, Int16)? = nil, now: Int64 = 1) throws
        -> Transaction
    {
        let expected = expected.map { (producerID: $0.0, epoch: $0.1) }
        guard case .ready(let next) = try transaction.starting(expected: expected, timeoutMs: 1000, now: now) else {
            throw TransactionRefusal(.unknownServerError)
        }
        return next
    }

    private func open(epoch: Int16 = 0) throws -> Transaction {
        let owner = Transaction(
            id: "x", producerID: 7, epoch: epoch, timeoutMs: 1000, state: .empty, partitions: [], startTime: -1,
            lastUpdate: 0)
        return try #require(try owner.adding([Self.place], producerID: 7, epoch: epoch, now: 10))
    }

    private func expect<Value>(
        _ code: ErrorCode, _ location: SourceLocation = #_sourceLocation, from body: () throws -> Value
    ) {
        let refusal = #expect(throws: TransactionRefusal.self, sourceLocation: location) { _ = try body() }
        #expect(refusal?.code == code, sourceLocation: location)
    }

    @Test func `the first producer gets epoch 0 and each later one the next`() throws {
        let first = try started(fresh)
        let second = try started(first)

        #expect((first.producerID, first.epoch, first.lastEpoch) == (7, 0, -1))
        #expect((second.producerID, second.epoch, second.lastEpoch) == (7, 1, -1))
    }

    @Test func `a producer that names its epoch goes on, and its retry gets the same answer`() throws {
        let first = try started(fresh)
        let second = try started(first, expected: (7, 0))

        let retried = try started(second, expected: (7, 0))

        #expect(second.epoch == 1 && second.lastEpoch == 0 && retried.epoch == 1)
    }

    @Test func `a producer that names an epoch of before another one took over is fenced`() throws {
        let taken = try started(try started(fresh))

        expect(.producerFenced) { try taken.starting(expected: (7, 0), timeoutMs: 1, now: 0) }
        expect(.producerFenced) { try taken.starting(expected: (8, 1), timeoutMs: 1, now: 0) }
    }

    @Test func `used up epochs lead to a new producer id, and the retry is recognised`() throws {
        let last = Transaction(
            id: "x", producerID: 7, epoch: .max - 1, timeoutMs: 1, state: .empty, partitions: [], startTime: -1,
            lastUpdate: 0)
        guard case .needsProducerID = try last.starting(expected: (7, .max - 1), timeoutMs: 1, now: 0) else {
            Issue.record("the epochs are used up")
            return
        }

        let rotated = last.rotated(to: 9, timeoutMs: 1, isContinued: true, now: 0)
        let retried = try started(rotated, expected: (7, .max - 1))

        #expect((rotated.producerID, rotated.epoch, rotated.lastProducerID) == (9, 0, 7))
        #expect((retried.producerID, retried.epoch) == (9, 0))
    }

    @Test func `an open transaction is aborted under a higher epoch before another producer starts`() throws {
        guard case .abortFirst(let aborted) = try open().starting(expected: nil, timeoutMs: 1, now: 0) else {
            Issue.record("it is open")
            return
        }
        let complete = aborted.completed(now: 0)

        #expect((aborted.state, aborted.epoch, aborted.decision) == (.prepareAbort, 1, false))
        expect(.concurrentTransactions) { try aborted.starting(expected: nil, timeoutMs: 1, now: 0) }
        #expect(try started(complete).epoch == 2)
        expect(.producerFenced) { try complete.adding([Self.place], producerID: 7, epoch: 0, now: 0) }
    }

    @Test func `partitions open a transaction and join it`() throws {
        let open = try open()
        let wider = try #require(try open.adding([Self.other], producerID: 7, epoch: 0, now: 20))

        #expect((open.state, open.startTime, open.partitions) == (.ongoing, 10, [Self.place]))
        #expect((wider.startTime, wider.partitions) == (10, [Self.place, Self.other]))
        #expect(try wider.adding([Self.place], producerID: 7, epoch: 0, now: 30) == nil, "nothing new to write down")
        expect(.invalidProducerIDMapping) { try open.adding([Self.other], producerID: 8, epoch: 0, now: 0) }
        expect(.producerFenced) { try open.adding([Self.other], producerID: 7, epoch: 1, now: 0) }
    }

    @Test func `a batch is verified only for a partition of the open transaction`() throws {
        let open = try open()
        let ended = try #require(try open.ending(commit: true, producerID: 7, epoch: 0, now: 0))

        try open.verify(Self.place, producerID: 7, epoch: 0)
        expect(.transactionAbortable) { try open.verify(Self.other, producerID: 7, epoch: 0) }
        expect(.producerFenced) { try open.verify(Self.place, producerID: 7, epoch: 1) }
        expect(.concurrentTransactions) { try ended.verify(Self.place, producerID: 7, epoch: 0) }
        expect(.transactionAbortable) { try ended.completed(now: 0).verify(Self.place, producerID: 7, epoch: 0) }
    }

    /// What EndTxn meets in each state.
    @Test(arguments: [
        (Transaction.State.empty, true, ErrorCode.invalidTxnState), (.empty, false, .invalidTxnState),
        (.ongoing, true, .none), (.ongoing, false, .none),
        (.prepareCommit, true, .concurrentTransactions), (.prepareCommit, false, .invalidTxnState),
        (.prepareAbort, false, .concurrentTransactions), (.prepareAbort, true, .invalidTxnState),
        (.completeCommit, true, .none), (.completeCommit, false, .invalidTxnState),
        (.completeAbort, false, .none), (.completeAbort, true, .invalidTxnState),
    ])
    func `EndTxn is answered by the state`(state: Transaction.State, commit: Bool, expected: ErrorCode) throws {
        let transaction = Transaction(
            id: "x", producerID: 7, epoch: 3, timeoutMs: 1, state: state, partitions: [], startTime: 0, lastUpdate: 0)
        func end() throws -> Transaction? {
            try transaction.ending(commit: commit, producerID: 7, epoch: 3, now: 0)
        }

        if expected != .none {
            expect(expected, from: end)
        } else {
            #expect(try end()?.decision == (state == .ongoing ? commit : nil))
        }
    }

    /// What EndTxn of transactions of version 2 meets in each state, from a producer with the present epoch.
    @Test(arguments: [
        (Transaction.State.empty, true, ErrorCode.invalidTxnState), (.empty, false, .none),
        (.ongoing, true, .none), (.ongoing, false, .none),
        (.prepareCommit, true, .producerFenced), (.prepareAbort, false, .producerFenced),
        (.completeCommit, true, .invalidTxnState), (.completeCommit, false, .none),
        (.completeAbort, false, .none), (.completeAbort, true, .invalidTxnState),
    ])
    func `an end that raises the epoch is answered by the state`(
        state: Transaction.State, commit: Bool, expected: ErrorCode
    ) throws {
        let transaction = known(epoch: 3, state)
        func end() throws -> Transaction.Ending {
            try transaction.raising(commit: commit, producerID: 7, epoch: 3, now: 5)
        }

        guard expected == .none else { return expect(expected, from: end) }
        guard case .decided(let decided) = try end() else {
            Issue.record("a decision is new")
            return
        }
        #expect((decided.epoch, decided.decision, decided.version) == (4, commit, 2))
        #expect(decided.owner == (7, 4))
        #expect(decided.completed(now: 6).owner == (7, 4))
    }

    /// The same from a producer whose answer was lost: it has the epoch before.
    @Test(arguments: [
        (Transaction.State.empty, true, ErrorCode.producerFenced), (.empty, false, .producerFenced),
        (.ongoing, true, .producerFenced), (.ongoing, false, .producerFenced),
        (.prepareCommit, true, .concurrentTransactions), (.prepareCommit, false, .invalidTxnState),
        (.prepareAbort, false, .concurrentTransactions), (.prepareAbort, true, .invalidTxnState),
        (.completeCommit, true, .none), (.completeCommit, false, .invalidTxnState),
        (.completeAbort, false, .none), (.completeAbort, true, .invalidTxnState),
    ])
    func `a retried end that raised the epoch is told from the next one`(
        state: Transaction.State, commit: Bool, expected: ErrorCode
    ) throws {
        let transaction = known(epoch: 4, state)
        func end() throws -> Transaction.Ending {
            try transaction.raising(commit: commit, producerID: 7, epoch: 3, now: 5)
        }

        guard expected == .none else { return expect(expected, from: end) }
        guard case .repeated = try end() else {
            Issue.record("it was carried out before")
            return
        }
        #expect(transaction.owner == (7, 4))
        expect(.producerFenced) { try transaction.raising(commit: commit, producerID: 7, epoch: 2, now: 5) }
        expect(.producerFenced) { try transaction.raising(commit: commit, producerID: 7, epoch: 5, now: 5) }
        expect(.invalidProducerIDMapping) { try transaction.raising(commit: commit, producerID: 8, epoch: 3, now: 5) }
    }

    @Test func `an end with the last epoch leads to a new producer id, and its retry is recognised`() throws {
        let last = known(epoch: .max - 1, .ongoing)
        guard case .needsProducerID = try last.raising(commit: true, producerID: 7, epoch: .max - 1, now: 5),
            case .decided(let decided) = try last.raising(
                commit: true, producerID: 7, epoch: .max - 1, newProducerID: 9, now: 5)
        else {
            Issue.record("the epochs are used up")
            return
        }
        let complete = decided.completed(now: 6)

        #expect((decided.producerID, decided.epoch) == (7, .max), "the marker still belongs to the old one")
        #expect(decided.owner == (9, 0))
        expect(.concurrentTransactions) {
            try decided.raising(commit: true, producerID: 7, epoch: .max - 1, now: 7)
        }
        #expect((complete.producerID, complete.epoch, complete.lastProducerID) == (9, 0, 7))
        guard case .repeated = try complete.raising(commit: true, producerID: 7, epoch: .max - 1, now: 7) else {
            Issue.record("it was carried out before")
            return
        }
        #expect(complete.owner == (9, 0))
        expect(.invalidProducerIDMapping) {
            try complete.raising(commit: true, producerID: 7, epoch: .max - 2, now: 7)
        }
    }

    private func known(epoch: Int16, _ state: Transaction.State) -> Transaction {
        Transaction(
            id: "x", producerID: 7, epoch: epoch, timeoutMs: 1, state: state, partitions: [], startTime: 0,
            lastUpdate: 0, version: 2)
    }

    @Test func `time runs out for an open transaction only, and fences its producer`() throws {
        let open = try open(epoch: 4)

        #expect(open.timedOut(now: 1010) == nil)
        let aborted = try #require(open.timedOut(now: 1011))
        #expect((aborted.epoch, aborted.decision) == (5, false))
        #expect(aborted.timedOut(now: .max / 2) == nil)
        #expect(!open.isExpired(now: .max / 2, after: 1), "an open one is not forgotten either")
        #expect(aborted.completed(now: 100).isExpired(now: 200, after: 100))
        #expect(!aborted.completed(now: 101).isExpired(now: 200, after: 100))
    }
}
