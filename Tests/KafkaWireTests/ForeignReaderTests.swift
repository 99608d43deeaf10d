import Foundation
import KafkaCompression
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// The other direction of the golden batches: kafka-python and aiokafka read what we write.
@Suite(.printsSeed) struct ForeignReaderTests {
    private static var python: String? { ProcessInfo.processInfo.environment["REPLICATOR_PYTHON"] }

    @Test(.enabled(if: python != nil, "REPLICATOR_PYTHON does not name a Python with kafka-python and aiokafka"))
    func `Python clients read what we write`() throws {
        let script = Bundle.module.bundleURL.appendingPathComponent("Fixtures/make_batches.py").path
        let file = FileManager.default.temporaryDirectory.appendingPathComponent("batches-\(UUID().uuidString).json")
        defer { try? FileManager.default.removeItem(at: file) }
        try Data(Self.cases().utf8).write(to: file)

        let process = Process()
        process.executableURL = URL(fileURLWithPath: try #require(Self.python))
        process.arguments = [script, "check", file.path]
        try process.run()
        process.waitUntilExit()

        #expect(process.terminationStatus == 0)
    }

    private static func cases() throws -> String {
        var cases: [String] = []
        for codec in CompressionCodec.allCases {
            for seed in 0..<10 as Range<UInt64> {
                var random = seeded(seed)
                var records = random.records(base: 40)
                for index in records.indices {
                    // Their readers decode header names as text and times as what a clock can show.
                    records[index].timestamp = Int64(1_600_000_000_000) + Int64(random.next() % 1000)
                    for header in records[index].headers.indices {
                        records[index].headers[header].key = ByteBuffer(string: "näme \(header)")
                    }
                }
                var builder = RecordBatchBuilder(baseOffset: 40)
                for record in records { builder.append(record) }
                cases.append(try json("\(codec) \(seed)", builder.batch(codec: codec).bytes, records))
            }
        }
        for magic in [0, 1] as [Int8] {
            for codec in [CompressionCodec.none, .gzip, .snappy, .lz4] where magic == 1 || codec != .lz4 {
                var records: [Record] = []
                var writer = LegacyMessageWriter(magic: magic)
                for index in 0..<20 as Range<Int64> {
                    let value = index == 3 ? nil : ByteBuffer(string: "value \(index)")
                    records.append(
                        Record(
                            offset: 70 + index, timestamp: magic == 0 ? -1 : 1000 + index,
                            key: index == 5 ? nil : ByteBuffer(integer: index), value: value))
                    writer.append(records[Int(index)])
                }
                cases.append(try json("magic \(magic) \(codec)", writer.messageSet(codec: codec), records))
            }
        }
        return "[\(cases.joined(separator: ",\n"))]"
    }

    private static func json(_ name: String, _ bytes: ByteBuffer, _ records: [Record]) throws -> String {
        func text(_ bytes: ByteBuffer?) -> String { bytes.map { "\"\($0.hex)\"" } ?? "null" }
        let list = records.map { record in
            let headers = record.headers.map { "[\(text($0.key)),\(text($0.value))]" }.joined(separator: ",")
            return "[\(record.offset),\(record.timestamp),\(text(record.key)),\(text(record.value)),[\(headers)]]"
        }
        return "{\"name\":\"\(name)\",\"bytes\":\"\(bytes.hex)\",\"records\":[\(list.joined(separator: ","))]}"
    }
}
