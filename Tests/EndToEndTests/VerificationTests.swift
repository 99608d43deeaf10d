import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct VerificationTests {
    @Test func `interrupted, it reports what was not compared`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "orders")
            try await world.produce(100..<200, to: "orders")
            var options = Verification.Options()
            options.patience = .seconds(86_400)
            let verification = Verification(
                try await world.flow().settings, options: options, eventLoops: [world.group.next()],
                logger: Replicated.quiet)
            let told = Told()

            let report = try await withThrowingTaskGroup(of: VerificationReport.self) { tasks in
                tasks.addTask {
                    try await verification.run { told.take(compared: $0.compared) }
                }
                // Then it waits for what nobody copies.
                try await eventually("the verification to come to the end") { told.compared >= 100 }
                tasks.cancelAll()
                return try await tasks.next()
            }

            #expect(report?.isEqual == false)
            #expect(report?.partitions.first?.failure?.contains("cancelled") == true)
            #expect(report?.differences.total == 0)
        }
    }

    @Test(arguments: [1, 10]) func `a target that has everything is not waited for, however its batches were cut`(
        size: Int
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in stride(from: 0, to: 100, by: size) {
                try await world.produce(start..<start + size, to: "orders")
            }
            try await world.produce(0..<100, to: "east.orders", client: world.targetClient, creating: true)
            var options = Verification.Options()
            options.patience = .seconds(86_400)
            let verification = Verification(
                try await world.flow().settings, options: options, eventLoops: [world.group.next()],
                logger: Replicated.quiet)

            let report = try await verification.run()

            #expect(report.isEqual)
            #expect(report.equal == 100)
        }
    }

    @Test func `partitions whose copies are still on their way do not keep the others waiting`() async throws {
        try await Replicated.run { world in
            let partitions = 0..<8 as Range<Int32>
            try await world.createTopic("orders", partitions: 8)
            let copies = NewTopic("east.orders", partitions: 8, replicationFactor: 1)
            for (_, outcome) in await world.targetClient.createTopics([copies]) { _ = try outcome.get() }
            for partition in partitions {
                try await world.produce(0..<10, to: "orders", partition: partition)
                try await world.produce(0..<9, to: "east.orders", partition: partition, client: world.targetClient)
            }
            var options = Verification.Options()
            options.patience = .seconds(86_400)
            options.lanes = 1
            let verification = Verification(
                try await world.flow().settings, options: options, eventLoops: [world.group.next()],
                logger: Replicated.quiet)
            let told = Told()

            async let report = verification.run { told.take(compared: $0.compared) }
            try await eventually("all of them to wait for their last record") { told.compared >= 8 * 9 }
            for partition in partitions {
                try await world.produce(9..<10, to: "east.orders", partition: partition, client: world.targetClient)
            }

            #expect(try await report.isEqual)
            #expect(try await report.equal == 80)
        }
    }

    // What is not compared.

    private func verify(_ world: Replicated, _ edit: (inout FlowSettings) -> Void = { _ in }) async throws
        -> VerificationReport
    {
        var options = Verification.Options()
        options.patience = .seconds(1)
        return try await Verification(
            world.flow(edit).settings, options: options, eventLoops: [world.group.next()], logger: Replicated.quiet
        ).run()
    }

    @Test func `offsets of an open transaction are said not to be compared`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "orders")
            _ = try await OpenedTransaction.begin("orders", records: 3, at: world)

            let report = try await verify(world)

            #expect(report.isEqual)
            #expect(report.partitions.first?.beyondStable == 3)
            #expect(report.coverage.comparedOffsets == 100)
            #expect(report.coverage.offsets == 103)
        }
    }

    @Test func `what the target has expired is not said to be compared`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "orders")
            _ = await world.targetClient.deleteRecords(before: [TopicPartition("east.orders", 0): 40])

            let report = try await verify(world)

            #expect(report.partitions.first?.beforeTarget == 40)
            #expect(report.coverage.comparedOffsets == 60)
            #expect(report.coverage.offsets == 100)
        }
    }

    @Test func `a partition without a leader is not compared, and the others are`() async throws {
        try await Replicated.run(nodes: 2) { world in
            let topic = NewTopic("orders", partitions: 2, replicationFactor: 1)
            for (_, outcome) in await world.sourceClient.createTopics([topic]) { _ = try outcome.get() }
            for partition in 0..<2 as Range<Int32> {
                try await world.produce(0..<10, to: "orders", partition: partition)
            }
            let flow = try world.flow { $0.consumerGroups.deny = $0.consumerGroups.allow }
            try await world.running(flow) { try await world.caughtUp(flow, records: 20) }
            let leader = try #require(await world.source.leader(topic: "orders", partition: 1))
            try await world.source.stop(node: leader)
            try await eventually("the partition to have no leader") {
                let metadata = try await world.sourceClient.metadata(.named(["orders"]))
                let partition = metadata.partition("orders", 1)
                return partition != nil && partition?.leader == nil
            }

            let report = try await verify(world)

            #expect(!report.isEqual)
            #expect(report.partitions.map { $0.failure == nil } == [true, false])
            #expect(report.partitions.last?.failure?.hasPrefix("orders-1 has no leader on east") == true)
            #expect(report.coverage.comparedPartitions == 1)
            #expect(report.equal == 10)
        }
    }

    @Test func `a topic that is excluded is named, one that cannot be seen is not equal`() async throws {
        let authorizer = [
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        ]
        try await Replicated.run(sourceProperties: authorizer) { world in
            try await world.copies(0..<10, of: "orders")
            for topic in ["hidden", "orders.internal"] { try await world.createTopic(topic) }

            let equal = try await verify(world) { $0.topics.deny = [try! NamePattern("hidden")] }
            let rule = AccessRule(.deny, .describe, on: .topic, "hidden", to: "User:ANONYMOUS")
            for (_, outcome) in await world.sourceClient.createAccessRules([rule]) { try outcome.get() }
            let blind = try await verify(world) {
                $0.topics.allow = ["orders", "hidden"].map { try! NamePattern($0) }
            }

            #expect(equal.isEqual)
            #expect(
                equal.notCompared.map { "\($0.topic) \($0.state.rawValue)" } == [
                    "hidden excluded", "orders.internal excluded",
                ])
            #expect(!blind.isEqual)
            #expect(blind.notCompared.map(\.state) == [.withheld])
        }
    }

    @Test func `records that came round a ring are counted once`() async throws {
        try await Mesh.run(["a", "b", "c"]) { mesh in
            let flows = try mesh.flows([("a", "b", .headers), ("b", "c", .headers), ("c", "a", .headers)])
            try await mesh.world.running(flows) {
                try await mesh.produce(0, 50)
                try await mesh.settled(50)
            }
            var options = Verification.Options()
            options.patience = .seconds(1)
            options.allowsForeign = true
            let report = try await Verification(
                mesh.flow("a", "b", .headers).settings, options: options, eventLoops: [mesh.world.group.next()],
                logger: Replicated.quiet
            ).run()

            let partition = try #require(report.partitions.first)
            #expect(report.isEqual, "\(report)")
            // Those of a and c are on both sides as copies; those of b have come round.
            #expect(partition.equal == 100)
            #expect(partition.loops == 50)
            #expect(partition.foreign == 0)
        }
    }

    // Sampled.

    @Test func `a sample is compared through the map, and says how much it was`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<20_000, of: "orders")

            let report = try await world.verify(sampling: Sampling(share: 0.2, seed: 3))

            let partition = try #require(report.partitions.first)
            let sample = try #require(partition.sample)
            #expect(report.isEqual)
            #expect(report.mode == "sampled" && report.seed == 3)
            #expect(partition.equal == sample.offsets)
            #expect(sample.of == 20_000)
            #expect(sample.offsets < 12_000 && sample.offsets >= 1_000)
            #expect(sample.ranges == Int(sample.offsets / 1_000))
        }
    }

    @Test func `copies that stand elsewhere than the flow has recorded are a failure`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<5_000, of: "orders")
            try await world.record(targetOf: "orders", shiftedBy: 3)

            let report = try await world.verify(sampling: Sampling(share: 1, seed: 1))

            let partition = try #require(report.partitions.first)
            #expect(!report.isEqual)
            #expect(partition.differences.total == 0)
            #expect(partition.sample?.displaced == 5)
            #expect(partition.failure?.contains("instead of") == true)
        }
    }

    @Test func `what a stopped flow has not copied is missing, and much of it is said without being looked at`()
        async throws
    {
        try await Replicated.run { world in
            try await world.copies(0..<2_000, of: "orders")
            try await world.produce(2_000..<2_500, to: "orders")

            let few = try await world.verify(sampling: Sampling(share: 0.5, seed: 1))
            try await world.produce(2_500..<20_000, to: "orders")
            let many = try await world.verify(sampling: Sampling(share: 0.5, seed: 1))

            #expect(few.differences.missing == 500)
            #expect(few.partitions.first?.failure == nil)
            #expect(many.differences.missing == 10_000)
            #expect(many.partitions.first?.failure?.contains("copied up to source offset 2000") == true)
        }
    }

    @Test func `a sample leaves out what the flow did not copy, and what has expired on either side`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<3_000, to: "orders")
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(3_000..<9_000, to: "orders")
                try await world.caughtUp(flow, records: 9_000)
            }
            _ = await world.targetClient.deleteRecords(before: [TopicPartition("east.orders", 0): 1_500])
            _ = await world.sourceClient.deleteRecords(before: [TopicPartition("orders", 0): 1_000])

            let report = try await world.verify(sampling: Sampling(share: 1, seed: 1)) { $0.startFrom = .latest }

            #expect(report.isEqual, "\(report.partitions)")
            #expect(report.equal == 4_500)
            #expect(report.partitions.first?.beforeTarget == 3_500)
        }
    }

    @Test func `copies that nobody has recorded are found by their content`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<6_000, to: "orders")
            // As another tool would have, in other batches; with one record less, and one altered.
            try await world.produce(0..<1_000, to: "east.orders", client: world.targetClient, creating: true)
            try await world.produce(1_001..<4_000, to: "east.orders", client: world.targetClient)
            try await world.produce(9_999..<10_000, to: "east.orders", client: world.targetClient)
            try await world.produce(4_000..<6_000, to: "east.orders", client: world.targetClient)

            let report = try await world.verify(sampling: Sampling(share: 1, seed: 1))

            // Both stand where two stretches meet, and count once.
            #expect(report.differences.missing == 1)
            #expect(report.differences.extra == 1)
            #expect(report.differences.total == 2)
            #expect(report.partitions.first?.failure == nil)
        }
    }

    @Test func `a sample of keys is compared, and a difference in the others is not seen`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<2_000, of: "table", configs: ["cleanup.policy": "compact"])
            let sampling = Sampling(share: 0.1, seed: 8)
            let keys = (0..<2_000).map { ByteBuffer(string: "key \($0)") }
            let seen = try #require(keys.first { sampling.includes(key: $0) })
            let unseen = try #require(keys.first { !sampling.includes(key: $0) })
            let table = StateTopic("east.table", client: world.targetClient)

            try await table.append([Record(key: unseen, value: "other")])
            let without = try await world.verify(sampling: sampling)
            try await table.append([Record(key: seen, value: "other")])
            let with = try await world.verify(sampling: sampling)

            #expect(without.isEqual)
            #expect(without.equal == Int64(keys.count { sampling.includes(key: $0) }))
            #expect(with.differences.altered == 1)
        }
    }

    // Rolling.

    @Test func `differences are told while records flow, and nothing else`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                let told = Told()
                let report = try await world.follows(told) {
                    try await world.produce(100..<1_000, to: "orders")
                    try await world.caughtUp(flow, records: 1_000)
                    try await world.produce(5_000..<5_001, to: "east.orders", client: world.targetClient)
                    try await eventually("the foreign record to be told") { !told.differences.isEmpty }
                    try await world.produce(1_000..<2_000, to: "orders")
                    try await world.caughtUp(flow, records: 2_000)
                }

                #expect(told.differences.map(\.kind) == [.extra])
                #expect(told.differences.first?.key == "key 5000")
                #expect(report.differences.total == 1)
                #expect(report.equal == 1_900)
                #expect(report.mode == "rolling")
            }
        }
    }

    @Test func `records that come late are no difference, those that were overtaken are missing`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<10, to: "east.orders", client: world.targetClient, creating: true)
            let told = Told()
            let report = try await world.follows(told) {
                try await world.produce(10..<200, to: "orders")
                // A round passes in which the source is ahead.
                try await eventually("the lag to be seen") { told.behind >= 190 }
                #expect(told.differences.isEmpty)
                try await world.produce(10..<50, to: "east.orders", client: world.targetClient)
                try await world.produce(51..<200, to: "east.orders", client: world.targetClient)
                try await eventually("the gap to be told") { !told.differences.isEmpty }
            }

            #expect(told.differences.map(\.kind) == [.missing])
            #expect(told.differences.first?.sourceOffset == 50)
            #expect(report.differences.total == 1)
            // It began at the last record that was alike.
            #expect(report.equal == 190)
        }
    }

    @Test func `what never came is missing in the end, what altered is told in a quiet topic too`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "orders")
            let told = Told()
            let report = try await world.follows(told) {
                try await world.produce(100..<102, to: "orders")
                try await StateTopic("east.orders", client: world.targetClient).append([
                    Record(
                        key: ByteBuffer(string: "key 100"), value: "other", timestamp: 1_700_000_000_100)
                ])
                try await eventually("the altered one to be told") { !told.differences.isEmpty }
                #expect(told.differences.map(\.kind) == [.altered])
            }

            #expect(told.differences.map(\.kind) == [.altered, .missing])
            #expect(report.differences.total == 2)
        }
    }

    @Test func `a compacted topic is followed key by key`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<100, of: "table", configs: ["cleanup.policy": "compact"])
            let source = StateTopic("table", client: world.sourceClient)
            let target = StateTopic("east.table", client: world.targetClient)
            func record(_ key: String, _ value: String?) -> Record {
                Record(key: ByteBuffer(string: key), value: value, timestamp: 1_700_000_000_000)
            }
            let told = Told()
            let report = try await world.follows(told) {
                try await source.append([
                    record("replaced", "1"), record("lost", "1"), record("replaced", "2"), record("deleted", nil),
                    record("altered", "1"), record("last", "1"),
                ])
                // The first value of one key was compacted away before it was copied; so was the tombstone.
                try await target.append([
                    record("replaced", "2"), record("altered", "?"), record("last", "1"), record("last", "1"),
                    record("strange", "1"),
                ])
                try await eventually("the differences to be told") { told.differences.count >= 4 }
            }

            #expect(
                Set(told.differences.map { "\($0.kind) \($0.key ?? "")" }) == [
                    "missing lost", "altered altered", "doubled last", "extra strange",
                ])
            #expect(report.differences.total == 4)
            #expect(report.equal == 2)
            #expect(report.partitions.first?.isByKey == true)
        }
    }

    @Test func `topics that appear later are followed from their beginning`() async throws {
        try await Replicated.run { world in
            try await world.copies(0..<10, of: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                let told = Told()
                let report = try await world.follows(told) {
                    try await world.createTopic("later")
                    try await world.produce(0..<300, to: "later")
                    try await eventually("the new topic to be followed") { told.partitions == 2 }
                }

                #expect(report.partitions.first { $0.topic == "later" }?.equal == 300)
                #expect(report.isEqual)
            }
        }
    }
}

