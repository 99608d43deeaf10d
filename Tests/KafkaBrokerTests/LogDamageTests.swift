import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Opening of files that a disk or a person has changed: nothing that was acknowledged is thrown away.
@Suite struct LogDamageTests {
    private static let segment = "00000000000000000000.log"

    private func bytes(_ path: String) throws -> Data { try Data(contentsOf: URL(filePath: path)) }

    private func flip(_ path: String, at offset: Int, _ mask: UInt8 = 0xA5) throws {
        var data = try bytes(path)
        data[offset] ^= mask
        try data.write(to: URL(filePath: path))
    }

    private func log(_ harness: LogHarness, batches: Int, _ configs: [String: String] = [:]) throws -> [Int] {
        let log = try harness.open(configs)
        return try (0..<batches).map { try log.append(TestBatch(values: ["value \($0)"])).sizeInBytes }
    }

    @Test func `what follows a damaged batch is kept beside the log, and said`() throws {
        for damaged in [0, 1, 3] {
            let harness = try LogHarness(.disk)
            let sizes = try log(harness, batches: 5)
            let start = sizes[..<damaged].reduce(0, +)
            try flip(harness.file(Self.segment), at: start + sizes[damaged] - 1)
            let lost = try bytes(harness.file(Self.segment))[start...]

            let again = try harness.open()

            #expect(try again.values() == (0..<damaged).map { "value \($0)" })
            let kept = try harness.fileNames("-damaged")
            #expect(try kept.count == 1 && bytes(harness.file(kept[0])) == lost)
            let finding = try #require(again.findings.first)
            #expect(!finding.isTorn && finding.offset == Int64(damaged) && finding.position == start)
            #expect(finding.bytes == lost.count)
            try again.append(TestBatch(values: ["next"]))
            #expect(try harness.open().findings.isEmpty, "what was found once is not found again")
        }
    }

    @Test func `segments behind a damaged one are kept whole`() throws {
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "300"]
        _ = try log(harness, batches: 12, configs)
        let segments = try harness.fileNames(".log")
        #expect(segments.count > 3)
        let later = try segments.dropFirst(2).map { try bytes(harness.file($0)) }.filter { !$0.isEmpty }
        try flip(harness.file(segments[1]), at: 70)

        let again = try harness.open(configs)

