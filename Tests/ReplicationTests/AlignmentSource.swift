import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication

/// The source of an ``AlignmentModel``: a log as a broker keeps it, which grows, loses offsets to compaction, loses its end,
/// or becomes the log of another topic of the same name.
struct AlignmentSource {
    private(set) var batches: [RecordBatch] = []
    private(set) var start: Int64
    private(set) var end: Int64
    private(set) var epoch: Int32 = 0
    private(set) var topicID = PartitionDriver.sourceID
    /// Values of the records that readers of committed records find, by offset.
    private(set) var contents: [Int64: String] = [:]
    /// Those that compaction has removed.
    private(set) var compacted: [Int64: String] = [:]
    /// Values that an offset had in logs that are gone; nil for markers and the like.
    private var former: [Int64: Set<String?>] = [:]
    private var epochs: [(epoch: Int32, start: Int64)]
    private var aborted: [(producerID: Int64, first: Int64, last: Int64)] = []
    /// Ends of batches that are not within a transaction.
    private var places: [Int64]
    private var life = 0

    init(start: Int64) {
        self.start = start
        end = start
        epochs = [(0, start)]
        places = [start]
    }

    /// Tells whether any log of this source had that in this place.
    func had(_ value: String?, at offset: Int64) -> Bool {
        former[offset]?.contains(value) == true || contents[offset] == value || compacted[offset] == value
    }

    static func marker(_ producer: ProducerIdentity, at offset: Int64 = 0, commits: Bool = false) throws -> RecordBatch
    {
        var builder = RecordBatchBuilder(
            baseOffset: offset, producerID: producer.id, producerEpoch: producer.epoch, isTransactional: true,
            isControl: true)
        builder.append(
            timestamp: 1, key: ByteBuffer(bytes: [0, 0, 0, commits ? 1 : 0]),
            value: ByteBuffer(bytes: [0, 0, 0, 0, 0, 0]))
        return try builder.finish()
    }
}

// Growing.
extension AlignmentSource {
    /// It gets something: a batch with or without holes, a marker, a transaction, or offsets that were compacted away.
    mutating func grow(_ dice: inout AlignmentModel.Dice) throws {
        switch dice.number(0..<7) {
        case 0: try mark()
        case 1: end += Int64(dice.number(1..<20))
        case 2: try runTransaction(&dice)
        default: try append(&dice, holes: dice.happens(oneIn: 3))
        }
        places.append(end)
    }

    /// No log ends with what was compacted away.
    mutating func close() throws {
        try mark()
        places.append(end)
    }

    private mutating func mark() throws {
        try add(Self.marker(ProducerIdentity(id: 90, epoch: 0), at: end))
    }

    private mutating func runTransaction(_ dice: inout AlignmentModel.Dice) throws {
        let producer = ProducerIdentity(id: 91, epoch: 0)
        let commits = dice.happens(oneIn: 2)
        let first = end
        for _ in 0..<dice.number(1..<4) {
            try append(&dice, of: producer, commits: commits)
            if dice.happens(oneIn: 3) { try append(&dice) }
        }
        try add(Self.marker(producer, at: end, commits: commits))
        if !commits { aborted.append((producer.id, first, end - 1)) }
    }

    private mutating func append(
        _ dice: inout AlignmentModel.Dice, holes: Bool = false, of producer: ProducerIdentity? = nil,
        commits: Bool = true
    ) throws {
        var builder = RecordBatchBuilder(
            baseOffset: end, producerID: producer?.id ?? -1, producerEpoch: producer?.epoch ?? -1,
            isTransactional: producer != nil)
        var delta: Int32 = 0
        for _ in 0..<dice.number(1..<12) {
            let value = "record \(end + Int64(delta)) of \(life)"
            builder.append(timestamp: 1, key: nil, value: ByteBuffer(string: value), offsetDelta: delta)
            if commits { contents[end + Int64(delta)] = value }
            delta += holes && dice.happens(oneIn: 2) ? Int32(dice.number(1..<5)) : 1
        }
        try add(try builder.batch(codec: dice.happens(oneIn: 2) ? .lz4 : .none))
    }

    private mutating func add(_ batch: RecordBatch) throws {
        var bytes = batch.bytes
        // Not under the checksum.
        bytes.setInteger(epoch, at: bytes.readerIndex + 12)
        let batch = try RecordBatch(bytes)
        batches.append(batch)
        end = batch.header.nextOffset
    }
}

