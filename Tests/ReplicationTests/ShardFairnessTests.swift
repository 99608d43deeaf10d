import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// What partitions of one shard do to each other when memory is short. No sockets and no clock: brokers are loops.
@Suite struct ShardFairnessTests {
    /// The one broker of the source.
    private static let source: Int32 = 1
    private static let batchBytes = 256 << 10
    private static let budget = 16 << 20

    /// Partitions that have been recovered, each with a target broker.
    private func scheduler(targets: [Int32]) throws -> ShardScheduler {
        let driver = PartitionDriver()
        var scheduler = ShardScheduler(
            budget: Self.budget, limits: .init(budget: Self.budget), intake: driver.intake, replicaLease: .seconds(300))
        for (number, target) in targets.enumerated() {
            var driver = PartitionDriver(number: Int32(number), targetLeader: target)
            try driver.recover(end: 0)
            scheduler.add(driver.partition)
        }
        return scheduler
    }

    /// A source broker that answers every lane once, with whole batches up to what is asked for.
    private struct Source {
        var sessions: [FetchLane: FetchSession] = [:]
        /// The first offset that each partition does not have.
        var ends: [Int64]
        var now = NIODeadline.uptimeNanoseconds(1_000_000_000)
        let roundTrip: TimeAmount
        let bytes: ByteBuffer
        var largestHeld = 0

        init(ends: [Int64], roundTrip: TimeAmount) throws {
            self.ends = ends
            self.roundTrip = roundTrip
            var builder = RecordBatchBuilder()
            builder.append(
                timestamp: 0, key: nil, value: ByteBuffer(repeating: 7, count: ShardFairnessTests.batchBytes))
            bytes = try builder.batch(codec: .none).bytes
        }

        /// - Returns: bytes that came of each partition.
        mutating func answer(_ scheduler: inout ShardScheduler) throws -> [Int: Int] {
            now = now + roundTrip + .milliseconds(1)
            var brought: [Int: Int] = [:]
            for number in 0...3 {
                let lane = FetchLane(broker: ShardFairnessTests.source, number: number)
                var session = sessions[lane] ?? FetchSession(origin: .init(cluster: "east"))
                scheduler.update(&session, of: lane)
                var room = scheduler.fetchableBytes(in: lane)
                if room > 0 {
                    for index in ends.indices {
                        guard let position = session.position(of: TopicPartition("orders", Int32(index))) else {
                            continue
                        }
                        let got = try answer(index, position, &room, lane, &scheduler)
                        if got > 0 { brought[index, default: 0] += got }
                    }
                    scheduler.answered(lane, bytes: brought.values.reduce(0, +), roundTrip: roundTrip, at: now)
                }
                sessions[lane] = session
                largestHeld = max(largestHeld, scheduler.budget.budget - scheduler.budget.available)
            }
            return brought
        }

        private func answer(
            _ index: Int, _ position: FetchPosition, _ room: inout Int, _ lane: FetchLane,
            _ scheduler: inout ShardScheduler
        ) throws -> Int {
            var data = FetchResponse.PartitionData()
            data.partitionIndex = Int32(index)
            data.highWatermark = ends[index]
            data.lastStableOffset = ends[index]
            var records = ByteBuffer()
            var offset = position.fetchOffset
            while offset < ends[index], room >= bytes.readableBytes,
                records.readableBytes + bytes.readableBytes <= position.maxBytes
            {
                var batch = bytes
                batch.setInteger(offset, at: batch.readerIndex)
                records.writeBuffer(&batch)
                room -= bytes.readableBytes
                offset += 1
            }
            data.records = RecordBytes(records)
            scheduler.fetched(
                FetchedPartition(data, asked: position), of: index, in: lane, roundTrip: roundTrip, at: now)
            return records.readableBytes
        }
    }

    /// The target broker takes everything that waits for it.
    private func takeAll(_ scheduler: inout ShardScheduler, at broker: Int32, _ ends: inout [Int: Int64]) {
        while scheduler.hasWork(atTarget: broker) {
            let sendings = scheduler.nextSendings(to: broker)
            guard !sendings.isEmpty else { return }
            for sending in sendings {
                let base = ends[sending.index, default: 0]
                ends[sending.index] = base + 1
                scheduler.send(to: sending.index) {
                    $0.answered(
                        ProduceAnswer(.none, baseOffset: base), to: sending.attempt, at: .uptimeNanoseconds(1),
                        wallClock: 0)
                }
            }
        }
    }

    @Test(arguments: [TimeAmount.microseconds(100), .milliseconds(50)])
    func `partitions whose target takes nothing leave memory to the others`(roundTrip: TimeAmount) throws {
        // Eight whose target is silent, and one whose target is not.
        var scheduler = try scheduler(targets: Array(repeating: 9, count: 8) + [2])
        var source = try Source(ends: Array(repeating: .max / 4, count: 9), roundTrip: roundTrip)
        var logs: [Int: Int64] = [:]
        for _ in 0..<50 {
            _ = try source.answer(&scheduler)
            takeAll(&scheduler, at: 2, &logs)
        }
        let before = logs[8] ?? 0

        for _ in 0..<20 {
            _ = try source.answer(&scheduler)
            takeAll(&scheduler, at: 2, &logs)
        }

        #expect((logs[8] ?? 0) >= before + 20)
        #expect(source.largestHeld <= Self.budget)
    }

    @Test func `what is new is fetched at once beside any number of backlogs that use all the memory they may`() throws
    {
        var scheduler = try scheduler(targets: Array(repeating: 9, count: 12) + [2])
        var source = try Source(
            ends: Array(repeating: .max / 4, count: 12) + [PartitionDriver.start], roundTrip: .milliseconds(50))
        for _ in 0..<50 { _ = try source.answer(&scheduler) }
        // Fetches of backlogs are on their way, as large as they may be.
        for number in 1...3 {
            let bytes = scheduler.fetchableBytes(in: FetchLane(broker: Self.source, number: number))
            scheduler.budget.reserve(bytes)
        }
        source.ends[12] += 1

        let brought = try source.answer(&scheduler)

        #expect(brought[12] ?? 0 >= Self.batchBytes)
    }

    @Test func `over a distance one partition is asked for in large pieces, and memory stays within the budget`() throws
    {
        var scheduler = try scheduler(targets: [2])
        var source = try Source(ends: [.max / 4], roundTrip: .milliseconds(100))
        var logs: [Int: Int64] = [:]
        var last = 0
        for _ in 0..<20 {
            last = try source.answer(&scheduler)[0] ?? 0
            takeAll(&scheduler, at: 2, &logs)
        }

        #expect(last >= 6 << 20)
        #expect(source.largestHeld <= Self.budget)
    }

    @Test func `one that has caught up is a tail again, and none is asked for twice`() throws {
        var scheduler = try scheduler(targets: [2])
        var source = try Source(ends: [PartitionDriver.start + 40], roundTrip: .milliseconds(100))
        var logs: [Int: Int64] = [:]
        for _ in 0..<20 {
            _ = try source.answer(&scheduler)
            takeAll(&scheduler, at: 2, &logs)
        }
        #expect(logs[0] == 40)
        let orders = TopicPartition("orders", 0)
        let wanting = source.sessions.filter { $0.value.position(of: orders) != nil }.map(\.key)
        #expect(wanting == [.tails(Self.source)])
    }
}
