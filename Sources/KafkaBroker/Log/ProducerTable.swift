import KafkaWire

/// The producers of one partition and their open transactions (Kafka's `ProducerStateManager`).
///
/// Deciding (`duplicate`, `check`) and changing (`append`, …) are apart, so that a batch that fails to be written
/// leaves no trace.
struct ProducerTable {
    private(set) var states: [Int64: ProducerState] = [:]
    /// First offsets of open transactions, ascending: what the last stable offset waits for.
    private var openTransactions: [OpenTransaction] = []
    /// Up to which offset the log's batches are accounted for.
    private(set) var endOffset: Int64 = 0

    private struct OpenTransaction: Hashable {
        let firstOffset: Int64
        let producerID: Int64
    }

    init() {}

    init(_ loaded: [ProducerState], endOffset: Int64) {
        for state in loaded {
            states[state.producerID] = state
            if let first = state.transactionFirstOffset { open(state.producerID, at: first) }
        }
        self.endOffset = endOffset
    }

    /// The first offset that an open transaction holds back from `read_committed` readers.
    var firstUnstableOffset: Int64? { openTransactions.first?.firstOffset }

    func state(of producerID: Int64) -> ProducerState {
        states[producerID] ?? ProducerState(producerID: producerID)
    }

    /// Takes note of a batch that is in the log. Returns the transaction that it aborts, if it does.
    mutating func append(_ header: RecordBatchHeader, marker: ControlRecord?) -> AbortedTransaction? {
        endOffset = header.nextOffset
        guard header.producerID >= 0 else { return nil }
        guard header.isControl else {
            let wasOpen = states[header.producerID]?.transactionFirstOffset != nil
            states[header.producerID, default: ProducerState(producerID: header.producerID)].append(header)
            if header.isTransactional, !wasOpen { open(header.producerID, at: header.baseOffset) }
            return nil
        }
        // A control batch without a marker: its transaction is gone from the log, or it is not about transactions.
        guard let marker, marker.kind == .abort || marker.kind == .commit else { return nil }
        let began = states[header.producerID, default: ProducerState(producerID: header.producerID)].endTransaction(
            epoch: header.producerEpoch, coordinatorEpoch: marker.coordinatorEpoch, timestamp: header.maxTimestamp)
        // Without a transaction the marker is alone and has no effect on readers (research D5).
        guard let began else { return nil }
        openTransactions.removeAll { $0.firstOffset == began && $0.producerID == header.producerID }
        guard marker.kind == .abort else { return nil }
        return AbortedTransaction(
            producerID: header.producerID, firstOffset: began, lastOffset: header.baseOffset,
            lastStableOffset: firstUnstableOffset ?? header.nextOffset)
    }

    /// The batch of each producer that a cleaner must leave, if only as a header.
    var lastBatches: [Int64: BatchCleaner.LastOfProducer] {
        states.mapValues { state in
            state.batches.last.map { .data(offset: $0.lastOffset) } ?? .marker(epoch: state.epoch)
        }
    }

    /// Forgets producers whose newest record is too old.
    mutating func expire(now: Int64, after expirationMs: Int64) {
        states = states.filter { !$0.value.isExpired(now: now, after: expirationMs) }
    }

    private mutating func open(_ producerID: Int64, at offset: Int64) {
        let index = openTransactions.firstIndex(sortedBy: { $0.firstOffset > offset })
        openTransactions.insert(OpenTransaction(firstOffset: offset, producerID: producerID), at: index)
    }
}

/// The state of one producer, as DescribeProducers tells it.
package struct ProducerSnapshot: Hashable, Sendable {
    package let producerID: Int64
    package let producerEpoch: Int16
    /// -1 if unknown.
    package let lastSequence: Int32
    /// Milliseconds since 1970 of its newest record; -1 if unknown.
    package let lastTimestamp: Int64
    package let coordinatorEpoch: Int32
    package let currentTransactionStartOffset: Int64?

    init(_ state: ProducerState) {
        producerID = state.producerID
        producerEpoch = state.epoch
        lastSequence = state.lastSequence
        lastTimestamp = state.lastTimestamp
        coordinatorEpoch = state.coordinatorEpoch
        currentTransactionStartOffset = state.transactionFirstOffset
    }
}
