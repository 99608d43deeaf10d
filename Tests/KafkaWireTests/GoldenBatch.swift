import Foundation
import KafkaCompression
import KafkaWire
import NIOCore
import Testing

/// A batch or message set that somebody else's client wrote, and the records that it reads back from it.
/// `Fixtures/make_batches.py` makes them.
struct GoldenBatch: Decodable, Sendable, CustomTestStringConvertible {
    struct Fields: Decodable, Sendable {
        var producerID: Int64?
        var producerEpoch: Int16?
        var baseSequence: Int32?
        var isTransactional: Bool?
        var isLogAppendTime: Bool?
    }

    let name: String
    let magic: Int8
    let codec: CompressionCodec
    let fields: Fields
    let bytes: ByteBuffer
    let records: [Record]

    var testDescription: String { name }

    /// The batch of a case in format 2.
    var batch: RecordBatch {
        get throws { try RecordBatch(bytes) }
    }

    static let all: [GoldenBatch] = ["kafka-python", "aiokafka"].flatMap { load("\($0).json") }
    static let batches = all.filter { $0.magic == 2 }
    static let uncompressedBatches = batches.filter { $0.codec == .none }
    static let messageSets = all.filter { $0.magic < 2 }

    private static func load(_ file: String) -> [GoldenBatch] {
        do {
            let url = Bundle.module.bundleURL.appendingPathComponent("Fixtures/batches/\(file)")
            return try JSONDecoder().decode([GoldenBatch].self, from: Data(contentsOf: url))
        } catch {
            preconditionFailure("\(file): \(error)")
        }
    }

    private enum Keys: CodingKey { case name, magic, codec, fields, bytes, records }

    init(from decoder: any Decoder) throws {
        let container = try decoder.container(keyedBy: Keys.self)
        name = try container.decode(String.self, forKey: .name)
        magic = try container.decode(Int8.self, forKey: .magic)
        let codecName = try container.decode(String.self, forKey: .codec)
        guard let codec = CompressionCodec(name: codecName) else { throw UnknownCodec(name: codecName) }
        self.codec = codec
        fields = try container.decode(Fields.self, forKey: .fields)
        bytes = try ByteBuffer(hex: container.decode(String.self, forKey: .bytes))
        records = try container.decode([EncodedRecord].self, forKey: .records).map(\.record)
    }

    private struct UnknownCodec: Error { let name: String }
}

/// `[offset, timestamp, key, value, [[header name, header value], …]]`
private struct EncodedRecord: Decodable {
    let record: Record

    init(from decoder: any Decoder) throws {
        var fields = try decoder.unkeyedContainer()
        record = Record(
            offset: try fields.decode(Int64.self), timestamp: try fields.decode(Int64.self),
            key: try fields.decode(EncodedBytes.self).bytes, value: try fields.decode(EncodedBytes.self).bytes,
            headers: try fields.decode([EncodedHeader].self).map(\.header))
    }
}

private struct EncodedHeader: Decodable {
    let header: RecordHeader

    init(from decoder: any Decoder) throws {
        var fields = try decoder.unkeyedContainer()
        header = RecordHeader(
            key: try ByteBuffer(hex: fields.decode(String.self)), value: try fields.decode(EncodedBytes.self).bytes)
    }
}

/// Null, hex, or `[hex, repetitions]`.
private struct EncodedBytes: Decodable {
    let bytes: ByteBuffer?

    init(from decoder: any Decoder) throws {
        let single = try decoder.singleValueContainer()
        if single.decodeNil() {
            bytes = nil
        } else if let hex = try? single.decode(String.self) {
            bytes = try ByteBuffer(hex: hex)
        } else {
            var fields = try decoder.unkeyedContainer()
            let unit = try ByteBuffer(hex: fields.decode(String.self))
            var repeated = ByteBuffer()
            for _ in 0..<(try fields.decode(Int.self)) { repeated.writeImmutableBuffer(unit) }
            bytes = repeated
        }
    }
}

extension ByteBuffer {
    init(hex: String) throws {
        self.init()
        var digits = hex.utf8.makeIterator()
        while let high = digits.next() {
            guard let low = digits.next(), let byte = UInt8(String(decoding: [high, low], as: UTF8.self), radix: 16)
            else { throw CocoaError(.coderInvalidValue) }
            writeInteger(byte)
        }
    }

    var hex: String {
        readableBytesView.reduce(into: "") { $0 += ($1 < 16 ? "0" : "") + String($1, radix: 16) }
    }
}
