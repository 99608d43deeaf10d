import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// The steps of a recovery: which requests follow on which answers.
@Suite struct PartitionRecoveryTests {
    private static let ours = PartitionDriver.producerID

    private func producer(epoch: Int16) -> ProducerIdentity { ProducerIdentity(id: Self.ours, epoch: epoch) }

    private func recovery(
        of driver: PartitionDriver, fresh: Set<Int64> = []
    ) -> PartitionRecovery {
        PartitionRecovery(driver.partition.recoverySubject, ours: [Self.ours], fresh: fresh)
    }

    /// A batch as the flow writes it.
    private func copy(_ offset: Int64, _ count: Int, of source: Int64, sequence: Int32 = 0) throws -> RecordBatch {
        try PartitionDriver.batch(
            offset, count: count, source: source, producerID: Self.ours, epoch: 0, sequence: sequence)
    }

    /// A partition of an earlier run with a checkpoint at source offset 110 and target offset 10.
    private func restored() throws -> PartitionDriver {
        let checkpoint = try #require(PartitionDriver.streaming().partition.checkpoint)
        var driver = PartitionDriver(position: 110)
        driver.event { $0.restore(checkpoint) }
        return driver
    }

    @Test func `an id that nobody has used needs no questions but where the log ends`() {
        var recovery = recovery(of: PartitionDriver(), fresh: [Self.ours])
        var target = RecoveryTarget(end: LogEnd(offset: 0, epoch: 0))
        target.answer(&recovery, intake: PartitionDriver().intake)
        #expect(target.asked == [.targetEnd, .targetEnd])
        #expect(recovery.outcome?.epochs == [])
    }

