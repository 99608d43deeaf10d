import Foundation
import KafkaBroker
import KafkaWire
import Testing

@Suite struct `Idempotent producers` {
    private static let now = LogHarness.now

    private func batch(
        _ sequence: Int32, epoch: Int16 = 0, count: Int = 2, producerID: Int64 = 7, timestamp: Int64 = now
    ) -> TestBatch {
        TestBatch(
            values: (0..<count).map { "\(sequence)+\($0)" }, timestamps: Array(repeating: timestamp, count: count),
            producerID: producerID, epoch: epoch, sequence: sequence)
    }

    @Test(arguments: StorageKind.allCases)
    func `each of the last five batches is answered again with its first offset`(_ kind: StorageKind) throws {
        let harness = try LogHarness(kind)
        let log = try harness.open()
        for index in 0..<7 { try log.append(batch(Int32(2 * index))) }

        for index in 2..<7 {
            let again = try log.append(batch(Int32(2 * index)))
            #expect(
                again.isDuplicate && again.baseOffset == Int64(2 * index) && again.lastOffset == Int64(2 * index + 1))
        }
        #expect(throws: ProduceRefusal.self) { try log.append(batch(2)) }
        #expect(log.logEndOffset == 14)
    }

    @Test func `a gap and an overlap are out of order`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(batch(0))

        for sequence: Int32 in [1, 3, 4] {
            let error = #expect(throws: ProduceRefusal.self) { try log.append(batch(sequence)) }
            #expect(error?.code == .outOfOrderSequenceNumber)
        }
        try log.append(batch(2))
        #expect(log.logEndOffset == 4)
    }

    @Test func `an older epoch is fenced, a newer one begins at zero`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(batch(0, epoch: 3))

        #expect(throws: ProduceRefusal.self) { try log.append(batch(2, epoch: 4)) }
        try log.append(batch(0, epoch: 4))
        let fenced = #expect(throws: ProduceRefusal.self) { try log.append(batch(2, epoch: 3)) }
        let replay = #expect(throws: ProduceRefusal.self) { try log.append(batch(0, epoch: 3)) }

        #expect(fenced?.code == .invalidProducerEpoch && replay?.code == .invalidProducerEpoch)
        #expect(log.producers().first?.producerEpoch == 4)
    }

    @Test func `a producer that is not known may begin anywhere`() throws {
        let log = try LogHarness(.memory).open()

        try log.append(batch(40))

        #expect(log.producers().map(\.lastSequence) == [41])
    }

    @Test func `sequence numbers wrap from the largest to zero`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(batch(.max - 1, count: 2))
        try log.append(batch(0, count: 1))
        #expect(log.producers().map(\.lastSequence) == [0])

        let other = try LogHarness(.memory).open()
        try other.append(batch(.max, count: 3))
        #expect(other.producers().map(\.lastSequence) == [1])
        let again = try other.append(batch(.max, count: 3))
        #expect(again.isDuplicate)
        try other.append(batch(2))
    }

    @Test func `a producer expires by the age of its newest record, not of its last append`() throws {
        let log = try LogHarness(.memory).open()
        let day: Int64 = 86_400_000
        try log.append(batch(0, producerID: 1, timestamp: Self.now - day))
        try log.append(batch(0, producerID: 2, timestamp: Self.now - day + 1))

        log.expireProducers(now: Self.now)

        #expect(log.producers().map(\.producerID) == [2])
        #expect(try log.append(batch(0, producerID: 1)).isDuplicate == false)
    }

    @Test(arguments: [true, false])
    func `duplicates are recognised after a restart`(_ inOrder: Bool) throws {
        let harness = try LogHarness(.disk)
        var log = try harness.open(["segment.bytes": "300"])
        for index in 0..<10 { try log.append(batch(Int32(2 * index))) }
        if inOrder { try log.close(now: Self.now) }

        log = try harness.open(["segment.bytes": "300"])

        for index in 5..<10 { #expect(try log.append(batch(Int32(2 * index))).baseOffset == Int64(2 * index)) }
        try log.append(batch(20))
        #expect(log.logEndOffset == 22)
    }
}

@Suite struct `Transactions in the log` {
    private static let now = LogHarness.now

    private func batch(_ sequence: Int32, producerID: Int64 = 7, epoch: Int16 = 0, transactional: Bool = true)
        -> TestBatch
    {
        TestBatch(
            values: ["v\(sequence)"], producerID: producerID, epoch: epoch, sequence: sequence,
            isTransactional: transactional)
    }

    private func end(_ log: PartitionLog, _ producerID: Int64, commit: Bool, epoch: Int16 = 0, coordinator: Int32 = 0)
        throws -> Int64
    {
        try log.appendControlMarker(
            producerID: producerID, epoch: epoch, commit: commit, coordinatorEpoch: coordinator, leaderEpoch: 0,
            now: Self.now)
    }

