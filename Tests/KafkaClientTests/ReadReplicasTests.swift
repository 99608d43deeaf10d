import KafkaClient
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Brokers that partitions are read from when leaders name replicas (KIP-392).
@Suite(.printsSeed) struct ReadReplicasTests {
    private static let orders = TopicPartition("orders", 0)
    private static let leader: Int32 = 1
    private static let replica: Int32 = 2
    private static let start = NIODeadline.uptimeNanoseconds(1_000_000_000_000)

    /// Replicas of one partition, with the time and the random numbers that they are given.
    private struct World {
        var replicas = ReadReplicas(lifetime: .seconds(300))
        var now = ReadReplicasTests.start
        var random = seeded(7)

        var replica: Int32? { replicas.replica(of: ReadReplicasTests.orders) }
        var tellsRack: Bool { replicas.mayTellRack(at: now) }

        mutating func answer(
            by broker: Int32, naming named: Int32? = nil, error: ErrorCode = .none, diverging: Bool = false
        ) -> ReadReplicas.Effect {
            let position = FetchPosition(topic: "orders", partition: 0, fetchOffset: 5)
            var data = FetchResponse.PartitionData()
            data.errorCode = error
            data.preferredReadReplica = named ?? -1
            if diverging {
                data.divergingEpoch.epoch = 3
                data.divergingEpoch.endOffset = 4
            }
            return replicas.answered(FetchedPartition(data, asked: position), by: broker, at: now, using: &random)
        }

        mutating func failed() {
            replicas.failed(ReadReplicasTests.orders, at: now, using: &random)
        }
    }

    @Test func `a replica that the leader names is read from then on`() {
        var world = World()
        #expect(world.replica == nil)
        #expect(world.answer(by: Self.leader, naming: Self.replica) == .moved(to: Self.replica))
        #expect(world.replica == Self.replica)
        #expect(world.replicas.partitions(at: Self.replica) == [Self.orders])
        #expect(world.answer(by: Self.replica) == .none)
        #expect(world.answer(by: Self.leader, naming: Self.replica) == .none, "an answer that was on its way")
    }

    @Test func `a leader that names itself changes nothing`() {
        var world = World()
        #expect(world.answer(by: Self.leader, naming: Self.leader) == .none)
        #expect(world.replica == nil)
    }

    @Test(arguments: [ErrorCode.offsetOutOfRange, .notLeaderOrFollower, .unknownLeaderEpoch, .kafkaStorageError])
    func `what a replica refuses is not believed, and its leader is asked without the rack`(code: ErrorCode) {
        var world = World()
        _ = world.answer(by: Self.leader, naming: Self.replica)

        #expect(world.answer(by: Self.replica, error: code) == .returned)
        #expect(world.replica == nil)
        #expect(!world.tellsRack)
        world.now = world.now + .seconds(2)
        #expect(world.tellsRack)
    }

    @Test func `epochs that part at a replica are its own`() {
        var world = World()
        _ = world.answer(by: Self.leader, naming: Self.replica)
        #expect(world.answer(by: Self.replica, diverging: true) == .returned)
        #expect(world.replica == nil)
    }

    @Test func `what a leader refuses counts`() {
        var world = World()
        #expect(world.answer(by: Self.leader, error: .offsetOutOfRange) == .none)
        #expect(world.answer(by: Self.leader, diverging: true) == .none)
        #expect(world.tellsRack)
    }

    @Test func `a replica that has failed is not read while the pause lasts, though the leader names it`() {
        var world = World()
        _ = world.answer(by: Self.leader, naming: Self.replica)
        world.failed()

        #expect(world.answer(by: Self.leader, naming: Self.replica) == .none)
        world.now = world.now + .seconds(2)
        #expect(world.answer(by: Self.leader, naming: Self.replica) == .moved(to: Self.replica))
    }

    @Test func `pauses grow with failures in a row, up to the lifetime, and begin again after a success`() {
        var world = World()
        var pauses: [Int64] = []
        func pause() -> Int64 {
            world.failed()
            var seconds: Int64 = 0
            while !world.tellsRack {
                world.now = world.now + .seconds(1)
                seconds += 1
            }
            return seconds
        }
        for _ in 0..<12 {
            _ = world.answer(by: Self.leader, naming: Self.replica)
            pauses.append(pause())
        }
        #expect(zip(pauses, pauses.dropFirst()).prefix(7).allSatisfy { $0 < $1 })
        #expect(pauses.allSatisfy { $0 <= 361 })
        #expect(pauses.last ?? 0 >= 240)

        _ = world.answer(by: Self.leader, naming: Self.replica)
        _ = world.answer(by: Self.replica)
        #expect(pause() <= 2)
    }

    @Test func `a failure without a replica is none`() {
        var world = World()
        world.failed()
        #expect(world.tellsRack)
    }

    @Test func `a lease ends after its lifetime, however often the replica is named`() {
        var world = World()
        _ = world.answer(by: Self.leader, naming: Self.replica)
        world.now = world.now + .seconds(299)
        _ = world.answer(by: Self.leader, naming: Self.replica)
        #expect(world.replicas.endLeases(at: world.now).isEmpty)

        world.now = world.now + .seconds(1)
        let ended = world.replicas.endLeases(at: world.now)
        #expect(ended.map(\.partition) == [Self.orders])
        #expect(ended.map(\.replica) == [Self.replica])
        #expect(world.replica == nil)
        #expect(world.replicas.endLeases(at: world.now).isEmpty)
        #expect(world.answer(by: Self.leader, naming: 3) == .moved(to: 3))
    }

    @Test func `leaving a replica forgets its failures`() {
        var world = World()
        _ = world.answer(by: Self.leader, naming: Self.replica)
        world.replicas.leave(Self.orders)
        #expect(world.replica == nil)
        #expect(world.tellsRack)
    }
}
