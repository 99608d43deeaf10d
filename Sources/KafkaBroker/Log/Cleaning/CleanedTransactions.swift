import KafkaWire

/// The batches of a walk over a log that belong to aborted transactions, and the markers that nothing depends on any
/// more (Kafka's `CleanedTransactionMetadata`).
struct CleanedTransactions {
    /// By first offset; those that the walk has reached are taken off the end.
    private var coming: [AbortedTransaction]
    private var aborted: [Int64: (transaction: AbortedTransaction, hasData: Bool)] = [:]
    private var committed: Set<Int64> = []
    /// Aborted transactions whose marker stays, since readers may still meet something of them.
    private(set) var kept: [AbortedTransaction] = []

    init(_ transactions: [AbortedTransaction]) {
        coming = transactions.sorted { $0.firstOffset > $1.firstOffset }
    }

    /// Returns true if a batch of records was aborted.
    mutating func isAborted(_ header: RecordBatchHeader) -> Bool {
        reach(header.lastOffset)
        guard header.isTransactional else { return false }
        guard aborted[header.producerID] != nil else {
            committed.insert(header.producerID)
            return false
        }
        aborted[header.producerID]?.hasData = true
        return true
    }

    /// Returns true if a control batch may go: no batch of the transaction that it ends was met.
    ///
    /// - Parameter kind: nil for a batch that was emptied before.
    mutating func isDispensable(_ header: RecordBatchHeader, _ kind: ControlRecord.Kind?) -> Bool {
        reach(header.lastOffset)
        switch kind {
        case nil: return true
        case .commit?: return committed.remove(header.producerID) == nil
        case .abort?:
            guard let entry = aborted.removeValue(forKey: header.producerID), entry.hasData else { return true }
            kept.append(entry.transaction)
            return false
        default: return false
        }
    }

    /// Takes out the aborted transactions that the walk passed since the last time.
    mutating func takeKept() -> [AbortedTransaction] {
        defer { kept.removeAll() }
        return kept
    }

    private mutating func reach(_ offset: Int64) {
        while let next = coming.last, next.firstOffset <= offset {
            aborted[next.producerID] = (next, false)
            coming.removeLast()
        }
    }
}
