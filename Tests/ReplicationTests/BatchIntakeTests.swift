import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Fetched bytes on their way to batches: every offset that is passed is in a batch or counted.
@Suite struct BatchIntakeTests {
    private var intake: BatchIntake {
        var origins = OriginRules(sourceCluster: "S", targetCluster: "T", isIdentical: true, stamps: false)
        origins.producerIDs[origins.usual] = 7
        origins.learn([1, 2, 3], [3: Provenance(chain: ["T"], carriesHeaders: false)])
        return BatchIntake(
            planner: BatchPlanner(compression: .keep, addsLoopHeader: false), origins: origins, quarantinesDamaged: true
        )
    }

    private func batch(
        _ offset: Int64, deltas: [Int32], producer: Int64 = -1, isTransactional: Bool = false, epoch: Int32 = 4
    ) throws -> ByteBuffer {
        var builder = RecordBatchBuilder(
            baseOffset: offset, partitionLeaderEpoch: epoch, producerID: producer, isTransactional: isTransactional)
        for delta in deltas {
            builder.append(
                timestamp: 1, key: nil, value: ByteBuffer(string: "\(offset + Int64(delta))"), offsetDelta: delta)
        }
        return try builder.finish().bytes
    }

    private func take(
        _ batches: [ByteBuffer], from position: Int64, aborted: [FetchResponse.AbortedTransaction] = []
    ) -> (outcome: BatchIntake.Outcome, cursor: SourceCursor) {
        var cursor = SourceCursor(position: position)
        let rewriter = RecordRewriter(compression: .keep, loopGuard: nil, limit: .default)
        let bytes = batches.reduce(into: ByteBuffer()) { $0.writeImmutableBuffer($1) }
        let outcome = intake.take(bytes, aborted: aborted, at: .distantPast, rewriter: rewriter, from: &cursor)
        let passed = cursor.position - position
        let counted = outcome.batches.reduce(0) { $0 + Int64($1.recordCount) } + outcome.skipped.values.reduce(0, +)
        #expect(passed == counted)
        return (outcome, cursor)
    }

    @Test func `dense batches go on as they are`() throws {
        let (outcome, cursor) = try take([batch(0, deltas: [0, 1]), batch(2, deltas: [0])], from: 0)
        #expect(outcome.batches.map(\.sources.ranges) == [[0..<2], [2..<3]])
        #expect(outcome.rewritten.isEmpty && outcome.skipped.isEmpty)
        #expect(cursor == SourceCursor(position: 3, leaderEpoch: 4))
    }

    @Test func `a batch that begins before the position, or has holes, is rewritten`() throws {
        let (outcome, _) = try take([batch(0, deltas: [0, 1, 2]), batch(3, deltas: [0, 2])], from: 1)
        #expect(outcome.rewritten == [.startsBeforePosition: 1, .holes: 1])
        #expect(outcome.batches.map(\.nextSourceOffset) == [3, 6])
        #expect(outcome.batches.last?.skipped == [.compacted: 1])
    }

    @Test func `a gap between batches counts with the batch behind it, or stays open`() throws {
        let (outcome, _) = try take([batch(5, deltas: [0])], from: 0)
        #expect(outcome.batches.first?.skipped == [.compacted: 5])
        let (loop, cursor) = try take([batch(5, deltas: [0], producer: 3)], from: 0)
        #expect(loop.batches.isEmpty)
        #expect(cursor.openSkips == [.compacted: 5, .loop: 1])
    }

    @Test func `an aborted transaction stays behind`() throws {
        var aborted = FetchResponse.AbortedTransaction()
        aborted.producerID = 1
        let (outcome, _) = try take(
            [
                batch(0, deltas: [0], producer: 1, isTransactional: true),
                batch(1, deltas: [0], producer: 2, isTransactional: true),
            ], from: 0, aborted: [aborted])
        #expect(outcome.batches.map(\.sources.first) == [1..<2])
        #expect(outcome.skipped == [.aborted: 1])
    }

    @Test func `a batch of unknown origin is not passed`() throws {
        let (outcome, cursor) = try take([batch(0, deltas: [0]), batch(1, deltas: [0], producer: 9)], from: 0)
        #expect(outcome.need == .origin(9))
        #expect(outcome.batches.count == 1)
        #expect(cursor.position == 1)
    }

    @Test func `a damaged batch that has to be rewritten is quarantined by policy; bytes that are none stop`() throws {
        var damaged = try batch(0, deltas: [0, 2])
        damaged.setInteger(UInt8(0x7f), at: damaged.writerIndex - 2)
        let (outcome, cursor) = try take([damaged, batch(3, deltas: [0])], from: 0)
        #expect(outcome.damaged.map(\.offsets) == [0..<3])
        #expect(outcome.skipped == [.quarantined: 3])
        #expect(cursor.position == 4)

        let (broken, before) = try take([batch(0, deltas: [0]), ByteBuffer(repeating: 0xff, count: 80)], from: 0)
        #expect(broken.failure?.reason == .unreadable)
        #expect(before.position == 1)
    }

    @Test func `bytes that are cut short come again`() throws {
        let whole = try batch(1, deltas: [0])
        let (outcome, cursor) = try take([batch(0, deltas: [0]), whole.getSlice(at: 0, length: 30) ?? whole], from: 0)
        #expect(outcome.failure == nil)
        #expect(cursor.position == 1)
    }
}
