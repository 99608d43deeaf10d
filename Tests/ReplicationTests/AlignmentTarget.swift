import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication

/// The target of an ``AlignmentModel``: a log as a broker keeps it, with what it knows of our producer.
struct AlignmentTarget {
    private(set) var batches: [RecordBatch] = []
    private(set) var start: Int64 = 0
    private(set) var end: Int64 = 0
    private(set) var leaderEpoch: Int32 = 0
    /// Values of its records, by offset.
    private(set) var contents: [Int64: String] = [:]
    /// It refuses some records for good.
    var refusesSome = false
    /// Of our producer; -1 before it is known.
    private(set) var epoch: Int16 = -1
    private(set) var lastSequence: Int32 = -1
    private var recent: [(first: Int32, last: Int32, base: Int64)] = []

    mutating func produce(_ bytes: ByteBuffer) throws -> ProduceAnswer {
        let header = try RecordBatch(bytes).header
        if refusesSome, try Self.values(of: RecordBatch(bytes)).contains(where: Self.refuses) {
            return ProduceAnswer(.invalidRecord)
        }
        let last = header.baseSequence + header.recordCount - 1
        if header.producerEpoch < epoch { return ProduceAnswer(.invalidProducerEpoch) }
        if header.producerEpoch == epoch {
            if let known = recent.first(where: { $0.first == header.baseSequence && $0.last == last }) {
                return ProduceAnswer(.none, baseOffset: known.base)
            }
            guard header.baseSequence == lastSequence + 1 else { return ProduceAnswer(.outOfOrderSequenceNumber) }
        } else if epoch >= 0, header.baseSequence != 0 {
            return ProduceAnswer(.outOfOrderSequenceNumber)
        }
        return ProduceAnswer(.none, baseOffset: try append(bytes))
    }

    static func refuses(_ value: String) -> Bool {
        value.split(separator: " ").dropFirst().first?.hasSuffix("3") == true
    }

    private static func values(of batch: RecordBatch) throws -> [String] {
        guard !Filler.isFiller(batch) else { return [] }
        var values: [String] = []
        var records = try batch.records()
        while let record = try records.next() { values.append(record.value.map { String(buffer: $0) } ?? "null") }
        return values
    }

    mutating func mark(_ producer: ProducerIdentity) throws -> ErrorCode {
        guard producer.epoch >= epoch else { return .invalidProducerEpoch }
        _ = try append(AlignmentSource.marker(producer).bytes)
        return .none
    }

    private mutating func append(_ bytes: ByteBuffer) throws -> Int64 {
        var bytes = bytes
        let base = end
        // Neither is under the checksum.
        bytes.setInteger(base, at: bytes.readerIndex)
        bytes.setInteger(leaderEpoch, at: bytes.readerIndex + 12)
        let batch = try RecordBatch(bytes)
        batches.append(batch)
        end = batch.header.nextOffset
        remember(batch.header)
        // As good as a marker.
        guard !batch.header.isControl, !Filler.isFiller(batch) else { return base }
        var records = try batch.records()
        while let record = try records.next() {
            contents[record.offset] = record.value.map { String(buffer: $0) } ?? "null"
        }
        return base
    }

    private mutating func remember(_ header: RecordBatchHeader) {
        if header.producerEpoch != epoch { (epoch, lastSequence, recent) = (header.producerEpoch, -1, []) }
        guard !header.isControl else { return }
        lastSequence = header.baseSequence + header.recordCount - 1
        recent = recent.suffix(4) + [(header.baseSequence, lastSequence, header.baseOffset)]
    }

    /// Loses its newest batches, as after the election of a leader that never had them.
    mutating func lose(_ count: Int) {
        batches.removeLast(min(count, batches.count))
        end = batches.last?.header.nextOffset ?? start
        contents = contents.filter { $0.key < end }
        leaderEpoch += 1
        (epoch, lastSequence, recent) = (-1, -1, [])
        for batch in batches { remember(batch.header) }
    }

    mutating func delete(before offset: Int64) {
        start = offset
        batches.removeAll { $0.header.nextOffset <= offset }
        contents = contents.filter { $0.key >= offset }
    }

    /// Forgets our producer, as brokers do whose records are old (`producer.id.expiration.ms`).
    mutating func forget() {
        (epoch, lastSequence, recent) = (-1, -1, [])
    }
}