// Losing.
extension AlignmentSource {
    /// Compaction takes a plain batch apart, but for its last record, or takes the whole of it.
    mutating func compact(_ dice: inout AlignmentModel.Dice) throws {
        let candidates = batches.indices.dropLast().filter {
            !batches[$0].header.isControl && !batches[$0].header.isTransactional
        }
        guard !candidates.isEmpty else { return }
        let index = candidates[dice.number(0..<candidates.count)]
        let old = batches[index]
        var builder = RecordBatchBuilder(
            baseOffset: old.header.baseOffset, partitionLeaderEpoch: old.header.partitionLeaderEpoch)
        var records = try old.records()
        let takesAll = dice.happens(oneIn: 4)
        while let record = try records.next() {
            if !takesAll, record.offset == old.header.lastOffset || dice.happens(oneIn: 2) {
                builder.append(
                    timestamp: record.timestamp, key: record.key, value: record.value,
                    offsetDelta: Int32(record.offset - old.header.baseOffset))
            } else if let value = contents.removeValue(forKey: record.offset) {
                compacted[record.offset] = value
            }
        }
        if builder.isEmpty { batches.remove(at: index) } else { batches[index] = try builder.batch(codec: .none) }
    }

    /// It elects a leader that lacks its newest batches.
    ///
    /// - Returns: its end.
    mutating func lose(_ dice: inout AlignmentModel.Dice) -> Int64 {
        let count = min(dice.number(1..<6), places.count - 1)
        places.removeLast(count)
        let cut = places.last ?? start
        forget(from: cut)
        batches.removeAll { $0.header.baseOffset >= cut }
        aborted.removeAll { $0.first >= cut }
        end = cut
        epoch += 1
        epochs.removeAll { $0.start >= cut && $0.epoch > 0 }
        epochs.append((epoch, end))
        life += 1
        return cut
    }

    /// Retention takes its first batches.
    mutating func expire() {
        guard batches.count > 2 else { return }
        batches.removeFirst()
        start = batches[0].header.baseOffset
    }

    /// It is deleted, and created once more under the same name.
    mutating func recreate() {
        forget(from: start)
        topicID = KafkaUUID(high: 1, low: topicID.low + 1)
        (batches, aborted, start, end, epoch) = ([], [], 0, 0, 0)
        epochs = [(0, 0)]
        places = [0]
        life += 1
    }

    private mutating func forget(from cut: Int64) {
        for offset in cut..<max(cut, end) { former[offset, default: []].insert(contents[offset] ?? compacted[offset]) }
        contents = contents.filter { $0.key < cut }
        compacted = compacted.filter { $0.key < cut }
    }
}

// Being read.
extension AlignmentSource {
    /// Answers a fetch as brokers do (Kafka's `Partition.readRecords`).
    ///
    /// - Parameters:
    ///   - topicID: the topic that is meant.
    ///   - readEpoch: of what was read last; -1 for none.
    func answer(
        from offset: Int64, of topicID: KafkaUUID, readEpoch: Int32, _ dice: inout AlignmentModel.Dice
    ) -> SourceAnswer {
        var answer = SourceAnswer(fetchOffset: offset)
        guard topicID == self.topicID else {
            answer.errorCode = .unknownTopicID
            return answer
        }
        answer.highWatermark = end
        if readEpoch >= 0, let index = epochs.lastIndex(where: { $0.epoch <= readEpoch }) {
            let ends = index + 1 < epochs.count ? epochs[index + 1].start : end
            if ends < offset || epochs[index].epoch < readEpoch {
                var diverging = FetchResponse.EpochEndOffset()
                (diverging.epoch, diverging.endOffset) = (epochs[index].epoch, ends)
                answer.diverging = diverging
                return answer
            }
        }
        guard (start...end).contains(offset) else {
            answer.errorCode = .offsetOutOfRange
            return answer
        }
        var bytes = ByteBuffer()
        var upTo = offset
        for batch in batches where batch.header.nextOffset > offset {
            bytes.writeImmutableBuffer(batch.bytes)
            upTo = batch.header.nextOffset
            if dice.happens(oneIn: 3) { break }
        }
        if bytes.readableBytes > 0 { answer.records = RecordBytes(bytes) }
        answer.aborted = aborted.filter { $0.last >= offset && $0.first < upTo }.map {
            var transaction = FetchResponse.AbortedTransaction()
            (transaction.producerID, transaction.firstOffset) = ($0.producerID, $0.first)
            return transaction
        }
        return answer
    }
}
