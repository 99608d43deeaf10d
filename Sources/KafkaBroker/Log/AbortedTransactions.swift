import NIOCore

/// A transaction that was aborted: its records lie between these offsets, its marker at the last.
package struct AbortedTransaction: Hashable, Sendable {
    package let producerID: Int64
    package let firstOffset: Int64
    package let lastOffset: Int64
    /// Up to where everything was decided when the marker was written: a search may end at an entry beyond its range.
    package let lastStableOffset: Int64
}

/// The aborted transactions whose markers lie in one segment, in their order (Kafka's `TransactionIndex`).
struct AbortedTransactions: Hashable {
    private(set) var entries: [AbortedTransaction] = []

    mutating func add(_ transaction: AbortedTransaction) {
        entries.append(transaction)
    }

    mutating func truncate(to offset: Int64) {
        entries.removeAll { $0.lastOffset >= offset }
    }

    /// Adds those that have records in `range` to `found`; true if later segments need not be asked.
    func collect(in range: Range<Int64>, into found: inout [AbortedTransaction]) -> Bool {
        for entry in entries {
            if entry.lastOffset >= range.lowerBound, entry.firstOffset < range.upperBound { found.append(entry) }
            if entry.lastStableOffset >= range.upperBound { return true }
        }
        return false
    }
}

// File

extension AbortedTransactions {
    private static let entrySize = 34
    private static let version: Int16 = 0

    /// Kafka's layout; no file for no entries.
    func save(to path: String, faults: DiskFaults?) throws(LogError) {
        guard !entries.isEmpty else { return try FileSystem.remove(path) }
        var bytes = ByteBufferAllocator().buffer(capacity: entries.count * Self.entrySize)
        for entry in entries {
            bytes.writeMultipleIntegers(
                Self.version, entry.producerID, entry.firstOffset, entry.lastOffset, entry.lastStableOffset)
        }
        try FileSystem.replace(path, with: bytes, flushed: false, faults: faults)
    }

    /// Empty if there is no file; nil if there is one that cannot be right for a segment that begins at `baseOffset`.
    init?(loading path: String, baseOffset: Int64) throws(LogError) {
        guard var bytes = try FileSystem.contents(of: path) else { return }
        guard bytes.readableBytes % Self.entrySize == 0 else { return nil }
        while let (version, producerID, first, last, stable) = bytes.readMultipleIntegers(
            as: (Int16, Int64, Int64, Int64, Int64).self)
        {
            guard version == Self.version, last >= baseOffset, first <= last else { return nil }
            add(
                AbortedTransaction(
                    producerID: producerID, firstOffset: first, lastOffset: last, lastStableOffset: stable))
        }
    }
}
