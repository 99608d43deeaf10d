import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// The log as an array: what it must look like after any sequence of operations.
private struct LogModel {
    var start: Int64 = 0
    /// From offset 0; nil once the record is gone.
    var values: [String?] = []
    var batches: [Range<Int64>] = []
    var epochs: [(epoch: Int32, start: Int64)] = []

    var end: Int64 { Int64(values.count) }

    mutating func append(_ new: [String], epoch: Int32) {
        if epochs.last.map({ $0.epoch < epoch }) ?? true { epochs.append((epoch, end)) }
        batches.append(end..<end + Int64(new.count))
        values += new
    }

    mutating func truncate(to offset: Int64) {
        // The batch that holds the offset goes as a whole, but the log does not end before it starts.
        let cut = batches.first { $0.contains(offset) }?.lowerBound ?? offset
        let newEnd = max(cut, start)
        for index in Int(cut)..<values.count { values[index] = nil }
        values.removeSubrange(Int(newEnd)...)
        batches.removeAll { $0.lowerBound >= cut }
        epochs.removeAll { $0.start >= newEnd }
    }

    mutating func delete(before offset: Int64) {
        start = offset
        guard let kept = epochs.lastIndex(where: { $0.start <= offset }) else { return }
        epochs[kept].start = offset
        epochs.removeSubrange(..<kept)
    }

    func readable(from offset: Int64) -> [String] { values[Int(max(offset, start))...].compactMap { $0 } }
}

@Suite(.printsSeed) struct `The log against a model` {
    private static let now = LogHarness.now

    @Test(arguments: StorageKind.allCases, [UInt64](1...24))
    func `any sequence of operations leaves what an array would hold`(_ kind: StorageKind, _ seed: UInt64) throws {
        var random = seeded(seed)
        let harness = try LogHarness(kind)
        let configs = [
            "segment.bytes": "\(Int.random(in: 300...5_000, using: &random))",
            "index.interval.bytes": "\(Int.random(in: 0...600, using: &random))",
        ]
        var log = try harness.open(configs)
        var model = LogModel()
        var epoch: Int32 = 0

        for step in 0..<120 {
            switch Int.random(in: 0..<100, using: &random) {
            case ..<60:
                let values = (0..<Int.random(in: 1...5, using: &random)).map { "\(step).\($0)" }
                let codec = CompressionCodec.allCases.randomElement(using: &random) ?? .none
                let result = try log.append(TestBatch(values: values, codec: codec), leaderEpoch: epoch)
                #expect(result.baseOffset == model.end)
                model.append(values, epoch: epoch)
            case ..<70: epoch += 1
            case ..<77 where model.end > model.start:
                let offset = Int64.random(in: model.start...model.end, using: &random)
                #expect(try log.deleteRecords(before: offset) == offset)
                model.delete(before: offset)
            case ..<82 where model.end > model.start:
                let offset = Int64.random(in: model.start...model.end, using: &random)
                guard offset < model.end else { continue }
                try log.truncate(to: offset, now: Self.now)
                model.truncate(to: offset)
            case ..<92 where kind == .disk:
                if Bool.random(using: &random) { try log.close(now: Self.now) }
                log = try harness.open(configs)
            case ..<95: try log.flush(now: Self.now)
            default: try log.applyRetention(now: Self.now)
            }
            try compare(log, model, &random)
        }
    }

    private func compare(_ log: PartitionLog, _ model: LogModel, _ random: inout SeededGenerator) throws {
        #expect(log.logStartOffset == model.start)
        #expect(log.logEndOffset == model.end)
        let offset = Int64.random(in: model.start...model.end, using: &random)
        let limit = Int.random(in: 1...3_000, using: &random)
        let records = try log.records(from: offset, maxBytes: limit)
        #expect(records.compactMap(\.value) == model.readable(from: offset))
        for record in records { #expect(record.value == model.values[Int(record.offset)]) }
        if let last = model.epochs.last, last.start < model.end {
            #expect(log.latestEpoch == last.epoch)
        }
    }
}