    @Test func `the last stable offset waits for the oldest open transaction`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(TestBatch(values: ["plain"]))
        try log.append(batch(0, producerID: 1))
        try log.append(batch(0, producerID: 2))
        #expect(log.lastStableOffset == 1)

        _ = try end(log, 1, commit: true)
        #expect(log.lastStableOffset == 2)
        _ = try end(log, 2, commit: false)

        #expect(log.lastStableOffset == 5 && log.highWatermark == 5)
        #expect(log.abortedTransactions(in: 0..<5).map(\.producerID) == [2])
        #expect(log.abortedTransactions(in: 0..<2).isEmpty)
        #expect(try log.records(upTo: log.lastStableOffset).count == 5)
    }

    @Test func `committed readers see nothing of an open transaction`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(TestBatch(values: ["plain"]))
        try log.append(batch(0))
        try log.append(TestBatch(values: ["after"]))

        let slice = try log.read(from: 0, maxBytes: 1 << 20, minOneBatch: true, upTo: log.lastStableOffset)

        #expect(slice.nextOffset == 1)
        #expect(try log.read(from: 1, maxBytes: 100, minOneBatch: true, upTo: log.lastStableOffset).isEmpty)
    }

    @Test func `a lone marker takes an offset, fences and has no other effect`() throws {
        let log = try LogHarness(.memory).open()

        #expect(try end(log, 9, commit: false, epoch: 5) == 0)

        #expect(log.logEndOffset == 1 && log.lastStableOffset == 1)
        #expect(log.abortedTransactions(in: 0..<1).isEmpty)
        let error = #expect(throws: ProduceRefusal.self) { try log.append(batch(0, producerID: 9, epoch: 4)) }
        #expect(error?.code == .invalidProducerEpoch)
    }

    @Test func `markers of old producers and old coordinators are refused`() throws {
        let log = try LogHarness(.memory).open()
        _ = try end(log, 9, commit: true, epoch: 5, coordinator: 3)

        let producer = #expect(throws: ProduceRefusal.self) { try end(log, 9, commit: true, epoch: 4, coordinator: 3) }
        let coordinator = #expect(throws: ProduceRefusal.self) {
            try end(log, 9, commit: true, epoch: 5, coordinator: 2)
        }

        #expect(producer?.code == .invalidProducerEpoch && coordinator?.code == .transactionCoordinatorFenced)
    }

    @Test func `sequence numbers go on after a commit and begin again after a new epoch's abort`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(batch(0))
        _ = try end(log, 7, commit: true)
        try log.append(batch(1))
        _ = try end(log, 7, commit: false, epoch: 1)

        try log.append(batch(0, epoch: 1))

        #expect(log.producers().first?.lastSequence == 0)
    }

    @Test func `a plain batch inside a transaction is refused`() throws {
        let log = try LogHarness(.memory).open()
        #expect(!log.hasOpenTransaction(producerID: 7, epoch: 0))
        try log.append(batch(0))
        #expect(log.hasOpenTransaction(producerID: 7, epoch: 0))

        let plain = #expect(throws: ProduceRefusal.self) { try log.append(batch(1, transactional: false)) }

        #expect(plain?.code == .invalidTxnState)
    }

    @Test func `a producer with an open transaction never expires`() throws {
        let log = try LogHarness(.memory).open()
        try log.append(batch(0))

        log.expireProducers(now: Self.now + 365 * 86_400_000)

        #expect(log.producers().first?.currentTransactionStartOffset == 0)
    }

    @Test(arguments: [true, false], ["none", ".index", ".txnindex", ".snapshot"])
    func `open and aborted transactions survive a restart`(_ inOrder: Bool, _ damaged: String) throws {
        let harness = try LogHarness(.disk)
        let configs = ["segment.bytes": "200"]
        var log = try harness.open(configs)
        try log.append(batch(0, producerID: 1))
        try log.append(batch(0, producerID: 2))
        _ = try end(log, 1, commit: false)
        try log.append(TestBatch(values: ["plain"]))
        if inOrder { try log.close(now: Self.now) }
        for name in try harness.fileNames(damaged) { try Data([1]).write(to: URL(filePath: harness.file(name))) }

        log = try harness.open(configs)

        #expect(log.lastStableOffset == 1)
        #expect(log.abortedTransactions(in: 0..<4).map(\.firstOffset) == [0])
        _ = try end(log, 2, commit: false)
        #expect(log.lastStableOffset == 5)
        #expect(log.abortedTransactions(in: 0..<5).map(\.producerID) == [1, 2])
    }
}
