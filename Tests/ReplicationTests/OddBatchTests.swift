import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

/// Batches that a producer may write although no client does, and answers that no log gives: each has an outcome, and
/// the accounts add up.
@Suite(.printsSeed) struct OddBatchTests {
    /// Treatment of an answer of the source.
    private struct Taken {
        var outcome: BatchIntake.Outcome
        var cursor: SourceCursor
        var values: [String]
        /// Source offset of each value.
        var offsets: [Int64]
    }

    private func take(
        _ bytes: [ByteBuffer], from position: Int64 = 0, compression: CompressionChoice = .keep, stamps: Bool = false,
        continues: Bool = false, logEnd: Int64? = nil
    ) throws -> Taken {
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: stamps, stamps: stamps)
        origins.producerIDs[origins.usual] = 7
        origins.learn([9], [:])
        let intake = BatchIntake(
            planner: BatchPlanner(compression: compression, addsLoopHeader: stamps), origins: origins,
            quarantinesDamaged: continues)
        let guarded = LoopGuard(
            sourceCluster: "S", targetCluster: "T", topicID: KafkaUUID(high: 1, low: 1), partition: 0)
        var cursor = SourceCursor(position: position)
        let outcome = intake.take(
            bytes.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }, aborted: [], at: .distantPast,
            rewriter: RecordRewriter(compression: compression, loopGuard: stamps ? guarded : nil, limit: .default),
            room: BatchIntake.Room(logEnd: logEnd), from: &cursor)
        var values: [String] = []
        var offsets: [Int64] = []
        var completed = position
        for batch in outcome.batches {
            // What passes whole is not looked into, and may be unreadable.
            var reader = try? RecordStream(batch.records, limit: .default)
            while let record = try? reader?.nextRaw() { values.append(String(buffer: record.value ?? ByteBuffer())) }
            offsets += batch.sources.ranges.flatMap { $0 }
            #expect(batch.nextSourceOffset >= batch.sources.end)
            completed += Int64(batch.recordCount) + batch.skipped.values.reduce(0, +)
            #expect(batch.nextSourceOffset == completed, "a batch completes what it counts")
        }
        #expect(offsets == offsets.sorted() && Set(offsets).count == offsets.count, "order, and nothing twice")
        let counted = Int64(offsets.count) + outcome.skipped.values.reduce(0, +)
        #expect(cursor.position - position == counted, "each offset passed is written or skipped")
        #expect(completed + cursor.openSkips.values.reduce(0, +) == cursor.position)
        return Taken(outcome: outcome, cursor: cursor, values: values, offsets: offsets)
    }

    private func plain(_ base: Int64, _ count: Int32, _ name: String = "") throws -> ByteBuffer {
        try OddBatch {
            $0.baseOffset = base
            $0.deltas = Array(0..<count)
            $0.value = { ByteBuffer(string: "\(name)\($0)") }
        }.bytes()
    }

    @Test(arguments: [[2, 1, 0], [0, 0, 0], [0, 2, 1], [1, 0, 2]] as [[Int32]], [false, true])
    func `offset deltas that repeat or go back count as they come`(deltas: [Int32], stamps: Bool) throws {
        let odd = OddBatch {
            $0.deltas = deltas
            $0.lastOffsetDelta = 2
        }
        let taken = try take([odd.bytes(), plain(3, 1)], compression: stamps ? .keep : .codec(.gzip), stamps: stamps)

        #expect(taken.values == ["value 0", "value 1", "value 2", "0"])
        #expect(taken.offsets == [0, 1, 2, 3])
        #expect(taken.outcome.irregular.map(\.offsets) == [0..<3])
        #expect(taken.outcome.failure == nil && taken.outcome.damaged.isEmpty)
    }

    @Test func `a batch with such deltas can be begun in the middle`() throws {
        let odd = OddBatch { $0.deltas = [2, 1, 0] }
        let taken = try take([odd.bytes()], from: 1)
        #expect(taken.values == ["value 1", "value 2"])
    }

    /// A batch, whether its records can be told, and the offsets that it has.
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var next: Int64
        var edit: @Sendable (inout OddBatch) -> Void
    }

    static let unreadable: [Case] = [
        Case(testDescription: "more records than offsets", next: 2) {
            $0.deltas = [0, 1, 1]
            $0.lastOffsetDelta = 1
        },
        Case(testDescription: "an offset delta outside of the batch", next: 2) {
            $0.deltas = [0, 5]
            $0.lastOffsetDelta = 1
        },
        Case(testDescription: "a negative offset delta", next: 3) {
            $0.deltas = [0, -1]
            $0.lastOffsetDelta = 2
        },
        Case(testDescription: "fewer records than counted", next: 100) {
            $0.deltas = [0, 1, 2]
            $0.count = 100
            $0.lastOffsetDelta = 99
        },
        Case(testDescription: "as many as can be counted", next: Int64(Int32.max)) {
            $0.count = .max
            $0.lastOffsetDelta = .max - 1
        },
        Case(testDescription: "more records than counted", next: 2) {
            $0.deltas = [0, 1, 1]
            $0.count = 2
            $0.lastOffsetDelta = 1
        },
        Case(testDescription: "records although none is counted", next: 3) {
            $0.deltas = [0, 1, 2]
            $0.count = 0
        },
        Case(testDescription: "a codec that nobody has defined", next: 1) { $0.attributes = 7 },
    ]

    @Test(arguments: unreadable, [CompressionCodec.none, .gzip, .snappy, .zstd])
    func `what cannot be represented stops the partition, or is quarantined by policy`(
        odd: Case, codec: CompressionCodec
    ) throws {
        let batch = OddBatch {
            $0.codec = codec
            odd.edit(&$0)
        }
        let behind = try plain(odd.next, 1, "behind ")
        let stopped = try take([batch.bytes(), behind], compression: .codec(.lz4))
        #expect(stopped.outcome.failure?.reason == .unreadable)
        #expect(stopped.outcome.failure?.explanation.contains("source offset 0") == true)
        #expect(stopped.cursor.position == 0 && stopped.values.isEmpty)

        let continued = try take([batch.bytes(), behind], compression: .codec(.lz4), continues: true)
        #expect(continued.outcome.skipped == [.quarantined: odd.next])
        #expect(continued.outcome.damaged.map(\.offsets) == [0..<odd.next])
        #expect(continued.values == ["behind 0"])
    }

    @Test func `holes inside of a batch, and a last offset behind all records, are holes`() throws {
        let batch = OddBatch {
            $0.deltas = [0, 5]
            $0.lastOffsetDelta = 9
        }
        let taken = try take([batch.bytes()])
        #expect(taken.offsets == [0, 5])
        #expect(taken.outcome.skipped == [.compacted: 8])
    }

    @Test(arguments: [Int64.min, -1, 0, .max], [CompressionChoice.keep, .codec(.zstd)])
    func `any timestamp is copied`(timestamp: Int64, compression: CompressionChoice) throws {
        for attributes in [0, 8, 0x40, 0x80, 0x7F00] as [Int16] {
            let batch = OddBatch {
                $0.deltas = [0, 1]
                $0.baseTimestamp = timestamp
                $0.maxTimestamp = timestamp
                $0.attributes = attributes
            }
            #expect(try take([batch.bytes()], compression: compression).values.count == 2)
        }
    }

    @Test func `a control batch that cannot be read ends its transaction, and counts as control`() throws {
        let marker = OddBatch {
            $0.deltas = [0, 1]
            $0.attributes = 0x30
            $0.producerID = 9
        }
        let taken = try take([marker.bytes(), plain(2, 1)])
        #expect(taken.outcome.skipped == [.control: 2])
        #expect(taken.outcome.irregular.map(\.offsets) == [0..<2])
        #expect(taken.offsets == [2])
    }

    // Answers

    @Test func `a batch that goes back behind a jump is not taken for compacted`() throws {
        let answer = try [plain(0, 3, "a"), plain(100, 2, "b"), plain(3, 3, "c")]
        let stopped = try take(answer)
        #expect(stopped.values == ["a0", "a1", "a2"])
        #expect(stopped.outcome.failure?.explanation.contains("100") == true)
        #expect(stopped.cursor.position == 3)

        let continued = try take(answer, continues: true)
        #expect(continued.values == ["a0", "a1", "a2", "c0", "c1", "c2"])
        #expect(continued.outcome.irregular.map(\.offsets) == [100..<102])
        #expect(continued.outcome.skipped.isEmpty)
        // The next answer begins with the one that was left where it is.
        #expect(try take([answer[1], answer[2]], from: 6, continues: true).values == ["b0", "b1"])
    }

    @Test func `a batch that overlaps the one before it is left out by policy`() throws {
        let answer = try [plain(0, 4, "a"), plain(2, 4, "x")]
        let stopped = try take(answer)
        #expect(stopped.outcome.failure?.explanation.contains("2 to 5") == true)
        #expect(stopped.cursor.position == 4)

        let continued = try take(answer, continues: true)
        #expect(continued.values == ["a0", "a1", "a2", "a3"])
        #expect(continued.outcome.skipped == [.quarantined: 2])
        #expect(continued.outcome.damaged.map(\.offsets) == [2..<6])
    }

    @Test func `a batch that comes twice is written once`() throws {
        let answer = try [plain(0, 2, "a"), plain(0, 2, "a")]
        #expect(try take(answer).outcome.failure != nil)
        let continued = try take(answer, continues: true)
        #expect(continued.values == ["a0", "a1"])
        #expect(continued.outcome.skipped.isEmpty)
        #expect(continued.outcome.damaged.map(\.offsets) == [0..<2])
    }

    @Test(arguments: [1 << 62, Int64.max - 10]) func `nothing lies behind the end of a log`(base: Int64) throws {
        let taken = try take([plain(0, 1), plain(base, 3)], logEnd: 5)
        #expect(taken.cursor.position == 1)
        #expect(taken.outcome.failure?.explanation.contains("\(base)") == true)
    }

    @Test(arguments: [Int64.min, -5]) func `a batch in front of all offsets is no progress`(base: Int64) throws {
        let taken = try take([plain(base, 3)])
        #expect(taken.cursor.position == 0 && taken.values.isEmpty && taken.outcome.failure == nil)
    }

    @Test func `a batch of which the rest does not come is told`() throws {
        var part = try plain(0, 3)
        let start = part.readSlice(length: 70)
        part = try #require(start)
        let taken = try take([part])
        #expect(taken.outcome.partialBytes == 70)
        #expect(taken.cursor.position == 0)
    }

    // Formats before batches

    private func legacySet(magic: Int8, offset: Int64, inner: [Int64]) throws -> ByteBuffer {
        var set = ByteBuffer()
        for (number, offset) in inner.enumerated() {
            set.writeImmutableBuffer(
                Self.message(magic, offset, attributes: 0, value: ByteBuffer(string: "m\(number)")))
        }
        return Self.message(magic, offset, attributes: 1, value: try CompressionCodec.gzip.compress(set))
    }

    private static func message(_ magic: Int8, _ offset: Int64, attributes: Int8, value: ByteBuffer) -> ByteBuffer {
        var body = ByteBuffer()
        body.writeInteger(magic)
        body.writeInteger(attributes)
        if magic == 1 { body.writeInteger(Int64(1_000)) }
        body.writeInteger(Int32(-1))
        body.writeInteger(Int32(value.readableBytes))
        body.writeImmutableBuffer(value)
        var message = ByteBuffer()
        message.writeInteger(offset)
        message.writeInteger(Int32(body.readableBytes + 4))
        message.writeInteger(CRC32.checksum(of: body))
        message.writeImmutableBuffer(body)
        return message
    }

    @Test(
        arguments: [
            (0, [Int64.min, 5]), (0, [5, 1]), (0, [4, 4, 5]), (0, [1, 9]), (0, [-1, 5]), (1, [2, 1, 3]),
            (1, [-7, 3]), (1, [0, 0, 3]),
        ] as [(Int8, [Int64])])
    func `inner offsets that do not rise up to the outer one are refused`(magic: Int8, inner: [Int64]) throws {
        let set = try legacySet(magic: magic, offset: 5, inner: inner)
        let stopped = try take([set])
        #expect(stopped.outcome.failure?.reason == .unreadable)
        #expect(stopped.cursor.position == 0)
        let continued = try take([set, plain(6, 1)], continues: true)
        #expect(continued.outcome.skipped == [.quarantined: 6])
        #expect(continued.offsets == [6])
    }

    @Test func `inner offsets that rise are copied, holes counted`() throws {
        let taken = try take([legacySet(magic: 0, offset: 5, inner: [2, 3, 5])], from: 1)
        #expect(taken.values == ["m0", "m1", "m2"])
        #expect(taken.offsets == [2, 3, 5])
        #expect(taken.outcome.skipped == [.compacted: 2])
    }

    // At random

    @Test func `whatever a log holds, accounts add up and order is kept`() throws {
        var random = seeded(77)
        for _ in 0..<2_000 {
            var answer: [ByteBuffer] = []
            var base = Int64.random(in: -2...6, using: &random)
            for _ in 0..<Int.random(in: 1...5, using: &random) {
                let batch = OddBatch {
                    $0.baseOffset = base
                    let count = Int.random(in: 0...4, using: &random)
                    $0.deltas = (0..<count).map { _ in Int32.random(in: -1...5, using: &random) }
                    if Bool.random(using: &random) { $0.deltas = Array(0..<Int32(count)) }
                    if Int.random(in: 0..<4, using: &random) == 0 {
                        $0.count = Int32.random(in: 0...6, using: &random)
                    }
                    $0.lastOffsetDelta = Int32.random(in: 0...6, using: &random)
                    if Bool.random(using: &random) { $0.lastOffsetDelta = max(Int32(count) - 1, 0) }
                    $0.codec = CompressionCodec.allCases.randomElement(using: &random) ?? .none
                    $0.attributes = [0, 0, 0, 8, 0x20, 0x80].randomElement(using: &random) ?? 0
                }
                answer.append(try batch.bytes())
                base += Int64([1, 3, 3, 5, -3, 50].randomElement(using: &random) ?? 1)
            }
            // What is checked for each is in `take`.
            let choice: CompressionChoice = Bool.random(using: &random) ? .codec(.zstd) : .codec(.none)
            let continues = Bool.random(using: &random)
            let position = Int64.random(in: 0...4, using: &random)
            let taken = try take(
                answer, from: position, compression: choice, stamps: Bool.random(using: &random), continues: continues)
            if !continues { #expect(taken.outcome.skipped[.quarantined] == nil) }
        }
    }
}
