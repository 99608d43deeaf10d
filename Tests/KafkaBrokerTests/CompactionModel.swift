import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// What a compacted log must hold, kept the plain way: every record that was ever appended, and what became of its
/// transaction.
struct CompactionModel {
    struct Entry {
        let key: String
        /// Nil for a tombstone.
        let value: String?
        var isAborted = false
        /// When a tombstone that was cleaned may go; set by the first cleaning that meets it.
        var horizon: Int64?
    }

    /// By offset.
    private(set) var entries: [Int64: Entry] = [:]
    private var open: [Int64: [Int64]] = [:]

    mutating func appended(_ keys: [String], _ values: [String?], at base: Int64, openedBy producerID: Int64?) {
        for (index, (key, value)) in zip(keys, values).enumerated() {
            entries[base + Int64(index)] = Entry(key: key, value: value)
            if let producerID { open[producerID, default: []].append(base + Int64(index)) }
        }
    }

    mutating func ended(_ producerID: Int64, commit: Bool) {
        for offset in open.removeValue(forKey: producerID) ?? [] { entries[offset]?.isAborted = !commit }
    }

    /// The log was cleaned before `end`.
    mutating func cleaned(before end: Int64, retentionMs: Int64, now: Int64) {
        for offset in entries.keys where offset < end && entries[offset]?.value == nil {
            if entries[offset]?.horizon == nil { entries[offset]?.horizon = now + retentionMs }
        }
    }

    /// Offset and value of everything that is left, in order.
    func remaining(cleanedBefore end: Int64, now: Int64) -> [(Int64, String?)] {
        var latest: [String: Int64] = [:]
        for (offset, entry) in entries where offset < end && !entry.isAborted {
            latest[entry.key] = max(latest[entry.key] ?? -1, offset)
        }
        return entries.filter { offset, entry in
            guard offset < end else { return true }
            guard latest[entry.key] == offset else { return false }
            return entry.value != nil || entry.horizon ?? .max > now
        }.map { ($0.key, $0.value.value) }.sorted { $0.0 < $1.0 }
    }

    /// The last committed value of each key; none for deleted ones.
    var table: [String: String] {
        var table: [String: String] = [:]
        for (_, entry) in entries.sorted(by: { $0.key < $1.key }) where !entry.isAborted {
            table[entry.key] = entry.value
        }
        return table
    }
}

/// A log under random work, with the model beside it.
struct CompactionRun {
    static let configs = [
        "cleanup.policy": "compact", "segment.bytes": "1500", "index.interval.bytes": "200",
        "delete.retention.ms": "1000",
    ]

    var model = CompactionModel()
    var now = LogHarness.now
    private var dice: SeededGenerator
    private var sequences: [Int64: Int32] = [:]
    /// When the log was last cleaned: with nothing new to clean tombstones stay, however old.
    private var lastCleaning: Int64 = 0
    private var openProducers: Set<Int64> = []
    private var serial = 0

    init(seed: UInt64) {
        dice = seeded(seed)
    }

    /// One random append or end of a transaction.
    mutating func step(_ log: PartitionLog) throws {
        now += Int64.random(in: 0...100, using: &dice)
        if let producerID = openProducers.sorted().randomElement(using: &dice), Int.random(in: 0..<3, using: &dice) == 0
        {
            return try end(producerID, commit: .random(using: &dice), log)
        }
        let count = Int.random(in: 1...6, using: &dice)
        let keys = (0..<count).map { _ in "k\(Int.random(in: 0..<12, using: &dice))" }
        let values = keys.map { key -> String? in
            serial += 1
            return Int.random(in: 0..<5, using: &dice) == 0 ? nil : "\(key)=\(serial)"
        }
        let producerID = Int64.random(in: -2..<5, using: &dice)
        let isTransactional = producerID >= 2
        let batch = TestBatch(
            values: values, keys: keys, timestamps: Array(repeating: now, count: count),
            codec: [CompressionCodec.none, .lz4, .gzip].randomElement(using: &dice) ?? .none,
            producerID: max(producerID, -1), epoch: producerID < 0 ? -1 : 0,
            sequence: producerID < 0 ? -1 : sequences[producerID] ?? 0, isTransactional: isTransactional)
        let result = try log.append(batch, now: now)
        if producerID >= 0 { sequences[producerID, default: 0] += Int32(count) }
        if isTransactional { openProducers.insert(producerID) }
        model.appended(keys, values, at: result.baseOffset, openedBy: isTransactional ? producerID : nil)
    }

    mutating func end(_ producerID: Int64, commit: Bool, _ log: PartitionLog) throws {
        openProducers.remove(producerID)
        _ = try log.appendControlMarker(
            producerID: producerID, epoch: 0, commit: commit, coordinatorEpoch: 0, leaderEpoch: 0, now: now)
        model.ended(producerID, commit: commit)
    }

    mutating func endAll(_ log: PartitionLog) throws {
        for producerID in openProducers.sorted() { try end(producerID, commit: true, log) }
    }

    mutating func compact(_ log: PartitionLog, keyCapacity: Int = 1000) throws {
        let before = log.firstDirtyOffset
        try log.compact(keyCapacity: keyCapacity, now: now)
        guard log.firstDirtyOffset > before else { return }
        lastCleaning = now
        model.cleaned(before: log.firstDirtyOffset, retentionMs: 1000, now: now)
    }

    /// Nothing but what the model says is left, in place and in order.
    func check(_ log: PartitionLog, comment: Comment) throws {
        let found = try log.records().filter { !$0.batch.isControl }
        let expected = model.remaining(cleanedBefore: log.firstDirtyOffset, now: lastCleaning)
        #expect(found.map(\.offset) == expected.map(\.0), comment)
        #expect(found.map(\.value) == expected.map(\.1), comment)
        for offset in stride(from: log.logStartOffset, to: log.logEndOffset, by: 7) {
            let next = try log.records(from: offset).first { !$0.batch.isControl }?.offset
            #expect(next == expected.first { $0.0 >= offset }?.0, comment)
        }
    }

    /// What a reader makes of the log who applies committed records in order.
    static func table(of log: PartitionLog) throws -> [String: String] {
        let aborted = log.abortedTransactions(in: log.logStartOffset..<log.logEndOffset)
        var table: [String: String] = [:]
        var next = log.logStartOffset
        while next < log.lastStableOffset {
            let slice = try log.read(from: next, maxBytes: 4096, minOneBatch: true, upTo: log.lastStableOffset)
            guard !slice.isEmpty else { break }
            next = slice.nextOffset
            var entries = LogEntryReader(slice.records.contiguous)
            while case .batch(let batch) = try entries.next() {
                let isAborted = aborted.contains {
                    $0.producerID == batch.header.producerID && $0.firstOffset <= batch.header.baseOffset
                        && batch.header.lastOffset < $0.lastOffset
                }
                guard !batch.header.isControl, !(batch.header.isTransactional && isAborted) else { continue }
                var records = try batch.records()
                while let record = try records.next() {
                    table[String(buffer: record.key ?? ByteBuffer())] = record.value.map { String(buffer: $0) }
                }
            }
        }
        return table
    }
}
