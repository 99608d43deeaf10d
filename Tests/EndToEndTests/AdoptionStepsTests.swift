import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import Synchronization
import Testing

/// An adoption that dies, is done in a flow that has run, or lasts long.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AdoptionStepsTests {
    private static let copy = Replicated.adopted

    /// Each record of the progress topic that an adoption writes, as the last one.
    @Test func `what was not completed counts for nobody`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.createCopy(partitions: 2)
            for partition in 0..<2 as Range<Int32> {
                try await world.produce(0..<100, to: "orders", partition: partition)
                try await world.copyByHand([0..<60], partition: partition)
            }
            _ = try await world.adopt()
            let records = try await StateTopic(Replicated.progress, client: world.targetClient).readAll()
            let identity = try #require(records.firstIndex { $0.key == ByteBuffer(string: "flow") })
            #expect(try await world.recorded().checkpoints.count == 2)
            // Without the last record, and in the middle of the checkpoints.
            for count in [identity, identity - 1] {
                try await world.target.truncate(
                    topic: Replicated.progress, partition: 0, to: records[count].offset)
                #expect(try await world.recorded().checkpoints.isEmpty)
            }

            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 200) }

            // A flow that was never started copies everything, in each partition.
            for partition in 0..<2 as Range<Int32> {
                #expect(
                    try await world.targetValues(Self.copy, partition: partition)
                        == expectedValues(0..<60) + expectedValues(0..<100))
            }
            // And so it is when it is started again: what was prepared does not come back.
            let again = try world.flow()
            try await world.running(again) { try await world.caughtUp(again, records: 200) }
            #expect(try await world.targetValues(Self.copy).count == 160)
        }
    }

    @Test func `a topic that is new to a flow is adopted alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("payments")
            try await world.produce(0..<30, to: "payments")
            let first = try world.flow { $0.topics.deny = [try! NamePattern("orders")] }
            try await world.running(first) { try await world.caughtUp(first, records: 30) }
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.createCopy()
            try await world.copyByHand([0..<60])
            try await world.produce(30..<50, to: "payments")
            let log = LogLines()
            let warned = try world.flow(logger: log.logger)
            try await warned.prepare()
            await warned.close()
            let hint =
                "topics of west hold records of east already, which another program has copied: east.orders. This flow "
                + "would copy those records a second time. `replicator adopt --flow 'east-to-west' --target-topic 'east.orders'` "
                + "lets it continue behind them"
            #expect(log.count(hint) == 1)

            await #expect(
                throws: AdoptionError.topicsHaveRun(topics: ["payments"], flow: "east-to-west", target: "west")
            ) {
                try await world.adopt(options: { $0.topics = ["orders", "payments"] })
            }
            await #expect(throws: AdoptionError.hasRun(flow: "east-to-west", target: "west")) {
                try await world.adopt()
            }
            let dead = try await world.adoptUntilKilled(at: 2, of: Replicated.progress, isHandled: false) { _ in
            } options: {
                $0.topics = ["orders"]
            }
            #expect(dead == nil)
            #expect(try await world.recorded().checkpoints[Replicated.orders] == nil)
            let report = try await world.adopt(options: { $0.topics = ["orders"] })

            #expect(report.isRecorded)
            #expect(report.partitions.map(\.name) == ["orders-0"])
            #expect(report.partitions.first?.position == 60)
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 150)
                // While it runs nothing is adopted.
                await #expect(throws: (any Error).self) {
                    try await world.adopt(options: { $0.topics = ["orders"] })
                }
            }
            #expect(try await world.targetValues(Self.copy) == expectedValues(0..<100))
            #expect(try await world.targetValues("east.payments") == expectedValues(0..<50))
        }
    }

    /// Of the last records alone nothing else is seen than a run that was begun from the start.
    @Test(arguments: [true, false])
    func `an earlier run that came further is seen`(keepsTimestamps: Bool) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<200, to: "orders")
            try await world.createCopy(
                configs: keepsTimestamps ? [:] : ["message.timestamp.type": "LogAppendTime"])
            try await world.copyByHand([0..<180, 0..<150])

            let report = try await world.adopt(options: { $0.depth = 100 })

            #expect(report.partitions.first?.position == 180)
        }
    }

    @Test func `while it follows it reads what is new`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<5_000, to: "orders")
            try await world.createCopy()
            try await world.copyByHand([0..<4_000])
            let reached = Mutex(false)
            let copier = Task {
                // From when it is certain on.
                while !reached.withLock({ $0 }) { try await Task.sleep(for: .milliseconds(10)) }
                for number in 4_000..<4_020 {
                    try await world.produce(number..<number + 1, to: Self.copy, client: world.targetClient)
                    try await Task.sleep(for: .milliseconds(200))
                }
            }

            let report = try await world.adopt(options: { $0.quietTime = .seconds(3) }) { progress in
                if progress.following != nil { reached.withLock { $0 = true } }
            }

            try await copier.value
            #expect(report.isRecorded)
            #expect(report.partitions.first?.position == 4_020)
            // Both sides once, and what has come since.
            #expect(report.recordsRead == 9_020)
        }
    }
}
