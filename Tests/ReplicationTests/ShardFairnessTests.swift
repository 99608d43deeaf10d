import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Effects of partitions of one shard on each other when memory is short. No sockets and no clock: brokers are loops.
@Suite struct ShardFairnessTests {
    /// The one broker of the source.
    private static let source: Int32 = 1
    private static let batchBytes = 256 << 10
    private static let budget = 16 << 20
    /// The end of a log that nobody reaches.
    private static let endless: Int64 = 1 << 40

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
        private let batches: [ByteBuffer]
        var largestHeld = 0
        private var turn = 0

        /// - Parameter sizes: of the one record in each batch of each partition; the last is that of all others.
        init(ends: [Int64], roundTrip: TimeAmount, sizes: [Int] = [ShardFairnessTests.batchBytes]) throws {
            self.ends = ends
            self.roundTrip = roundTrip
            batches = try sizes.map { size in
                var builder = RecordBatchBuilder()
                builder.append(timestamp: 0, key: nil, value: ByteBuffer(repeating: 7, count: size))
                return try builder.batch(codec: .none).bytes
            }
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
                    var isFirst = true
                    // Who had a turn comes last the next time.
                    turn += 1
                    for index in ends.indices.map({ ($0 + turn) % ends.count }) {
                        guard let position = session.position(of: TopicPartition("orders", Int32(index))) else {
                            continue
                        }
                        let got = try answer(index, position, &room, &isFirst, lane, &scheduler)
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
            _ index: Int, _ position: FetchPosition, _ room: inout Int, _ isFirst: inout Bool, _ lane: FetchLane,
            _ scheduler: inout ShardScheduler
        ) throws -> Int {
            let bytes = batches[min(index, batches.count - 1)]
            var data = FetchResponse.PartitionData()
            data.partitionIndex = Int32(index)
            data.highWatermark = ends[index]
            data.lastStableOffset = ends[index]
            var records = ByteBuffer()
            var offset = position.fetchOffset
            // The first batch of an answer comes whole, as brokers have it.
            while offset < ends[index],
                isFirst
                    || room >= bytes.readableBytes
                        && records.readableBytes + bytes.readableBytes <= position.maxBytes
            {
                isFirst = false
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

    /// The target broker takes everything that waits for it, or so many requests.
    private func takeAll(
        _ scheduler: inout ShardScheduler, at broker: Int32, _ ends: inout [Int: Int64], turns: Int = .max
    ) throws {
        var turns = turns
        while turns > 0, scheduler.hasWork(atTarget: broker) {
            turns -= 1
            let sendings = scheduler.nextSendings(to: broker)
            guard !sendings.isEmpty else { return }
            try take(sendings[...], &scheduler, &ends)
        }
    }

    private func take(
        _ sendings: ArraySlice<ShardScheduler.Sending>, _ scheduler: inout ShardScheduler, _ ends: inout [Int: Int64]
    ) throws {
        for sending in sendings {
            let base = ends[sending.index, default: 0]
            // Small batches may have been merged.
            ends[sending.index] = base + (try Int64(RecordBatch(sending.attempt.records.contiguous).header.recordCount))
            scheduler.send(to: sending.index) {
                $0.answered(
                    ProduceAnswer(.none, baseOffset: base), to: sending.attempt, at: .uptimeNanoseconds(1),
                    wallClock: 0)
            }
        }
    }

    @Test(arguments: [TimeAmount.microseconds(100), .milliseconds(50)])
    func `partitions whose target takes nothing leave memory to the others`(roundTrip: TimeAmount) throws {
        // Eight whose target is silent, and one whose target is not.
        var scheduler = try scheduler(targets: Array(repeating: 9, count: 8) + [2])
        var source = try Source(ends: Array(repeating: Self.endless, count: 9), roundTrip: roundTrip)
        var logs: [Int: Int64] = [:]
        for _ in 0..<50 {
            _ = try source.answer(&scheduler)
            try takeAll(&scheduler, at: 2, &logs)
        }
        let before = logs[8] ?? 0

        for _ in 0..<20 {
            _ = try source.answer(&scheduler)
            try takeAll(&scheduler, at: 2, &logs)
        }

        #expect((logs[8] ?? 0) >= before + 20)
        #expect(source.largestHeld <= Self.budget)
    }

    @Test func `what is new is fetched at once beside any number of backlogs that use all the memory they may`() throws
    {
        var scheduler = try scheduler(targets: Array(repeating: 9, count: 12) + [2])
        var source = try Source(
            ends: Array(repeating: Self.endless, count: 12) + [PartitionDriver.start], roundTrip: .milliseconds(50))
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

    @Test func `a broker that is silent leaves memory to the partitions of others, however many of its own have news`()
        throws
    {
        // Sixty of one silent broker, of another one, and of one that is not.
        var scheduler = try scheduler(targets: (0..<180).map { [9, 8, 2][$0 % 3] })
        var source = try Source(
            ends: Array(repeating: PartitionDriver.start, count: 180), roundTrip: .microseconds(100))
        var logs: [Int: Int64] = [:]
        for _ in 0..<4 {
            for index in source.ends.indices { source.ends[index] += 1 }
            for _ in 0..<70 {
                _ = try source.answer(&scheduler)
                try takeAll(&scheduler, at: 2, &logs)
            }
        }

        let live = (0..<180).filter { $0 % 3 == 2 }
        #expect(live.allSatisfy { logs[$0] == 4 })
        #expect(source.largestHeld <= Self.budget)

        // Whoever speaks again is read again.
        for _ in 0..<300 {
            _ = try source.answer(&scheduler)
            for broker: Int32 in [9, 8, 2] { try takeAll(&scheduler, at: broker, &logs) }
        }
        #expect((0..<180).allSatisfy { logs[$0] == 4 })
    }

    @Test func `ninety-nine quiet partitions do not wait for one that catches up`() throws {
        var scheduler = try scheduler(targets: Array(repeating: 2, count: 100))
        var source = try Source(
            ends: [Self.endless] + Array(repeating: PartitionDriver.start, count: 99), roundTrip: .microseconds(100),
            sizes: [Self.batchBytes, 1_000])
        var logs: [Int: Int64] = [:]
        // The target takes less than comes: what there is to catch up on fills the memory that it may.
        for _ in 0..<100 {
            _ = try source.answer(&scheduler)
            try takeAll(&scheduler, at: 2, &logs, turns: 1)
        }
        for round in 1...20 {
            for index in 1..<100 { source.ends[index] += 1 }

            let brought = try source.answer(&scheduler)
            try takeAll(&scheduler, at: 2, &logs, turns: 2)

            #expect(brought.keys.count { $0 > 0 } == 99)
            #expect((1..<100).allSatisfy { logs[$0] == Int64(round) })
        }
    }

    @Test func `over a distance one partition is asked for in large pieces, and memory stays within the budget`() throws
    {
        var scheduler = try scheduler(targets: [2])
        var source = try Source(ends: [Self.endless], roundTrip: .milliseconds(100))
        var logs: [Int: Int64] = [:]
        var last = 0
        for _ in 0..<20 {
            last = try source.answer(&scheduler)[0] ?? 0
            try takeAll(&scheduler, at: 2, &logs)
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
            try takeAll(&scheduler, at: 2, &logs)
        }
        #expect(logs[0] == 40)
        let orders = TopicPartition("orders", 0)
        let wanting = source.sessions.filter { $0.value.position(of: orders) != nil }.map(\.key)
        #expect(wanting == [.tails(Self.source)])
    }
}
