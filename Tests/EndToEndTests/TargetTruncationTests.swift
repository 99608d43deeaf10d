import Foundation
import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// The target's log loses its end, as after an unclean election, while batches are on their way to it.
///
/// Where the broker still remembers the producer, it refuses them: their sequences do not follow. Where it does not (its
/// newest record is older than `producer.id.expiration.ms`, or nothing of it is left), it takes any sequence, as Kafka does
/// (`ProducerAppendInfo.checkSequence` asks nothing of a producer without an epoch): then what was on its way lands where the
/// log was cut, in front of the records that are missing there. Produce has no condition that a client could set against
/// it, and a record that has landed cannot be taken back. Copied again in their place they are there twice; left out there, the
/// newest record of a key would no longer be its last. The flow copies them again, and counts them.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TargetTruncationTests {
    /// Whether the target's broker remembers the producer when its log is cut.
    enum Memory: CaseIterable {
        case remembers, forgets

        var properties: [String: String] {
            self == .forgets ? ["producer.id.expiration.ms": "1"] : [:]
        }
    }

    /// Numbered records of today, or of 2023.
    private func produce(_ numbers: Range<Int>, _ memory: Memory, _ world: Replicated) async throws {
        let time: Int64 = memory == .forgets ? 1_700_000_000_000 : Int64(Date().timeIntervalSince1970 * 1_000)
        try await StateTopic("orders", client: world.sourceClient).append(
            numbers.map { Record(offset: 0, timestamp: time, key: nil, value: ByteBuffer(string: "value \($0)")) })
    }

    private func partition(_ flow: Flow) async throws -> FlowStatus.Partition {
        try #require(await flow.status().partitions.first)
    }

    /// Every record is there, in order, and those that are there twice were counted.
    private func expectComplete(_ count: Int, doubled: Int64, _ world: Replicated) async throws {
        let values = try await world.targetValues("east.orders")
        // The last of each is the one in its place.
        var seen: Set<String> = []
        let inPlace = values.reversed().filter { seen.insert($0).inserted }.reversed()
        #expect(Array(inPlace) == expectedValues(0..<count))
        #expect(Int64(values.count - count) == doubled, "\(values)")
    }

    /// The flow died when the last of `count` records had landed: what it did about that never happened, and all that the
    /// next run has to go by is this checkpoint.
    private func expectComplete(
        _ count: Int, landed: Int, afterCrashAt checkpoint: Checkpoint, _ world: Replicated
    ) async throws {
        let copies = try await StateTopic("east.orders", client: world.targetClient).readAll()
        let last = try #require(copies.first { $0.value == ByteBuffer(string: "value \(count - 1)") })
        try await world.target.truncate(topic: "east.orders", partition: 0, to: last.offset + 1)
        try await world.restore(checkpoint)
        let next = try world.flow()
        try await world.running(next) {
            try await world.caughtUp(next, records: Int64(count))
            let doubled = try await partition(next).doubled
            #expect(doubled == landed)
            try await expectComplete(count, doubled: doubled, world)
        }
    }

    /// Cuts the target's log to `offset` while requests wait in front of it, and lets them go on then.
    private func cut(
        to offset: Int64, _ flow: Flow, _ world: Replicated, onItsWay: () async throws -> Void
    ) async throws {
        try await world.target.freeze(node: 1)
        try await onItsWay()
        try await eventually("records to be on their way") { try await partition(flow).bufferedBytes > 0 }
        try await world.target.truncate(topic: "east.orders", partition: 0, to: offset)
        try await world.target.thaw(node: 1)
    }

    /// Three batches of ten are on the target when its log is cut behind the first of them, with a fourth on its way.
    private func withThreeBatches(
        _ memory: Memory, _ delivery: DeliveryGuarantee = .exactlyOnce, _ body: (Replicated, Flow) async throws -> Void
    ) async throws {
        try await Replicated.run(targetProperties: memory.properties) { world in
            // What is old is to stay.
            try await world.createTopic("orders", configs: ["retention.ms": "-1"])
            let flow = try world.flow { $0.delivery = delivery }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                for start in [0, 10, 20] {
                    try await produce(start..<start + 10, memory, world)
                    try await world.caughtUp(flow, records: Int64(start + 10))
                }
                try await body(world, flow)
            }
        }
    }

    @Test(arguments: Memory.allCases)
    func `what was on its way to a log that was cut is on the target once, or twice and counted`(
        memory: Memory
    ) async throws {
        try await withThreeBatches(memory) { world, flow in
            try await cut(to: 10, flow, world) { try await produce(30..<40, memory, world) }
            try await world.caughtUp(flow, records: 40)
            try await produce(40..<50, memory, world)
            try await world.caughtUp(flow, records: 50)
            let doubled = try await partition(flow).doubled

            #expect(doubled == (memory == .forgets ? 10 : 0))
            try await expectComplete(50, doubled: doubled, world)
        }
    }

    @Test(arguments: Memory.allCases)
    func `the same when the answer to what was on its way is lost`(memory: Memory) async throws {
        try await withThreeBatches(memory) { world, flow in
            world.target.intercept(.produce, times: 1, .disconnectAfterHandling)
            try await cut(to: 10, flow, world) { try await produce(30..<35, memory, world) }
            try await world.caughtUp(flow, records: 35)
            try await produce(35..<50, memory, world)
            try await world.caughtUp(flow, records: 50)

            try await expectComplete(50, doubled: partition(flow).doubled, world)
        }
    }

    /// Two batches are on their way, of ten records and of `second`. The broker refuses the first, looks for producers to forget, and
    /// meets the second.
    private func refuseTheFirst(second: Int, _ memory: Memory, _ flow: Flow, _ world: Replicated) async throws {
        try await world.target.freeze(node: 1)
        try await produce(30..<40, memory, world)
        try await eventually("a batch to be on its way") { try await partition(flow).bufferedBytes > 0 }
        let first = try await partition(flow).bufferedBytes
        try await produce(40..<40 + second, memory, world)
        try await eventually("another to be behind it") { try await partition(flow).bufferedBytes > first }
        world.target.intercept(.produce, times: 1, topic: "east.orders", .error(.notEnoughReplicas))
        // As often as Kafka looks.
        try await world.target.jumpClock(byMilliseconds: 600_000)
        try await world.target.thaw(node: 1)
        try await world.caughtUp(flow, records: Int64(40 + second))
    }

    @Test(arguments: [(Memory.forgets, 10), (.forgets, 7), (.remembers, 7)], DeliveryGuarantee.allCases)
    func `a batch that is refused while a broker takes the next one is not taken for it`(
        world: (memory: Memory, second: Int), delivery: DeliveryGuarantee
    ) async throws {
        let (memory, second) = world
        try await withThreeBatches(memory, delivery) { world, flow in
            try await refuseTheFirst(second: second, memory, flow, world)
            try await produce(40 + second..<60, memory, world)
            try await world.caughtUp(flow, records: 60)

            let landed: Int64 = memory == .forgets ? Int64(second) : 0
            try await expectComplete(60, doubled: landed, world)
            if delivery == .exactlyOnce { #expect(try await partition(flow).doubled == landed) }
        }
    }

    /// A flow that has met a forgetful broker behind three batches of ten, and has stopped.
    ///
    /// - Parameters:
    ///   - offset: which of the checkpoints before that `body` is given.
    private func withRefused(
        second: Int, checkpointAt offset: Int64, _ body: (Replicated, Checkpoint) async throws -> Void
    ) async throws {
        try await Replicated.run(targetProperties: Memory.forgets.properties) { world in
            try await world.createTopic("orders", configs: ["retention.ms": "-1"])
            let flow = try world.flow()
            var early: Checkpoint?
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                for start in [0, 10, 20] {
                    try await produce(start..<start + 10, .forgets, world)
                    try await world.caughtUp(flow, records: Int64(start + 10))
                    guard start + 10 == offset else { continue }
                    try await eventually("a checkpoint of that") {
                        early = try await world.recorded().checkpoints[Replicated.orders]
                        return early?.sourceOffset == offset
                    }
                }
                try await refuseTheFirst(second: second, .forgets, flow, world)
            }
            try await body(world, #require(early))
        }
    }

    @Test(arguments: [10, 7], [Int64(10), 30])
    func `a crash right after a batch was refused and the next one taken`(
        second: Int, checkpointAt: Int64
    ) async throws {
        try await withRefused(second: second, checkpointAt: checkpointAt) { world, early in
            try await expectComplete(40 + second, landed: second, afterCrashAt: early, world)
        }
    }

    @Test func `a crash right after both were copied again behind the one that was taken`() async throws {
        try await withRefused(second: 7, checkpointAt: 30) { world, _ in
            var recorded = RecordedFlow()
            var counted: Checkpoint?
            for record in try await StateTopic(Replicated.progress, client: world.targetClient).readAll() {
                try recorded.take(record)
                let checkpoint = recorded.checkpoints[Replicated.orders]
                if counted == nil, checkpoint?.accounting?.doubled == 7 { counted = checkpoint }
            }
            // Nothing was copied again before a checkpoint said what had landed.
            #expect(counted?.sourceOffset == 30)
            try await world.restore(#require(counted))
            let next = try world.flow()
            try await world.running(next) {
                try await world.caughtUp(next, records: 47)
                try await expectComplete(47, doubled: partition(next).doubled, world)
            }
        }
    }

    @Test func `a log that is cut while nothing is on its way is filled again without waiting for a record`()
        async throws
    {
        try await withThreeBatches(.forgets) { world, flow in
            try await world.target.truncate(topic: "east.orders", partition: 0, to: 10)
            try await eventually("the loss to be made good") {
                try await world.targetValues("east.orders") == expectedValues(0..<30)
            }
            #expect(try await partition(flow).doubled == 0)
        }
    }

    @Test func `a leader that changes without a loss takes nothing from the target and adds nothing`() async throws {
        try await Replicated.run(nodes: 3) { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                for round in 0..<6 {
                    try await world.produce(round * 10..<(round + 1) * 10, to: "orders")
                    try await world.caughtUp(flow, records: Int64(round + 1) * 10)
                    try await world.target.moveLeader(
                        topic: "east.orders", partition: 0, to: Int32(round % 3) + 1)
                }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<60))
        }
    }

    /// The crash comes after the batches have landed and before a checkpoint says so: all that the next run has to go by is
    /// a checkpoint of before, and a log that may be longer than that says.
    @Test(arguments: [5, 25]) func `a crash right after records landed where the log was cut`(landed: Int) async throws
    {
        try await Replicated.run(targetProperties: Memory.forgets.properties) { world in
            try await world.createTopic("orders")
            for start in [0, 10, 20] { try await produce(start..<start + 10, .forgets, world) }
            let early = try await world.copy(until: 30)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await produce(30..<31, .forgets, world)
                try await world.caughtUp(flow, records: 31)
                try await cut(to: 10, flow, world) { try await produce(31..<31 + landed, .forgets, world) }
                try await world.caughtUp(flow, records: Int64(31 + landed))
            }
            try await expectComplete(31 + landed, landed: landed, afterCrashAt: early, world)
        }
    }

    /// The same, with a log that was cut no further than the checkpoint: what has landed must not be taken for the records
    /// that came behind the checkpoint.
    @Test(arguments: [Int64(10), 20], [5, 25]) func `a crash right after records landed at a cut behind the checkpoint`(
        cutAt: Int64, landed: Int
    ) async throws {
        try await Replicated.run(targetProperties: Memory.forgets.properties) { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            var early: Checkpoint?
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await produce(0..<10, .forgets, world)
                try await eventually("a checkpoint of that") {
                    early = try await world.recorded().checkpoints[Replicated.orders]
                    return early?.sourceOffset == 10
                }
                for start in [10, 20] {
                    try await produce(start..<start + 10, .forgets, world)
                    try await world.caughtUp(flow, records: Int64(start + 10))
                }
                try await cut(to: cutAt, flow, world) { try await produce(30..<30 + landed, .forgets, world) }
                try await world.caughtUp(flow, records: Int64(30 + landed))
            }
            try await expectComplete(30 + landed, landed: landed, afterCrashAt: #require(early), world)
        }
    }

    /// Nothing was cut, but the leader's epoch has changed behind the checkpoint.
    @Test func `a crash after a leader change that lost nothing`() async throws {
        try await Replicated.run(nodes: 2) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<30, to: "orders")
            let early = try await world.copy(until: 30)
            let leader = try #require(await world.target.leader(topic: "east.orders", partition: 0))
            try await world.target.moveLeader(topic: "east.orders", partition: 0, to: leader == 1 ? 2 : 1)
            try await world.produce(30..<60, to: "orders")
            try await world.copy(until: 60)
            try await world.restore(early)
            try await world.produce(60..<90, to: "orders")

            let last = try await world.copy(until: 90)

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<90))
            #expect(last.accounting?.doubled == nil)
        }
    }
}
