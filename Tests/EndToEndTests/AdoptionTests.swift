import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// A flow continues where another program's copy ends.
@Suite(.serialized, .timeLimit(.minutes(5))) struct AdoptionTests {
    private static let copy = "east.orders"

    private func adopt(
        _ world: Replicated, _ edit: (inout FlowSettings) -> Void = { _ in },
        options: (inout Adoption.Options) -> Void = { _ in }
    ) async throws -> AdoptionReport {
        var chosen = Adoption.Options()
        options(&chosen)
        return try await Adoption(
            world.flow(edit).settings, options: chosen, owner: "test", eventLoops: [world.group.next()],
            logger: Replicated.quiet, wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ).run()
    }

    private func create(_ topic: String, partitions: Int32 = 1, _ world: Replicated) async throws {
        let new = NewTopic(topic, partitions: partitions, replicationFactor: 1)
        for (_, outcome) in await world.targetClient.createTopics([new]) { _ = try outcome.get() }
    }

    /// Copies as another program makes them: in batches of its own, and a part of them twice.
    private func copyByHand(_ world: Replicated, to topic: String = copy) async throws {
        try await create(topic, world)
        for numbers in [0..<7, 7..<45, 40..<60, 58..<60] {
            try await world.produce(numbers, to: topic, client: world.targetClient)
        }
    }

    private static let copied = expectedValues(0..<45) + expectedValues(40..<60) + expectedValues(58..<60)

    @Test(arguments: [TopicNaming.prefix(alias: "east", separator: "."), .identical])
    func `each record behind the copies comes once, and groups stand exactly`(naming: TopicNaming) async throws {
        try await Replicated.run { world in
            let topic = naming.targetName(of: "orders")
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await copyByHand(world, to: topic)
            try await world.commit("behind", ["orders": [0: 30]])
            try await world.commit("ahead", ["orders": [0: 80]])
            // As a replicator that samples offsets leaves a group.
            try await world.commit("behind", [topic: [0: 10]], at: world.targetClient)
            try await world.commit("further", ["orders": [0: 20]])
            try await world.commit("further", [topic: [0: 44]], at: world.targetClient)

            let report = try await adopt(world) { $0.naming = naming }

            let found = try #require(report.partitions.first)
            #expect(report.isRecorded)
            #expect(found.state == .aligned)
            #expect(found.position == 60)
            #expect(found.doubled == 7)
            #expect(found.behind == 40)
            let flow = try world.flow { $0.naming = naming }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                try await world.committed("behind", topic, [0: 30])
                let copies = try await StateTopic(topic, client: world.targetClient).readAll()
                let ahead = try #require(copies.first { $0.value == ByteBuffer(string: "value 80") }).offset
                try await world.committed("ahead", topic, [0: ahead])
            }
            #expect(try await world.targetValues(topic) == Self.copied + expectedValues(60..<100))
            #expect(try await world.targetOffsets(of: "further")[TopicPartition(topic, 0)]?.offset == 44)
            #expect(try await world.checkpoint().accounting?.imbalance(passed: 100) == 0)
        }
    }

    @Test func `a rehearsal leaves no trace`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await copyByHand(world)

            let report = try await adopt(world, options: { $0.isRehearsal = true })

            #expect(!report.isRecorded)
            #expect(report.partitions.first?.position == 60)
            let topics = try await world.targetClient.metadata(.all).topics.keys
            #expect(Set(topics) == [Self.copy])
        }
    }

    @Test func `copies of our own whose memory is lost are taken over`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<60, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 60) }
            for (_, outcome) in await world.targetClient.deleteTopics([Replicated.progress]) { try outcome.get() }
            try await world.produce(60..<100, to: "orders")
            let refused = try world.flow()
            await #expect(throws: FlowError.self) { try await refused.prepare() }
            await refused.close()

            let report = try await adopt(world)

            #expect(report.isRecorded)
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 100) }
            #expect(try await world.targetValues(Self.copy) == expectedValues(0..<100))
        }
    }

    @Test func `a flow that would double what is there is pointed to it`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let before = LogLines()
            let alone = try world.flow(logger: before.logger) { $0.name = "alone" }
            try await alone.prepare()
            await alone.close()
            try await copyByHand(world)
            let log = LogLines()
            let flow = try world.flow(logger: log.logger)
            try await flow.prepare()
            await flow.close()

            let hint =
                "topics of west hold records of east already, which another program has copied: east.orders. This flow "
                + "would copy those records a second time. `replicator adopt --flow 'east-to-west'` lets it continue behind them"
            #expect(log.count(hint) == 1)
            #expect(before.count(hint) == 0)
        }
    }

    @Test func `killed before the end, it has recorded nothing, and is done again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await copyByHand(world)
            _ = try await adopt(world)
            let records = try await StateTopic(Replicated.progress, client: world.targetClient).readAll()
            let identity = try #require(records.firstIndex { $0.key == ByteBuffer(string: "flow") })
            // As a process leaves it that dies at any place before.
            for count in [identity, identity / 2, 1] {
                let end = records[count].offset
                try await world.target.truncate(topic: Replicated.progress, partition: 0, to: end)

                let report = try await adopt(world)

                #expect(report.isRecorded)
                let flow = try await world.recorded()
                #expect(flow.identity != nil)
                #expect(flow.checkpoints[Replicated.orders]?.sourceOffset == 60)
            }
            await #expect(throws: AdoptionError.self) { try await adopt(world) }
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 100) }
            #expect(try await world.targetValues(Self.copy) == Self.copied + expectedValues(60..<100))
            await #expect(throws: AdoptionError.self) { try await adopt(world) }
        }
    }

    @Test func `an end that is not certain is refused, and nothing is recorded`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.produce(0..<100, to: "orders", partition: 1)
            try await create(Self.copy, partitions: 2, world)
            try await world.produce(0..<50, to: Self.copy, partition: 1, client: world.targetClient)
            try await world.produce(0..<50, to: "orders")
            try await world.produceForeign(to: Self.copy, records: 10)

            let report = try await adopt(world)

            #expect(!report.isRecorded)
            #expect(report.refused.map(\.partition) == [0])
            #expect(report.refused.first?.reason?.contains("none of the 10 records") == true)
            #expect(try await world.recorded().identity == nil)
        }
    }

    @Test func `ten thousand null values in a row are passed by order`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let nulls = (0..<10_000).map { _ in Record(offset: 0, timestamp: 5, key: nil, value: nil) }
            try await world.produce(0..<10, to: "orders")
            try await create(Self.copy, world)
            try await world.produce(0..<10, to: Self.copy, client: world.targetClient)
            try await StateTopic("orders", client: world.sourceClient).append(nulls)
            try await StateTopic(Self.copy, client: world.targetClient).append(Array(nulls.prefix(6_000)))
            try await world.produce(10..<20, to: "orders")

            let report = try await adopt(world)

            #expect(report.partitions.first?.position == 6_010)
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 10_020) }
            let ours = try await Replicated.values("orders", at: world.sourceClient)
            #expect(try await world.targetValues(Self.copy) == ours)
        }
    }

    @Test func `partitions without copies begin so that nothing is left out`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 3)
            try await world.createTopic("other")
            for partition in 0..<3 as Range<Int32> {
                try await world.produce(0..<100, to: "orders", partition: partition)
            }
            try await world.produce(0..<10, to: "other")
            // One partition fewer than the source has, and one of them empty.
            try await create(Self.copy, partitions: 2, world)
            try await world.produce(0..<50, to: Self.copy, client: world.targetClient)

            let report = try await adopt(world) { $0.startFrom = .latest }

            #expect(report.partitions.map(\.position) == [50, 0])
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("all partitions") {
                    var counts: [Int] = []
                    for partition in 0..<3 as Range<Int32> {
                        counts.append((try? await world.targetValues(Self.copy, partition: partition).count) ?? 0)
                    }
                    return counts == [100, 100, 100]
                }
            }
            // A topic that nobody copied begins where the settings say.
            #expect(try await world.recorded().checkpoints[TopicPartition("other", 0)]?.sourceOffset == 10)
        }
    }

    @Test func `topics that are named leave no other with records behind`() async throws {
        try await Replicated.run { world in
            for topic in ["orders", "payments"] {
                try await world.createTopic(topic)
                try await world.produce(0..<20, to: topic)
                try await create("east.\(topic)", world)
                try await world.produce(0..<10, to: "east.\(topic)", client: world.targetClient)
            }

            await #expect(throws: AdoptionError.leftOut(topics: ["payments"], flow: "east-to-west", target: "west")) {
                try await adopt(world, options: { $0.targetTopics = [Self.copy] })
            }
            let both = try await adopt(world, options: { $0.topics = ["orders", "payments"] })
            #expect(both.isRecorded)
        }
    }

    @Test func `copies that still come are noticed`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<1_000, to: "orders")
            try await copyByHand(world)
            let copier = Task {
                for number in 60..<1_000 where !Task.isCancelled {
                    try await world.produce(number..<number + 1, to: Self.copy, client: world.targetClient)
                    try await Task.sleep(for: .milliseconds(50))
                }
            }
            defer { copier.cancel() }

            await #expect(throws: AdoptionError.stillCopied(topics: [Self.copy], target: "west")) {
                try await adopt(world)
            }
            #expect(try await world.recorded().identity == nil)
        }
    }

    @Test func `followed, the other replicator's last record is waited for`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await copyByHand(world)
            let copier = Task {
                for number in 60..<80 {
                    try await world.produce(number..<number + 1, to: Self.copy, client: world.targetClient)
                    try await Task.sleep(for: .milliseconds(100))
                }
            }

            let report = try await adopt(world, options: { $0.quietTime = .seconds(3) })

            try await copier.value
            #expect(report.isRecorded)
            #expect(report.partitions.first?.position == 80)
        }
    }

    @Test func `a flow with instances is left alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let flow = try world.flow { $0.topics.deny = [try! NamePattern("orders")] }
            try await world.running(flow) {
                try await copyByHand(world)
                await #expect(throws: (any Error).self) { try await adopt(world) }
            }
        }
    }
}