    @Test func `older epochs are fenced before the tail is read`() throws {
        let driver = PartitionDriver()
        var recovery = recovery(of: driver)
        var target = RecoveryTarget(end: LogEnd(offset: 10, epoch: 0), log: [try copy(0, 10, of: 100)])
        target.producers = [producer(epoch: 3)]
        target.sourceLog = [try PartitionDriver.batch(100, count: 20)]
        target.answer(&recovery, intake: driver.intake)
        #expect(
            target.asked == [
                .describeProducers, .targetEnd, .fence([ProducerIdentity(id: Self.ours, epoch: 4)]), .targetEnd,
                .targetRecords(from: 0), .sourceRecords(from: 100),
            ])
        let resumption = try #require(recovery.outcome?.resumption)
        #expect(resumption.position == 110)
        #expect(resumption.written == 10)
    }

    @Test func `with at-least-once delivery the tail is not read`() {
        let driver = PartitionDriver(.atLeastOnce)
        var recovery = recovery(of: driver)
        var target = RecoveryTarget(end: LogEnd(offset: 10, epoch: 0))
        target.answer(&recovery, intake: driver.intake)
        #expect(target.asked.count == 4)
        #expect(recovery.outcome?.end.offset == 10)
    }

    @Test func `somebody in a higher epoch than ours has taken over`() throws {
        var driver = try PartitionDriver.streaming(inFlight: 1)
        driver.lose()
        var recovery = recovery(of: driver)
        recovery.described([producer(epoch: 9)])
        #expect(recovery.abort == .fenced)
        #expect(recovery.nextRequest == nil)
    }

    @Test func `an exhausted epoch takes another id`() {
        var recovery = recovery(of: PartitionDriver())
        recovery.described([producer(epoch: .max)])
        #expect(recovery.nextRequest == .replaceProducers([Self.ours]))
        recovery.producersReplaced()
        recovery.targetEnds(LogEnd(offset: 0, epoch: 0))
        // Nothing is above the last epoch.
        #expect(recovery.nextRequest == .targetEnd)
    }

    @Test(arguments: [true, false])
    func `without a fence the epoch is renewed only where it has to be`(isTakeover: Bool) throws {
        var driver = isTakeover ? PartitionDriver() : try PartitionDriver.streaming(inFlight: 1)
        if !isTakeover { driver.lose() }
        var recovery = recovery(of: driver)
        recovery.described(nil)
        recovery.targetEnds(LogEnd(offset: 10, epoch: 0))
        recovery.fencingUnavailable()
        recovery.targetEnds(LogEnd(offset: 10, epoch: 0))
        var target = RecoveryTarget(end: LogEnd(offset: 10, epoch: 0))
        target.answer(&recovery, intake: driver.intake)
        #expect(recovery.outcome?.epochs.isEmpty == !isTakeover)
    }

    @Test func `a fence that is refused as too low teaches the epoch, and begins again`() {
        var recovery = recovery(of: PartitionDriver())
        recovery.described([producer(epoch: 3)])
        recovery.targetEnds(LogEnd(offset: 0, epoch: 0))
        recovery.epochsTooLow(
            KafkaError(
                .broker(.invalidProducerEpoch, message: nil), during: .request(.writeTxnMarkers), cluster: "west"))
        #expect(recovery.learnedEpochs == [Self.ours: 4])
        #expect(recovery.outcome == nil)
    }

    @Test func `a leader that changes in between begins it again`() {
        var recovery = recovery(of: PartitionDriver())
        recovery.described([])
        recovery.targetEnds(LogEnd(offset: 5, epoch: 0))
        recovery.fenced()
        recovery.targetEnds(LogEnd(offset: 5, epoch: 1))
        guard case .failed? = recovery.abort else {
            return #expect(Bool(false), "\(String(describing: recovery.abort))")
        }
    }

    enum Truncation: CaseIterable {
        case shorter, epochEndsBefore, regrownElsewhere, regrownInPlace
    }

    @Test(arguments: Truncation.allCases)
    func `a truncated log is told by its length, its epochs and its contents, and is not fenced`(
        truncation: Truncation
    ) throws {
        var driver = try PartitionDriver.streaming()
        driver.event { $0.targetDescribed(topicID: PartitionDriver.targetID, leader: 2, epoch: 1) }
        var recovery = recovery(of: driver)
        var target = RecoveryTarget(end: LogEnd(offset: truncation == .shorter ? 4 : 12, epoch: 1))
        target.epochEnd = truncation == .shorter ? nil : 6
        if truncation == .epochEndsBefore {
            target.end.offset = 6
        }
        target.hasCopy = truncation == .regrownInPlace
        target.answer(&recovery, intake: driver.intake)

        let found = try #require(recovery.outcome)
        switch truncation {
        case .shorter: #expect(found.truncation == 4)
        case .epochEndsBefore, .regrownElsewhere: #expect(found.truncation == 6)
        case .regrownInPlace: #expect(found.truncation == nil)
        }
        let fences = target.asked.contains { if case .fence = $0 { true } else { false } }
        #expect(fences == (truncation == .regrownInPlace))
        #expect(found.epochs.isEmpty == !fences)
    }

    @Test func `an epoch in the tail that is not below ours begins it again`() throws {
        let driver = PartitionDriver()
        var recovery = recovery(of: driver)
        let log = [try PartitionDriver.batch(0, count: 1, producerID: Self.ours, epoch: 5, sequence: 0)]
        var target = RecoveryTarget(end: LogEnd(offset: 1, epoch: 0), log: log)
        target.answer(&recovery, intake: driver.intake)
        #expect(recovery.learnedEpochs[Self.ours] == 5)
        #expect(recovery.outcome == nil)
    }

    @Test func `a tail that begins behind its offset is read from there`() throws {
        let driver = PartitionDriver()
        var recovery = recovery(of: driver)
        recovery.described([])
        recovery.targetEnds(LogEnd(offset: 10, epoch: 0))
        recovery.fenced()
        recovery.targetEnds(LogEnd(offset: 10, epoch: 0))
        recovery.targetOutOfRange()
        #expect(recovery.nextRequest == .targetStart)
        recovery.targetBegins(at: 6)
        #expect(recovery.nextRequest == .targetRecords(from: 6))
        // Compaction has taken the rest.
        for _ in 0..<LogRangeScan.patience { recovery.tookTargetRecords(ByteBuffer()) }
        #expect(recovery.outcome?.tail.gaps == 10)
    }

    @Test(arguments: [(Int64(105), true), (110, false), (120, false)])
    func `a source that was truncated in front of the checkpoint comes first`(end: Int64, isTruncated: Bool) throws {
        let driver = try restored()
        var recovery = recovery(of: driver)
        var target = RecoveryTarget(end: LogEnd(offset: 15, epoch: 0), log: [try copy(10, 5, of: 110, sequence: 10)])
        target.sourceEpochEnd = LogEnd(offset: end, epoch: 0)
        target.sourceLog = [try PartitionDriver.batch(110, count: 10)]
        target.answer(&recovery, intake: driver.intake)
        #expect((recovery.abort == .sourceTruncated(LogEnd(offset: end, epoch: 0))) == isTruncated)
        if !isTruncated { #expect(recovery.outcome?.resumption?.position == 115) }
    }

    @Test func `a source leader that hides its end begins it again`() throws {
        let driver = try restored()
        var recovery = recovery(of: driver)
        var target = RecoveryTarget(end: LogEnd(offset: 15, epoch: 0), log: [try copy(10, 5, of: 110, sequence: 10)])
        target.sourceEpochEnd = LogEnd(offset: 200, epoch: 0)
        target.sourceLog = [try PartitionDriver.batch(110, count: 3)]
        target.answer(&recovery, intake: driver.intake, until: .sourceLeaderEnd)
        #expect(recovery.nextRequest == .sourceLeaderEnd)
        recovery.sourceLeaderEnds(at: 115, cluster: "east")
        guard case .failed(let error)? = recovery.abort else { return #expect(Bool(false)) }
        #expect("\(error)".contains("up to offset 113 only, of 115"))
    }

    @Test func `a batch that skips sequences behind the checkpoint lies in front of a refused one`() throws {
        let driver = try restored()
        var recovery = recovery(of: driver)
        // Sequence 10 would follow; 15 did.
        var target = RecoveryTarget(end: LogEnd(offset: 15, epoch: 0), log: [try copy(10, 5, of: 115, sequence: 15)])
        target.sourceEpochEnd = LogEnd(offset: 200, epoch: 0)
        target.sourceLog = [try PartitionDriver.batch(110, count: 20)]
        target.answer(&recovery, intake: driver.intake)
        let resumption = try #require(recovery.outcome?.resumption)
        #expect(resumption.position == 110)
        #expect(resumption.outOfOrder?.offset == 10)
        #expect(resumption.outOfOrder?.records == 5)
        #expect(resumption.outOfOrder?.cause == .outOfOrderAppend)
    }
}

@Suite struct LogRangeScanTests {
    @Test func `several answers in a row without records end it, if there was room for some`() {
        var scan = LogRangeScan(from: 0, to: 10)
        for _ in 1..<LogRangeScan.patience { scan.read(upTo: 0) }
        #expect(!scan.isDone)
        scan.read(upTo: 5)
        for _ in 0..<100 { scan.read(upTo: 5, hadRoom: false) }
        for _ in 1..<LogRangeScan.patience { scan.read(upTo: 5) }
        #expect(!scan.isDone)
        scan.read(upTo: 5)
        #expect(scan.isDone && scan.isExhausted)
        #expect(scan.position == 5)
    }
}
