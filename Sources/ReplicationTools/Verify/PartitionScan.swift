internal import DequeModule
internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Reads one partition from an offset to another, entry by entry: only what committed transactions wrote.
struct PartitionScan {
    let client: ClusterClient
    let partition: TopicPartition
    private(set) var start: Int64
    /// Offset at which reading ends; moves with ``extend(to:)``.
    private(set) var end: Int64
    private(set) var bytesRead: Int64 = 0
    private var position: Int64
    private var entries: Deque<LogEntry> = []
    private let lane: Int

    private let fetchBytes: Int32

    /// - Parameters:
    ///   - lane: scans of different lanes do not wait for each other.
    ///   - fetchBytes: asked for at once.
    init(
        client: ClusterClient, partition: TopicPartition, range: Range<Int64>, lane: Int, fetchBytes: Int32 = 4 << 20
    ) {
        self.client = client
        self.partition = partition
        self.lane = lane
        self.fetchBytes = fetchBytes
        start = range.lowerBound
        end = range.upperBound
        position = range.lowerBound
    }

    /// True if nothing is left before the end, as far as it is known without reading.
    var isAtEnd: Bool { entries.isEmpty && position >= end }

    /// Offset behind what has been handed out or passed over.
    var reached: Int64 {
        guard let first = entries.first else { return min(position, end) }
        return firstOffset(of: first)
    }

    /// Present last stable offset.
    func currentEnd() async throws(KafkaError) -> Int64 {
        guard let found = await client.offsets([partition: .latest], isolation: .readCommitted)[partition] else {
            throw KafkaError(.cancelled, during: .request(.listOffsets), cluster: client.settings.name)
        }
        return try found.get().offset ?? 0
    }

    mutating func extend(to newEnd: Int64) {
        end = max(end, newEnd)
    }

    /// Drops records that were fetched ahead: they will be fetched again.
    mutating func dropReadAhead() {
        position = entries.first.map(firstOffset) ?? position
        entries.removeAll(keepingCapacity: false)
    }

    /// The next entry, without taking it; nil at the end.
    mutating func peek() async throws(KafkaError) -> LogEntry? {
        var scan = LogRangeScan(from: position, to: end)
        while entries.isEmpty, !scan.isDone {
            try await read()
            scan.read(upTo: position)
        }
        // The rest is a hole at the end of a compacted log.
        if scan.isExhausted { position = end }
        return entries.first
    }

    mutating func next() async throws(KafkaError) -> LogEntry? {
        _ = try await peek()
        return entries.popFirst()
    }

    private mutating func read() async throws(KafkaError) {
        let fetched = try await client.read(
            FetchPosition(
                topic: partition.topic, partition: partition.partition, fetchOffset: position,
                maxBytes: fetchBytes), isolation: .readCommitted, purpose: .fetch(lane))
        guard let records = fetched.records else { return }
        bytesRead += Int64(records.readableBytes)
        var aborted = AbortedTransactions(fetched.abortedTransactions)
        var reader = LogEntryReader(records.contiguous)
        do {
            while let entry = try reader.next() {
                try take(entry, &aborted)
            }
        } catch {
            throw damaged("\(error)")
        }
    }

    private mutating func take(_ entry: LogEntry, _ aborted: inout AbortedTransactions) throws {
        guard entry.lastOffset <= LogOffset.largest else {
            throw WireError.invalidRecords(reason: "offset \(entry.lastOffset) cannot be one")
        }
        let isAborted = if case .batch(let batch) = entry { aborted.contains(batch.header) } else { false }
        guard entry.lastOffset >= position, entry.lastOffset < end || firstOffset(of: entry) < end else { return }
        position = entry.lastOffset + 1
        if case .batch(let batch) = entry {
            if batch.header.isControl {
                try aborted.end(with: batch)
                return
            }
            guard !isAborted, batch.header.recordCount > 0 else { return }
        }
        entries.append(entry)
    }

    private func firstOffset(of entry: LogEntry) -> Int64 {
        if case .batch(let batch) = entry { return batch.header.baseOffset }
        return entry.lastOffset
    }

    func damaged(_ why: String) -> KafkaError {
        KafkaError(
            .unexpectedAnswer("the log is damaged behind offset \(position): \(why)"), during: .request(.fetch),
            cluster: client.settings.name
        ).about(topic: partition.topic, partition: partition.partition)
    }

    /// Tells whether an offset belongs to what is read.
    func contains(_ offset: Int64) -> Bool { offset >= start && offset < end }
}