        #expect(try again.values() == (0..<again.logEndOffset).map { "value \($0)" })
        let kept = try harness.fileNames("-damaged").map { try bytes(harness.file($0)) }
        #expect(Set(kept).isSuperset(of: later))
        #expect(again.findings.map(\.isTorn) == [false])
    }

    @Test func `an unfinished write is dropped, and nothing is kept of it`() throws {
        let reference = try LogHarness(.disk)
        let sizes = try log(reference, batches: 3)
        let whole = try bytes(reference.file(Self.segment))
        let last = whole.count - sizes[2]
        let torn =
            (last + 1..<whole.count).map { whole[..<$0] }
            + [whole[..<last] + Data(count: 5000), whole[..<(last + 30)] + Data(count: 5000)]
        for contents in torn {
            let harness = try LogHarness(.disk)
            _ = try harness.open()
            try Data(contents).write(to: URL(filePath: harness.file(Self.segment)))

            let again = try harness.open()

            #expect(try again.values() == ["value 0", "value 1"])
            #expect(again.findings.map(\.isTorn) == [true])
            #expect(again.findings.map(\.bytes) == [contents.count - last])
            #expect(try harness.fileNames("-damaged").isEmpty)
        }
    }

    @Test func `a base offset of any size does not end the process`() throws {
        for first in [0x7F, 0x80, 0xFF] as [UInt8] {
            let harness = try LogHarness(.disk)
            let sizes = try log(harness, batches: 3)
            var data = try bytes(harness.file(Self.segment))
            for index in 0..<8 { data[sizes[0] + index] = index == 0 ? first : 0xFF }
            try data.write(to: URL(filePath: harness.file(Self.segment)))

            let again = try harness.open()

            #expect(try again.values() == ["value 0"])
            #expect(try harness.fileNames("-damaged").count == 1)
        }
    }

    @Test func `a wrong digit in the checkpoint hides and removes no record`() throws {
        let reference = try LogHarness(.disk)
        let original = try reference.open(["segment.bytes": "300"])
        for index in 0..<10 { try original.append(TestBatch(values: ["\(index)"])) }
        _ = try original.deleteRecords(before: 2)
        try original.flush(now: LogHarness.now)
        let text = try bytes(reference.file("log-checkpoint"))
        for index in text.indices {
            let harness = try LogHarness(.disk)
            try FileManager.default.copyItem(atPath: reference.file(""), toPath: harness.file(""))
            try flip(harness.file("log-checkpoint"), at: index, 8)

            let again = try harness.open(["segment.bytes": "300"])

            #expect(again.logStartOffset <= 2 && again.logEndOffset == 10, "byte \(index)")
            #expect(try again.values().suffix(8) == (2..<10).map { "\($0)" })
        }
    }

    @Test func `a checkpoint without a checksum, as earlier versions wrote it, is believed`() throws {
        let harness = try LogHarness(.disk)
        _ = try log(harness, batches: 4)
        try Data("version 0\nlogStartOffset 2\nrecoveryPoint 4\n".utf8)
            .write(to: URL(filePath: harness.file("log-checkpoint")))
        #expect(try harness.open().logStartOffset == 2)
    }

    @Test func `a log that is shorter than its start is kept beside the new one`() throws {
        let harness = try LogHarness(.disk)
        _ = try log(harness, batches: 4)
        let records = try bytes(harness.file(Self.segment))
        try Data("version 0\nlogStartOffset 9\nrecoveryPoint 9\n".utf8)
            .write(to: URL(filePath: harness.file("log-checkpoint")))

        let again = try harness.open()

        #expect(again.logStartOffset == 9 && again.logEndOffset == 9)
        #expect(try harness.fileNames("-damaged").map { try bytes(harness.file($0)) } == [records])
    }

    @Test func `wrong entries in index files hide no record`() throws {
        let reference = try LogHarness(.disk)
        let configs = ["segment.bytes": "3000", "index.interval.bytes": "100"]
        let original = try reference.open(configs)
        for index in 0..<120 { try original.append(TestBatch(values: ["\(index)"])) }
        try original.close(now: LogHarness.now)
        let name = try reference.fileNames(".index")[0]
        let count = try bytes(reference.file(name)).count
        #expect(count > 80)
        for index in stride(from: 4, to: count, by: 24) {
            // The position of another batch: as wrong as can be without looking so.
            let harness = try LogHarness(.disk)
            try FileManager.default.copyItem(atPath: reference.file(""), toPath: harness.file(""))
            var data = try bytes(harness.file(name))
            data.replaceSubrange(index..<index + 4, with: data.suffix(4))
            try data.write(to: URL(filePath: harness.file(name)))
            let log = try harness.open(configs)
            for offset in Int64(0)..<120 {
                #expect(try log.records(from: offset, maxBytes: 1).first?.offset == offset)
            }
        }
    }

    @Test func `a swap file with a wrong digit removes no segment`() throws {
        let harness = try LogHarness(.disk)
        _ = try log(harness, batches: 12, ["segment.bytes": "300"])
        let before = try harness.fileNames(".log")
        try Data("0 3 c1".utf8).write(to: URL(filePath: harness.file("00000000000000000000.swap")))

        #expect(throws: LogError.self) { try harness.open(["segment.bytes": "300"]) }
        #expect(try harness.fileNames(".log") == before)
    }

    @Test func `links and pipes in the place of files are not followed`() throws {
        for name in [Self.segment, "log-checkpoint", "leader-epoch-checkpoint"] {
            let harness = try LogHarness(.disk)
            _ = try log(harness, batches: 2)
            let target = try TemporaryDirectory().path + "/target"
            try Data("precious".utf8).write(to: URL(filePath: target))
            try? FileManager.default.removeItem(atPath: harness.file(name))
            try FileManager.default.createSymbolicLink(atPath: harness.file(name), withDestinationPath: target)

            let error = #expect(throws: LogError.self) { try harness.open() }

            #expect(error?.description.contains("symbolic link") == true)
            #expect(try bytes(target) == Data("precious".utf8))
        }
        let harness = try LogHarness(.disk)
        _ = try harness.open()
        try FileManager.default.removeItem(atPath: harness.file(Self.segment))
        #expect(mkfifo(harness.file(Self.segment), 0o600) == 0)
        #expect(throws: LogError.self) { try harness.open() }
    }

    @Test func `a draft that is a link is replaced, not written through`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open()
        let target = try TemporaryDirectory().path + "/target"
        try Data("precious".utf8).write(to: URL(filePath: target))
        for name in ["log-checkpoint.tmp", "leader-epoch-checkpoint.tmp", "00000000000000000000.index.tmp"] {
            try FileManager.default.createSymbolicLink(atPath: harness.file(name), withDestinationPath: target)
        }
        try log.append(TestBatch(), leaderEpoch: 3)
        try log.close(now: LogHarness.now)
        #expect(try bytes(target) == Data("precious".utf8))
        #expect(try harness.fileNames(".tmp").isEmpty)
    }

    @Test func `files of a log are for their owner alone`() throws {
        let harness = try LogHarness(.disk)
        let log = try harness.open()
        try log.append(TestBatch())
        try log.close(now: LogHarness.now)
        for name in try harness.fileNames("") {
            let attributes = try FileManager.default.attributesOfItem(atPath: harness.file(name))
            #expect(attributes[.posixPermissions] as? Int == 0o600, "\(name)")
        }
    }
}
