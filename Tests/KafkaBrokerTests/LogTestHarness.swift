import Foundation
import KafkaBroker
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

enum StorageKind: CaseIterable, CustomTestStringConvertible {
    case memory, disk

    var testDescription: String { self == .memory ? "memory" : "disk" }
}

/// Opens one log again and again over the same storage.
struct LogHarness {
    static let now: Int64 = 1_700_000_000_000

    let directory: TemporaryDirectory?
    let faults = DiskFaults()

    // Swift 6.3 aborts where it inlines this.
    @inline(never)
    init(_ kind: StorageKind) throws {
        directory = kind == .disk ? try TemporaryDirectory() : nil
    }

    var storage: LogStorage {
        directory.map { .directory($0.path, faults: faults) } ?? .memory
    }

    func open(_ configs: [String: String] = [:], now: Int64 = Self.now) throws -> PartitionLog {
        try PartitionLog(topic: "orders", partition: 3, config: LogConfig(configs), storage: storage, now: now)
    }

    /// A file of the partition's directory.
    func file(_ name: String) -> String { (directory?.path ?? "") + "/orders-3/" + name }

    func fileNames(_ suffix: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: file("")).filter { $0.hasSuffix(suffix) }.sorted()
    }
}

/// What a producer sends.
struct TestBatch {
    var values: [String?] = ["a"]
    var keys: [String?]?
    var timestamps: [Int64]?
    var codec: CompressionCodec = .none
    var producerID: Int64 = -1
    var epoch: Int16 = -1
    var sequence: Int32 = -1
    var isTransactional = false
    var isControl = false
    var baseOffset: Int64 = 0

    var batch: RecordBatch {
        get throws {
            var builder = RecordBatchBuilder(
                baseOffset: baseOffset, producerID: producerID, producerEpoch: epoch, baseSequence: sequence,
                isTransactional: isTransactional, isControl: isControl)
            for (index, value) in values.enumerated() {
                let key = keys.map { $0[index] } ?? "key-\(index)"
                builder.append(
                    timestamp: timestamps?[index] ?? LogHarness.now, key: key.map(ByteBuffer.init(string:)),
                    value: value.map(ByteBuffer.init(string:)))
            }
            return try builder.batch(codec: codec)
        }
    }

    var bytes: RecordBytes { get throws { RecordBytes(try batch.bytes) } }

    /// The same batch with another header; the checksum follows unless `edit` is about the checksum's own rule.
    func edited(_ edit: (inout RecordBatchHeader) -> Void) throws -> RecordBytes {
        try batch.rewritingHeader(edit)
    }
}

extension PartitionLog {
    @discardableResult
    func append(
        _ batch: TestBatch, leaderEpoch: Int32 = 0, version: Int16 = 9, now: Int64 = LogHarness.now
    ) throws -> AppendResult {
        try append(try batch.bytes, leaderEpoch: leaderEpoch, produceVersion: version, now: now)
    }

    /// Everything that can be read, as (offset, value).
    func records(from offset: Int64? = nil, maxBytes: Int = .max, upTo: Int64? = nil) throws -> [LogRecord] {
        var next = offset ?? logStartOffset
        let limit = upTo ?? highWatermark
        var found: [LogRecord] = []
        while next < limit {
            let slice = try read(from: next, maxBytes: maxBytes, minOneBatch: true, upTo: limit)
            guard !slice.isEmpty else { break }
            var reader = LogEntryReader(slice.records.contiguous)
            while case .batch(let batch) = try reader.next() {
                var records = try batch.records()
                while let record = try records.next() {
                    guard record.offset >= next else { continue }
                    found.append(
                        LogRecord(
                            offset: record.offset, value: record.value.map { String(buffer: $0) }, batch: batch.header))
                }
                guard batch.isChecksumValid else { throw LogReadError(.corruptMessage, "read back damaged") }
            }
            next = slice.nextOffset
        }
        return found
    }

    func values() throws -> [String?] { try records().map(\.value) }
}

struct LogRecord: Equatable {
    let offset: Int64
    let value: String?
    let batch: RecordBatchHeader
}
