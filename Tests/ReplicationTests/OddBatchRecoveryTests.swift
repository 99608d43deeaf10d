import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// After a crash odd batches in the target's tail are found again: nothing is doubled, and little memory taken.
@Suite struct OddBatchRecoveryTests {
    private static let start = PartitionDriver.start

    /// The batch at the source, and behind it one that was not copied; the same on the target, where it lies from 0 on.
    private func recovered(_ odd: ByteBuffer) throws -> (driver: PartitionDriver, tail: TargetTail) {
        let written = try RecordBatch(odd)
        let copy = written.rewritingHeader { header in
            header.baseOffset = 0
            header.partitionLeaderEpoch = 0
            header.producerID = PartitionDriver.producerID
            header.producerEpoch = 0
            header.baseSequence = 0
        }
        var driver = PartitionDriver()
        var recovery = PartitionRecovery(
            driver.partition.recoverySubject, ours: [PartitionDriver.producerID], fresh: [])
        let count = Int64(written.header.recordCount)
        var target = RecoveryTarget(
            end: LogEnd(offset: count, epoch: 0), log: [try RecordBatch(copy.contiguous)])
        target.producers = [ProducerIdentity(id: PartitionDriver.producerID, epoch: 0)]
        target.sourceLog = [written, try PartitionDriver.batch(written.header.nextOffset, count: 5)]
        target.answer(&recovery, intake: driver.intake)
        #expect(recovery.abort == nil)
        let now = driver.now
        driver.event { $0.recovered(recovery, at: now, wallClock: 0) }
        #expect(driver.partition.isStreaming)
        #expect(driver.partition.cursor.position == written.header.nextOffset)
        #expect(driver.partition.accounting.written == count)
        #expect(driver.partition.accounting.skipped.isEmpty)
        return (driver, recovery.tail)
    }

    @Test(arguments: [[2, 1, 0], [0, 0, 0], [0, 2, 1], [1, 0, 2]] as [[Int32]])
    func `offsets that go back do not hide what was copied`(deltas: [Int32]) throws {
        let odd = OddBatch {
            $0.baseOffset = Self.start
            $0.deltas = deltas
            $0.lastOffsetDelta = 2
        }
        let (_, tail) = try recovered(odd.bytes())
        #expect(tail.fingerprints.map(\.number) == [0, 1, 2])
    }

    @Test func `a batch that stands for too much is counted`() throws {
        let odd = OddBatch {
            $0.baseOffset = Self.start
            $0.codec = .zstd
            $0.value = { _ in ByteBuffer(repeating: 0, count: 100 << 20) }
        }
        let (_, tail) = try recovered(odd.bytes())
        #expect(tail.fingerprints.count == 1)
        #expect(tail.count == 1)
    }

    @Test func `of a batch with very many records some are remembered`() throws {
        let odd = OddBatch {
            $0.baseOffset = Self.start
            $0.codec = .zstd
            $0.deltas = Array(0..<100_000)
            $0.value = { _ in ByteBuffer() }
        }
        let (_, tail) = try recovered(odd.bytes())
        #expect(tail.fingerprints.count <= 16_384 && tail.fingerprints.count > 1_000)
        #expect(tail.count == 100_000)
    }

    @Test func `a lost answer about such a batch is found in the log`() throws {
        var driver = try PartitionDriver.streaming(copied: 0)
        let position = driver.partition.cursor.position
        let odd = OddBatch {
            $0.baseOffset = position
            $0.deltas = [2, 1, 0]
        }
        var answer = SourceAnswer(fetchOffset: position)
        answer.records = RecordBytes(try odd.bytes())
        driver.fetch(answer)
        driver.send()
        let sent = try RecordBatch(try #require(driver.inFlight.first).records.contiguous)
        driver.lose()
        try driver.recover(
            end: 3, log: [try RecordBatch(sent.assigningOffsets(baseOffset: 0, leaderEpoch: 0).contiguous)])
        #expect(driver.partition.isStreaming)
        #expect(driver.partition.accounting.written == 3)
        #expect(driver.send() == 0)
    }
}
