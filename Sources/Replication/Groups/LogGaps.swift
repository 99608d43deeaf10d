internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Looks for records that a cluster still holds in ranges of offsets: a group may be moved across a range only if
/// nobody could read anything in it any more.
///
/// What a consumer would not get counts as nothing: offsets that retention or compaction has emptied, markers of
/// transactions and fences, and, where only what is committed is read, records of aborted transactions.
actor LogGaps {
    private let client: ClusterClient
    private let isolation: IsolationLevel
    /// Ranges that were read, by partition and their ends.
    private var known: [TopicPartition: [Int64: Known]] = [:]

    private struct Known {
        let log: LogState
        var range: Range<Int64>
        /// The last record in it; nil for none.
        var last: Int64?
    }

    /// Answers read of one partition in a look, each of about a megabyte. Further answers are not searched.
    private static let mostAnswers = 8
    private static let answerBytes: Int32 = 1 << 20
    private static let mostKnown = 20_000
    /// More than are looked at in a row; see ``GroupSync/crossMarkers(_:_:)``.
    private static let mostKnownOfOne = 256

    /// - Parameter isolation: read uncommitted where a transaction may be open: its records have yet to be read.
    init(of client: ClusterClient, isolation: IsolationLevel) {
        self.client = client
        self.isolation = isolation
    }

    /// Searches ranges.
    ///
    /// - Returns: for each the offset from which on nothing can be read in it; nothing for those of which that is not
    ///   known.
    func emptyFrom(_ ranges: [TopicPartition: Range<Int64>]) async -> [TopicPartition: Int64] {
        guard !ranges.isEmpty else { return [:] }
        let logs = await client.logStates(of: Set(ranges.keys))
        let starts = await client.offsets(
            Dictionary(ranges.keys.map { ($0, OffsetQuery.earliest) }) { first, _ in first })
        var found: [TopicPartition: Int64] = [:]
        var scans: [TopicPartition: Scan] = [:]
        for (partition, range) in ranges {
            guard case .success(let start)? = starts[partition], let logStart = start.offset,
                let log = logs[partition]
            else { continue }
            guard logStart < range.upperBound else {
                found[partition] = range.lowerBound
                continue
            }
            let first = max(range.lowerBound, logStart)
            if let known = known[partition]?[range.upperBound], log.continues(known.log),
                known.range.lowerBound <= first,
                known.last.map({ $0 >= logStart }) ?? true
            {
                found[partition] = max(range.lowerBound, known.last.map { $0 + 1 } ?? 0)
            } else {
                scans[partition] = Scan(from: first, to: range.upperBound)
            }
        }
        await read(&scans)
        for (partition, scan) in scans where scan.isDone {
            guard let log = logs[partition] else { continue }
            if known.count >= Self.mostKnown { known = [:] }
            if (known[partition]?.count ?? 0) >= Self.mostKnownOfOne { known[partition] = nil }
            known[partition, default: [:]][scan.range.end] = Known(
                log: log, range: scan.first..<scan.range.end, last: scan.last)
            found[partition] = max(ranges[partition]?.lowerBound ?? 0, scan.last.map { $0 + 1 } ?? 0)
        }
        return found
    }

    private func read(_ scans: inout [TopicPartition: Scan]) async {
        for _ in 0..<Self.mostAnswers {
            let positions = scans.filter { !$0.value.isDone && !$0.value.hasFailed }.map { partition, scan in
                FetchPosition(
                    topic: partition.topic, partition: partition.partition, fetchOffset: scan.range.position,
                    maxBytes: Self.answerBytes)
            }
            guard !positions.isEmpty else { return }
            let answers = await client.read(positions, isolation: isolation)
            let hadRoom = !answers.values.contains { (try? $0.get())?.records != nil }
            for (partition, answer) in answers {
                switch answer {
                case .success(let fetched): scans[partition]?.take(fetched, hadRoom: hadRoom)
                case .failure: scans[partition]?.hasFailed = true
                }
            }
        }
    }
}

/// A search of one range.
private struct Scan {
    let first: Int64
    var range: LogRangeScan
    /// The last record found.
    var last: Int64?
    var hasFailed = false

    var isDone: Bool { range.isDone && !hasFailed }

    init(from first: Int64, to end: Int64) {
        self.first = first
        range = LogRangeScan(from: first, to: end)
    }

    mutating func take(_ fetched: FetchedPartition, hadRoom: Bool) {
        var aborted = AbortedTransactions(fetched.abortedTransactions)
        var reader = LogEntryReader(fetched.records?.contiguous ?? ByteBuffer())
        var next = range.position
        do {
            while next < range.end, let entry = try reader.next() {
                try take(entry, &aborted)
                next = max(next, entry.lastOffset + 1)
            }
        } catch {
            // A part that cannot be read may hold records.
            hasFailed = true
            return
        }
        range.read(upTo: next, hadRoom: hadRoom)
    }

    private mutating func take(_ entry: LogEntry, _ aborted: inout AbortedTransactions) throws {
        switch entry {
        case .batch(let batch):
            let isAborted = aborted.contains(batch.header)
            guard !batch.header.isControl else { return try aborted.end(with: batch) }
            guard !isAborted else { return }
            var records = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { found(record.offset) }
        case .legacy(let message):
            var records = try LegacyRecordStream(message, limit: RecordStream.ordinaryLimit)
            while let record = try records.next() { found(record.offset) }
        }
    }

    private mutating func found(_ offset: Int64) {
        if offset >= first, offset < range.end { last = max(last ?? offset, offset) }
    }
}
