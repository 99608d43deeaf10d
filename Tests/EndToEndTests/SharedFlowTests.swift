import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Synchronization
import Testing

/// Instances that share a flow, each with connections of its own.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SharedFlowTests {
    private static let partitions: Int32 = 6
    private static let quick = ["group.min.session.timeout.ms": "500", "group.initial.rebalance.delay.ms": "0"]

    /// An instance that runs by itself.
    private struct Instance {
        let flow: Flow
        let task: Task<Void, any Error>

        init(
            _ id: String, in world: Replicated, session: Duration = .seconds(3),
            _ edit: (inout FlowSettings) -> Void = { _ in }
        )
            throws
        {
            let flow = try world.flow {
                $0.instance = InstanceSettings(id: id, address: "http://\(id):1", sessionTimeout: session)
                edit(&$0)
            }
            self.flow = flow
            task = Task { try await flow.run() }
        }

        /// As TERM does.
        func stop() async throws {
            await flow.stop()
            try await task.value
        }

        /// It is gone without a word.
        func kill() async {
            task.cancel()
            _ = await task.result
        }

        var partitions: Int { get async { await flow.status().partitions.count { $0.instance != nil } } }
    }

    /// Appends numbered records to all partitions until it is stopped.
    private actor Load {
        private let world: Replicated
        private let topic: String
        private(set) var count = 0
        private var isStopped = false
        private var task: Task<Void, any Error>?

        init(_ world: Replicated, topic: String = "orders") {
            self.world = world
            self.topic = topic
        }

        func start() {
            task = Task { try await run() }
        }

        private func run() async throws {
            while !isStopped {
                let next = count..<count + 10
                for partition in 0..<SharedFlowTests.partitions {
                    try await world.produce(next, to: topic, partition: partition)
                }
                count = next.upperBound
                try await Task.sleep(for: .milliseconds(5))
            }
        }

        func stop() async throws -> Int {
            isStopped = true
            try await task?.value
            return count
        }
    }

    /// Nothing is missing, nothing doubled, and the order is kept.
    private func check(_ world: Replicated, count: Int, topic: String = "orders") async throws {
        for partition in 0..<Self.partitions {
            try await eventually("everything of partition \(partition)") {
                try await world.targetValues("east.\(topic)", partition: partition).count >= count
            }
            let values = try await world.targetValues("east.\(topic)", partition: partition)
            #expect(values == expectedValues(0..<count))
        }
    }

    private func eventuallyDivided(_ instances: [Instance], total: Int = Int(Self.partitions)) async throws {
        try await eventually("\(total) partitions to be divided") {
            var counts: [Int] = []
            for instance in instances { counts.append(await instance.partitions) }
            // By load a third instance may have only tasks.
            return counts.reduce(0, +) == total && counts.count { $0 > 0 } >= min(2, counts.count)
        }
    }

    @Test func `instances come and go under load`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let load = Load(world)
            await load.start()
            let a = try Instance("a", in: world)
            try await eventually("a to have everything") { await a.partitions == Self.partitions }
            let alone = await a.flow.status().partitions

            let b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            // Those that stay are not touched.
            for kept in await a.flow.status().partitions {
                let before = alone.first { $0.partition == kept.partition }
                #expect(kept.instanceSince == before?.instanceSince)
                #expect(kept.instance == "a")
            }
            #expect(await a.flow.status().instances?.map(\.instance) == ["a", "b"])
            #expect(await a.flow.status().membership?.state == .member)
            let c = try Instance("c", in: world)
            try await eventuallyDivided([a, b, c])
            try await b.stop()
            try await eventuallyDivided([a, c])
            let again = try Instance("b", in: world)
            try await eventuallyDivided([a, again, c])
            try await a.stop()
            try await c.stop()
            try await eventuallyDivided([again])
            let count = try await load.stop()
            try await check(world, count: count)
            try await again.stop()
            #expect(
                try await world.recorded().checkpoints.values.allSatisfy {
                    $0.sourceOffset == count && $0.accounting?.written == Int64(count)
                        && $0.accounting?.imbalance(passed: $0.sourceOffset) == 0
                })
        }
    }

    @Test func `what a killed instance had is taken over when its session is over`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let load = Load(world)
            await load.start()
            let a = try Instance("a", in: world)
            let b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            await b.kill()
            try await eventuallyDivided([a])
            await a.kill()
            let c = try Instance("c", in: world)
            try await eventuallyDivided([c])
            let count = try await load.stop()
            try await check(world, count: count)
            try await c.stop()
        }
    }

    @Test(arguments: [StartPosition.earliest, .latest])
    func `two begin a flow at the same moment`(start: StartPosition) async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let a = try Instance("a", in: world) { $0.startFrom = start }
            let b = try Instance("b", in: world) { $0.startFrom = start }
            try await eventuallyDivided([a, b])
            let load = Load(world)
            await load.start()
            try await eventually("some records") { await load.count > 50 }
            let count = try await load.stop()
            try await check(world, count: count)
            try await a.stop()
            try await b.stop()
        }
    }

    @Test func `a topic that comes later is divided, too`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let a = try Instance("a", in: world), b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            try await world.createTopic("payments", partitions: Self.partitions)
            for partition in 0..<Self.partitions {
                try await world.produce(0..<50, to: "payments", partition: partition)
            }
            try await eventuallyDivided([a, b], total: 2 * Int(Self.partitions))
            try await check(world, count: 50, topic: "payments")
            try await a.stop()
            try await b.stop()
        }
    }

    /// Before JoinGroup 9 the coordinator tells a leader that was started again that its former self leads.
    @Test(arguments: [9, 8] as [Int16])
    func `a topic that comes after the leader was started again is divided, too`(newestJoin: Int16) async throws {
        try await Replicated.run(targetProperties: Self.quick, targetVersions: [.joinGroup: newestJoin]) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let a = try Instance("a", in: world, session: .seconds(8))
            try await eventually("a to have everything") { await a.partitions == Self.partitions }
            let b = try Instance("b", in: world, session: .seconds(8))
            try await eventuallyDivided([a, b])
            try await eventually("the group to rest") {
                let group = "__replicator.east-to-west"
                return try await world.targetClient.describeGroup(group).state == "Stable"
            }
            await a.kill()
            let again = try Instance("a", in: world, session: .seconds(8))
            try await eventuallyDivided([again, b])
            try await world.createTopic("payments", partitions: Self.partitions)
            for partition in 0..<Self.partitions {
                try await world.produce(0..<50, to: "payments", partition: partition)
            }
            try await eventuallyDivided([again, b], total: 2 * Int(Self.partitions))
            try await check(world, count: 50, topic: "payments")
            try await again.stop()
            try await b.stop()
        }
    }

    @Test func `an instance tells which of its partitions its configuration does not select`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            try await world.createTopic("payments", partitions: Self.partitions)
            let b = try Instance("b", in: world)
            try await eventually("b to have everything") { await b.partitions == 2 * Self.partitions }
            let narrow = NameSelection(allow: [try NamePattern("orders")], deny: [])
            let a = try Instance("a", in: world) { $0.topics = narrow }
            try await eventually("all partitions to be told of") {
                let all = await a.flow.status().partitions + b.flow.status().partitions
                let unselected = all.filter { $0.lagUnknown?.contains("does not select") == true }
                return all.count == 2 * Int(Self.partitions) && !unselected.isEmpty
                    && unselected.allSatisfy {
                        $0.topic == "payments" && $0.targetTopic == "east.payments" && $0.instance == nil
                            && $0.lag == nil && $0.obstacle == $0.lagUnknown
                    }
            }
            try await a.stop()
            try await eventually("b to have everything again") { await b.partitions == 2 * Self.partitions }
            #expect(await b.flow.status().partitions.allSatisfy { $0.lagUnknown?.contains("select") != true })
            try await b.stop()
        }
    }

    /// The instance that takes over has heard of the topics' ids before the checkpoints were written.
    @Test(arguments: ["source", "target"])
    func `a topic created again is not taken for a third by one that takes it over`(side: String) async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            func instance(_ id: String) throws -> Instance {
                try Instance(id, in: world) {
                    $0.policies.recreated = .continue
                    $0.sync.interval = .seconds(3600)
                }
            }
            func produce(_ numbers: Range<Int>) async throws {
                for partition in 0..<Self.partitions {
                    try await world.produce(numbers, to: "orders", partition: partition)
                }
            }
            try await world.createTopic("orders", partitions: Self.partitions)
            try await produce(0..<50)
            let a = try instance("a"), b = try instance("b")
            try await eventuallyDivided([a, b])
            try await check(world, count: 50)
            if side == "source" {
                _ = try await world.source.recreateTopic("orders")
            } else {
                _ = try await world.target.recreateTopic("east.orders")
            }
            try await produce(50..<100)
            try await check(world, count: 100)
            let id =
                side == "source"
                ? try await world.sourceClient.metadata(.named(["orders"])).topics["orders"]?.id
                : try await world.targetClient.metadata(.named(["east.orders"])).topics["east.orders"]?.id
            try await eventually("checkpoints of the new topic") {
                try await world.recorded().checkpoints.values.allSatisfy {
                    $0.sourceOffset == (side == "source" ? 50 : 100)
                        && (side == "source" ? $0.sourceTopicID : $0.targetTopicID) == id?.hexadecimal
                }
            }

            let isFirst = await a.flow.status().tasks?.contains("topics") == true
            let (stays, goes) = isFirst ? (a, b) : (b, a)
            await goes.kill()
            try await eventuallyDivided([stays])
            try await produce(100..<150)
            try await check(world, count: 150)
            #expect(await stays.flow.status().partitions.allSatisfy { $0.doubled == 0 })
            try await stays.stop()
        }
    }

    @Test func `parts are divided in time although the progress topic does not answer`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let a = try Instance("a", in: world)
            try await eventually("a to have everything") { await a.partitions == Self.partitions }
            let b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            let since = await a.flow.status().membership?.since
            let progress = ProgressTopic.name(flow: "east-to-west")
            for api in [ApiKey.fetch, .listOffsets, .produce] {
                world.target.intercept(api, times: .max, topic: progress, .delay(.seconds(600)))
            }
            await b.kill()
            try await eventually("the group to continue without b") {
                await a.flow.status().instances?.map(\.instance) == ["a"]
            }
            #expect(await a.flow.status().membership?.since == since, "it has been a member without a break")
            #expect(await a.flow.status().partitions.contains { $0.instance == "a" })
            world.target.removeInterceptions()
            await a.kill()
        }
    }

    @Test func `groups are kept in step whoever copies what they read`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            for partition in 0..<Self.partitions {
                try await world.produce(0..<100, to: "orders", partition: partition)
            }
            let a = try Instance("a", in: world), b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            for partition in 0..<Self.partitions {
                try await world.produce(100..<110, to: "orders", partition: partition)
            }
            try await check(world, count: 110)
            let places = Dictionary(uniqueKeysWithValues: (0..<Self.partitions).map { ($0, 40 + Int64($0)) })
            try await world.commit("billing", ["orders": places])
            // A takeover leaves a marker in the log, so that offsets differ from those of the source.
            var wanted: [Int32: ClosedRange<Int64>] = [:]
            for (partition, place) in places {
                let log = StateTopic("east.orders", partition: partition, client: world.targetClient)
                let offsets = try await log.readAll().map(\.offset)
                wanted[partition] = (offsets[Int(place) - 1] + 1)...offsets[Int(place)]
            }
            do {
                try await eventually("all positions") {
                    let found = try await world.targetOffsets(of: "billing")
                    return wanted.allSatisfy { partition, range in
                        found[TopicPartition("east.orders", partition)].map { range.contains($0.offset) } ?? false
                    }
                }
            } catch {
                for instance in [a, b] {
                    let status = await instance.flow.status()
                    let found = status.groups.flatMap(\.partitions).map {
                        "\($0.partition) \($0.state) \($0.sourceOffset) \($0.targetOffset ?? -1) \($0.reason ?? "")"
                    }
                    Issue.record("\(status.tasks ?? []) \(status.groupsReason ?? "") \(found) wanted \(wanted)")
                }
                throw error
            }
            let tasks = [await a.flow.status().tasks ?? [], await b.flow.status().tasks ?? []].joined().sorted()
            #expect(tasks == ["groups", "metadata", "topics"])
            try await a.stop()
            try await b.stop()
        }
    }

    @Test func `a partition that its target does not take keeps the others from nobody`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            try await world.createTopic("slow", partitions: 3)
            let a = try Instance("a", in: world)
            try await eventually("a to have everything") { await a.partitions == Self.partitions + 3 }
            world.target.intercept(.produce, times: .max, topic: "east.slow", .error(.notEnoughReplicas))
            for partition: Int32 in 0..<3 { try await world.produce(0..<10, to: "slow", partition: partition) }
            try await eventually("records that the target does not take") {
                let slow = await a.flow.status().partitions.filter { $0.topic == "slow" }
                return slow.allSatisfy { $0.bufferedBytes > 0 || $0.obstacle != nil }
            }

            let b = try Instance("b", in: world)
            try await eventually("b to have some of the others") { await b.partitions > 0 }
            // It waits for as long as a release may take.
            let slow = await a.flow.status().partitions.filter { $0.topic == "slow" }
            #expect(slow.count == 3)
            world.target.removeInterceptions()
            try await eventuallyDivided([a, b], total: Int(Self.partitions) + 3)
            for partition: Int32 in 0..<3 {
                try await eventually("everything of slow") {
                    try await world.targetValues("east.slow", partition: partition) == expectedValues(0..<10)
                }
            }
            try await a.stop()
            try await b.stop()
        }
    }

    @Test func `nothing is written without the coordinator, and everything comes back with it`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let load = Load(world)
            await load.start()
            let a = try Instance("a", in: world, session: .seconds(1))
            let b = try Instance("b", in: world, session: .seconds(1))
            try await eventuallyDivided([a, b])
            for key in [ApiKey.heartbeat, .joinGroup, .syncGroup] {
                world.target.intercept(key, times: .max, .error(.coordinatorNotAvailable))
            }
            try await eventually("both to let go of everything") {
                let left = await a.partitions + b.partitions
                let states = [await a.flow.status().membership?.state, await b.flow.status().membership?.state]
                return left == 0 && states == [.lost, .lost]
            }
            #expect(await a.flow.status().reason?.contains("__replicator.east-to-west") == true)
            #expect(await !a.flow.works)
            let lost = await a.flow.status().partitions + b.flow.status().partitions
            #expect(lost.count == Int(Self.partitions))
            #expect(lost.allSatisfy { $0.lag == nil && $0.lagUnknown?.contains("__replicator.east-to-west") == true })
            world.target.removeInterceptions()
            try await eventuallyDivided([a, b])
            #expect(await a.flow.status().reason == nil)
            let count = try await load.stop()
            try await check(world, count: count)
            try await a.stop()
            try await b.stop()
        }
    }

    @Test func `an instance that the group does not take does nothing and says what to do`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            try await world.produce(0..<10, to: "orders")
            world.target.intercept(.describeGroups, times: 1, .error(.groupAuthorizationFailed))
            let refused = try world.flow()
            await #expect(throws: FlowError.self) { try await refused.start() }
            await refused.close()

            world.target.intercept(.joinGroup, times: 2, .error(.groupAuthorizationFailed))
            let a = try Instance("a", in: world)
            try await eventually("the refusal") {
                let status = await a.flow.status()
                return status.membership?.state == .refused && status.partitions.allSatisfy { $0.instance == nil }
            }
            let reason = await a.flow.status().reason ?? ""
            #expect(reason.contains("kafka-acls.sh") && reason.contains("__replicator.east-to-west"))
            try await eventually("it to be let in") { await a.partitions == Self.partitions }
            #expect(await a.flow.status().membership?.state == .member)
            try await a.stop()
        }
    }

    @Test func `a batch that is late for the lease is not sent, and nothing is lost with it`() async throws {
        try await Replicated.run(targetProperties: Self.quick) { world in
            try await world.createTopic("orders", partitions: Self.partitions)
            let load = Load(world)
            await load.start()
            let a = try Instance("a", in: world)
            let b = try Instance("b", in: world)
            try await eventuallyDivided([a, b])
            for _ in 0..<20 {
                a.flow.lease.end()
                try await Task.sleep(for: .milliseconds(20))
            }
            try await eventuallyDivided([a, b])
            let count = try await load.stop()
            try await check(world, count: count)
            try await a.stop()
            try await b.stop()
        }
    }
}