/// What a verification has told so far.
private final class Told: Sendable {
    private let state = Mutex<(differences: [Difference], progress: RollingVerification.Progress?)>(([], nil))
    private let passed = Mutex<Int64>(0)

    /// Source offsets that a verification with an end has passed.
    var compared: Int64 { passed.withLock { $0 } }
    func take(compared: Int64) { passed.withLock { $0 = compared } }

    var differences: [Difference] { state.withLock { $0.differences } }
    var behind: Int64 { state.withLock { $0.progress?.behind ?? 0 } }
    var partitions: Int { state.withLock { $0.progress?.partitions ?? 0 } }
    var hasBegun: Bool { state.withLock { $0.progress != nil } }

    func take(_ event: RollingVerification.Event) {
        if case .found(_, _, let difference) = event { state.withLock { $0.differences.append(difference) } }
    }

    func take(_ progress: RollingVerification.Progress) { state.withLock { $0.progress = progress } }
}

extension Replicated {
    /// Creates a topic, fills it and copies it with a flow that has stopped afterwards.
    fileprivate func copies(_ numbers: Range<Int>, of topic: String, configs: [String: String] = [:]) async throws {
        try await createTopic(topic, configs: configs)
        try await produce(numbers, to: topic)
        let flow = try flow()
        try await running(flow) { try await caughtUp(flow, records: Int64(numbers.count)) }
    }

