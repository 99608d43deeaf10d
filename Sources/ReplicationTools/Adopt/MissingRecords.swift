internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Appends records that copies lack behind those that are there, out of place, in the source's order.
///
/// They go under a producer id that is used for nothing else, with sequences that follow on what earlier attempts have
/// appended: of a batch that one of those has sent and this one sends again, brokers take one.
struct MissingRecords {
    let settings: FlowSettings
    let target: ClusterClient
    let producerID: Int64
    let clusters: (source: String, target: String)

    /// The producer id's first one: it has only one writer at a time, and what a dead one has left on its way is the same.
    static let epoch: Int16 = 0
    /// Batches are closed at this size, below what topics accept as a rule.
    private static let batchBytes = 128 << 10
    /// Ranges with fewer offsets between them are read in one go.
    private static let nearby: Int64 = 2_000

    /// - Throws: also when the source does not have all of them any more; those that were appended stay.
    func append(of partition: AlignedPartition, _ compared: ComparedPair) async throws {
        var batches = Batches(partition: partition.pair.target, sequence: partition.gaps.nextSequence)
        let loopGuard = LoopGuard(
            sourceCluster: clusters.source, targetCluster: clusters.target,
            topicID: partition.pair.sourceTopicID, partition: partition.pair.source.partition,
            stamps: settings.naming == .identical,
            stopsAtForeignHeaders: settings.naming == .identical && settings.onForeignLoopHeader == .stop)
        var ranges = partition.gaps.open.ranges[...]
        while let first = ranges.first {
            var end = first.upperBound
            for range in ranges.dropFirst() {
                guard range.lowerBound - end < Self.nearby else { break }
                end = range.upperBound
            }
            try await append(&batches, &ranges, loopGuard, compared.sourceScan(first.lowerBound..<end), compared)
            ranges = ranges.drop { $0.upperBound <= end }
        }
        try await close(&batches)
        guard batches.count == partition.gaps.open.count else {
            throw AdoptionError.cannotFill(
                flow: settings.name,
                reason: "of \(partition.gaps.open.count) records that \(partition.pair.source) on "
                    + "\(settings.source.name) had, \(batches.count) are left; run adopt again")
        }
    }

    private func append(
        _ batches: inout Batches, _ ranges: inout ArraySlice<Range<Int64>>, _ loopGuard: LoopGuard,
        _ scan: PartitionScan, _ compared: ComparedPair
    ) async throws {
        var scan = scan
        while let entry = try await scan.next() {
            for record in try Self.records(of: entry, scan) {
                while let range = ranges.first, range.upperBound <= record.offset { ranges.removeFirst() }
                guard let range = ranges.first, range.contains(record.offset) else { continue }
                guard let headers = try headers(of: record, loopGuard, compared.pair) else { continue }
                batches.add(record, headers, codec: codec(of: entry))
                if batches.isFull(Self.batchBytes) { try await close(&batches) }
            }
        }
    }

    private static func records(of entry: LogEntry, _ scan: PartitionScan) throws(KafkaError) -> [Record] {
        do {
            guard entry.isChecksumValid else { throw WireError.invalidRecords(reason: "the checksum does not match") }
            var records: [Record] = []
            switch entry {
            case .batch(let batch):
                var reader = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
                while let raw = try reader.nextRaw() {
                    records.append(
                        Record(
                            offset: raw.offset, timestamp: raw.timestamp, key: raw.key, value: raw.value,
                            headers: try raw.headers))
                }
            case .legacy(let legacy):
                var reader = try LegacyRecordStream(legacy, limit: RecordStream.ordinaryLimit)
                while let record = try reader.next() { records.append(record) }
            }
            return records
        } catch {
            throw scan.damaged("\(error)")
        }
    }

    /// As the flow would write them; nil for a record that has come from the target.
    private func headers(
        of record: Record, _ loopGuard: LoopGuard, _ pair: EndOffsetSnapshot.Pair
    ) throws(AdoptionError) -> [RecordHeader]? {
        switch loopGuard.verdict(on: record.headers) {
        case .drop: return nil
        case .keep: return record.headers
        case .foreign:
            throw .cannotFill(
                flow: settings.name,
                reason:
                    "the record at offset \(record.offset) of \(pair.source) on \(settings.source.name) was brought "
                    + "there by MSK Replicator; see onForeignLoopHeader")
        case .stamp:
            let stamp = LoopHeader(
                originCluster: clusters.source, originTopicID: pair.sourceTopicID,
                originPartition: pair.source.partition, originOffset: record.offset, chain: [clusters.source])
            return record.headers + [RecordHeader(key: LoopHeader.keyBytes, value: stamp.encode())]
        case .add(let header): return record.headers + [header]
        case .replace(let headers): return headers
        }
    }

    private func codec(of entry: LogEntry) -> CompressionCodec {
        if case .codec(let wanted) = settings.compression { return wanted }
        guard case .batch(let batch) = entry else { return .none }
        return batch.header.codec ?? .none
    }

    private func close(_ batches: inout Batches) async throws {
        guard let batch = try batches.close(producerID: producerID, epoch: Self.epoch) else { return }
        do throws(KafkaError) {
            _ = try await target.produce(batch, to: batches.partition)
        } catch {
            throw FlowError.kafka(error)
        }
    }
}

/// The batch that is being filled, and what has gone before it.
private struct Batches {
    let partition: TopicPartition
    private var sequence: Int32
    private var builder = RecordBatchBuilder()
    private var codec = CompressionCodec.none
    /// Records that were added.
    private(set) var count = 0
    private var inBatch: Int32 = 0

    init(partition: TopicPartition, sequence: Int32) {
        self.partition = partition
        self.sequence = sequence
    }

    mutating func add(_ record: Record, _ headers: [RecordHeader], codec: CompressionCodec) {
        self.codec = codec
        builder.append(timestamp: record.timestamp, key: record.key, value: record.value, headers: headers)
        count += 1
        inBatch += 1
    }

    func isFull(_ bytes: Int) -> Bool { builder.sizeInBytes >= bytes }

    /// Nil without records.
    mutating func close(producerID: Int64, epoch: Int16) throws -> RecordBytes? {
        guard inBatch > 0 else { return nil }
        var patch = BatchHeaderPatch()
        patch.producerID = producerID
        patch.producerEpoch = epoch
        patch.baseSequence = sequence
        sequence = (sequence &+ inBatch) & .max
        inBatch = 0
        return patch.apply(to: try builder.batch(codec: codec))
    }
}
