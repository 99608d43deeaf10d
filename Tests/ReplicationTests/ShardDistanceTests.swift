import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Fetches of a shard over a distance. No sockets and no clock: brokers are loops.
@Suite struct ShardDistanceTests {
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
        let bytes: ByteBuffer
        var largestHeld = 0
        private var turn = 0

        init(ends: [Int64], roundTrip: TimeAmount) throws {
            self.ends = ends
            self.roundTrip = roundTrip
            var builder = RecordBatchBuilder()
            builder.append(
                timestamp: 0, key: nil, value: ByteBuffer(repeating: 7, count: ShardDistanceTests.batchBytes))
            bytes = try builder.batch(codec: .none).bytes
        }

        /// - Returns: bytes that came of each partition.
        mutating func answer(_ scheduler: inout ShardScheduler) throws -> [Int: Int] {
            now = now + roundTrip + .milliseconds(1)
            var brought: [Int: Int] = [:]
            for number in 0...3 {
                let lane = FetchLane(broker: ShardDistanceTests.source, number: number)
                var session = sessions[lane] ?? FetchSession(origin: .init(cluster: "east"))
                scheduler.update(&session, of: lane)
                var room = scheduler.fetchableBytes(in: lane)
                if room > 0 {
                    // Who had a turn comes last the next time.
                    turn += 1
                    for index in ends.indices.map({ ($0 + turn) % ends.count }) {
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

    @Test func `over a distance one partition is asked for in large pieces, and memory stays within the budget`() throws
    {
        var scheduler = try scheduler(targets: [2])
        var source = try Source(ends: [Self.endless], roundTrip: .milliseconds(100))
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