    fileprivate func produce(
        _ numbers: Range<Int>, to topic: String, client: ClusterClient, creating: Bool
    ) async throws {
        for (_, outcome) in await client.createTopics([NewTopic(topic, partitions: 1, replicationFactor: 1)]) {
            _ = try outcome.get()
        }
        try await produce(numbers, to: topic, client: client)
    }

    fileprivate func verify(
        sampling: Sampling, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> VerificationReport {
        var options = Verification.Options()
        options.patience = .seconds(1)
        options.sampling = sampling
        return try await Verification(
            flow(edit).settings, options: options, eventLoops: [group.next()], logger: Self.quiet
        ).run()
    }

    /// A rolling verification for as long as `body` runs.
    fileprivate func follows(_ told: Told, _ body: () async throws -> Void) async throws -> VerificationReport {
        var options = Verification.Options()
        options.patience = .seconds(1)
        let rolling = RollingVerification(
            try await flow().settings, options: options, eventLoops: [group.next()], logger: Self.quiet)
        let (end, ending) = AsyncStream<Void>.makeStream()
        return try await withThrowingTaskGroup(of: VerificationReport.self) { tasks in
            tasks.addTask {
                try await rolling.run {
                    for await _ in end {}
                } tell: {
                    told.take($0)
                } progress: {
                    told.take($0)
                }
            }
            do {
                try await eventually("the verification to begin") { told.hasBegun }
                try await body()
            } catch {
                tasks.cancelAll()
                throw error
            }
            ending.finish()
            guard let report = try await tasks.next() else { throw NeverHappened(description: "no report") }
            return report
        }
    }

    /// As if the flow had recorded all copies of a topic's only partition elsewhere.
    fileprivate func record(targetOf topic: String, shiftedBy shift: Int64) async throws {
        let name = try await "__replicator.\(flow().settings.name).progress"
        let log = StateTopic(name, client: targetClient)
        var recorded = RecordedFlow()
        for record in try await log.readAll() { try recorded.take(record) }
        let partition = TopicPartition(topic, 0)
        guard var checkpoint = recorded.checkpoints[partition], let open = checkpoint.map?.open else {
            throw NeverHappened(description: "nothing is recorded of \(topic)")
        }
        checkpoint.map?.open = [open[0], open[1] + shift, open[2]]
        let record = ProgressRecord.checkpoint(partition, checkpoint)
        try await log.append([Record(offset: 0, timestamp: 0, key: record.key, value: try record.value(), headers: [])])
    }
}

extension Record {
    fileprivate init(key: ByteBuffer, value: String?, timestamp: Int64 = 0) {
        self.init(offset: 0, timestamp: timestamp, key: key, value: value.map { ByteBuffer(string: $0) }, headers: [])
    }
}
