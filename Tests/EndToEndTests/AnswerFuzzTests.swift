import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import ServiceLifecycle
import Synchronization
import TestSupport
import Testing

/// Two clusters behind relays that exchange answers for impossible ones, a running flow, and the tools. Everything
/// lives in this process: a trap ends it, and the last line on standard error names the seed.
@Suite(.printsSeed, .serialized, .timeLimit(.minutes(FuzzSeeds.minutes))) struct AnswerFuzzTests {
    /// Memory that a hostile cluster may cost beyond what there was before, in bytes.
    private static let mostMemory = 768 << 20

    @Test func `no impossible answer is believed: everything is copied, once and in order`() async throws {
        let before = FuzzSeeds.peakMemory
        try await FuzzedWorld.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow("fuzzed-flow")
            var produced = 10
            var inputs = 0
            try await world.produce(0..<produced, to: "orders")
            try await world.running(flow) {
                // A flow that cannot find out what it has to do does not start; that is another matter.
                try await world.caughtUp(flow, records: Int64(produced))
                for seed in FuzzSeeds(count: 12) {
                    FuzzSeeds.say("fuzzing impossible answers, seed \(seed)")
                    world.mutate(.impossible, one: 3, using: seeded(seed))
                    for _ in 0..<3 {
                        try await world.produce(produced..<produced + 10, to: "orders")
                        produced += 10
                        try await world.mutated(atLeast: 8)
                    }
                    inputs += world.endMutation()
                    try await world.caughtUp(flow, records: Int64(produced))
                    #expect(try await world.values("east.orders") == expectedValues(0..<produced), "seed \(seed)")
                }
            }
            FuzzSeeds.report("impossible answers", inputs: inputs)
        }
        #expect(FuzzSeeds.peakMemory - before < Self.mostMemory)
    }

    @Test func `whatever is answered, the process lives, and works once the answers are true again`() async throws {
        let before = FuzzSeeds.peakMemory
        try await FuzzedWorld.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            try await world.commit("g", "orders", 10)
            var inputs = 0
            for seed in FuzzSeeds(count: 6) {
                FuzzSeeds.say("fuzzing any answers, seed \(seed)")
                world.mutate(.anything, one: 6, using: seeded(seed))
                try await world.useEverything()
                inputs += world.endMutation()
                FuzzSeeds.say("checking after seed \(seed)")
                let topic = "fresh\(seed)"
                try await world.createTopic(topic)
                try await world.produce(0..<50, to: topic)
                // Names of its own: what the flow before has recorded selects these topics, too.
                let alias = "after\(seed)"
                let flow = try world.flow("after-\(seed)", topics: topic, alias: alias)
                try await world.running(flow) { try await world.caughtUp(flow, records: 50) }
                #expect(try await world.values("\(alias).\(topic)") == expectedValues(0..<50), "seed \(seed)")
            }
            FuzzSeeds.report("any answers", inputs: inputs)
        }
        #expect(FuzzSeeds.peakMemory - before < Self.mostMemory)
    }
}

/// A source and a target whose answers to some clients are exchanged.
private struct FuzzedWorld {
    let source: EmbeddedCluster
    let target: EmbeddedCluster
    private let proxies: [AnswerProxy]
    private let mutations: Mutations
    let sourceClient: ClusterClient
    let targetClient: ClusterClient
    let group: MultiThreadedEventLoopGroup

    /// Clients of this name are lied to.
    private static let victim = "victim"

    private final class Mutations: Sendable {
        struct State {
            var mutation: AnswerMutation?
            var outOf: UInt64 = 1
            var done = 0
        }

        let state = Mutex(State())

        func exchange(_ answer: AnswerProxy.Answer) -> ByteBuffer? {
            state.withLock { state in
                var whole = ByteBuffer()
                whole.writeInteger(Int32(answer.frame.readableBytes))
                whole.writeImmutableBuffer(answer.frame)
                guard answer.clientID == FuzzedWorld.victim, var mutation = state.mutation else { return whole }
                defer { state.mutation = mutation }
                guard mutation.isDue(one: state.outOf) else { return whole }
                state.done += 1
                return mutation.exchange(answer)
            }
        }
    }

    static func run(_ body: (FuzzedWorld) async throws -> Void) async throws {
        let mutations = Mutations()
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        var clusters: [EmbeddedCluster] = []
        var proxies: [AnswerProxy] = []
        for _ in 0..<2 {
            let proxy = try await AnswerProxy { mutations.exchange($0) }
            let cluster = try await EmbeddedCluster.start(
                BrokerSettings(
                    properties: [
                        "advertised.listeners": "PLAINTEXT://127.0.0.1:\(proxy.port)",
                        "group.initial.rebalance.delay.ms": "0",
                        // The records' times are of long ago, and a run by hand sees retention come round.
                        "log.retention.ms": "-1",
                    ], logger: Replicated.quiet))
            proxy.lead(to: cluster.ports[0])
            clusters.append(cluster)
            proxies.append(proxy)
        }
        let world = FuzzedWorld(
            source: clusters[0], target: clusters[1], proxies: proxies, mutations: mutations,
            sourceClient: ClusterClient(
                settings("east", proxies[0], "test"), eventLoop: group.next(), logger: Replicated.quiet),
            targetClient: ClusterClient(
                settings("west", proxies[1], "test"), eventLoop: group.next(), logger: Replicated.quiet),
            group: group)
        do {
            try await body(world)
        } catch {
            await world.close()
            throw error
        }
        await world.close()
    }

    private func close() async {
        await sourceClient.close()
        await targetClient.close()
        for proxy in proxies { await proxy.close() }
        await source.shutdown()
        await target.shutdown()
        try? await group.shutdownGracefully()
    }

    private static func settings(_ name: String, _ proxy: AnswerProxy, _ client: String) -> ClusterSettings {
        var settings = ClusterSettings(
            name: name, bootstrapServers: [HostAndPort(host: "127.0.0.1", port: proxy.port)])
        settings.clientID = client
        settings.metadataMinimumAge = .milliseconds(2)
        settings.retryBackoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        settings.reconnectBackoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        settings.connectTimeout = .seconds(2)
        settings.requestTimeout = .seconds(2)
        settings.operationTimeout = .seconds(2)
        settings.unknownTopicPatience = .milliseconds(500)
        return settings
    }

    // Mutations

    func mutate(_ kind: AnswerMutation.Kind, one outOf: UInt64, using random: SeededGenerator) {
        mutations.state.withLock {
            $0 = Mutations.State(mutation: AnswerMutation(kind, using: random), outOf: outOf)
        }
    }

    /// Waits for the victims to meet so many more mutated answers.
    func mutated(atLeast more: Int) async throws {
        let now = mutations.state.withLock { $0.done }
        try await eventually("\(more) mutated answers") { mutations.state.withLock { $0.done } >= now + more }
    }

    /// - Returns: the number of answers that were exchanged.
    func endMutation() -> Int {
        mutations.state.withLock {
            $0.mutation = nil
            return $0.done
        }
    }

    // Victims

    func settings(_ name: String, topics: String = ".*", alias: String = "east") throws -> FlowSettings {
        var settings = FlowSettings(
            name: name, source: Self.settings("east", proxies[0], Self.victim),
            target: Self.settings("west", proxies[1], Self.victim),
            topics: NameSelection(allow: [try NamePattern(topics)], deny: []),
            consumerGroups: NameSelection(allow: [try NamePattern(".*")], deny: []),
            naming: .prefix(alias: alias, separator: "."), targetAlias: "west")
        settings.startFrom = .earliest
        settings.sync.interval = .milliseconds(100)
        settings.lastGroupRoundTimeout = .seconds(1)
        return settings
    }

    private static let now: @Sendable () -> Int64 = { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }

    func flow(_ name: String, topics: String = ".*", alias: String = "east") throws -> Flow {
        Flow(
            try settings(name, topics: topics, alias: alias), eventLoops: [group.next(), group.next()],
            logger: Replicated.quiet,
            wallClock: Self.now)
    }

    func running(_ flow: Flow, body: () async throws -> Void) async throws {
        let service = ServiceGroup(services: [flow], logger: Replicated.quiet)
        try await withThrowingTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try await service.run() }
            do {
                try await body()
            } catch {
                tasks.cancelAll()
                throw error
            }
            await service.triggerGracefulShutdown()
            try await tasks.waitForAll()
        }
    }

    /// A flow and every tool at once. What they say of such clusters does not matter.
    func useEverything() async throws {
        let settings = try settings("victim")
        let flow = try flow("victim")
        let loop = group.next()
        await withTaskGroup(of: Void.self) { tasks in
            tasks.addTask { try? await flow.run() }
            tasks.addTask {
                let planner = FlowPlanner(settings, eventLoop: loop, logger: Replicated.quiet, wallClock: Self.now)
                _ = try? await planner.plan(applies: false, overwrites: false)
                await planner.close()
            }
            tasks.addTask {
                let doctor = Doctor(settings, eventLoop: loop, logger: Replicated.quiet, wallClock: Self.now)
                _ = await doctor.examine(probes: true)
                await doctor.close()
            }
            tasks.addTask {
                var options = Verification.Options()
                options.patience = .seconds(1)
                let verification = Verification(
                    settings, options: options, eventLoops: [loop], logger: Replicated.quiet)
                _ = try? await verification.run { _ in }
            }
            tasks.addTask {
                let inspector = OffsetInspector(settings, eventLoop: loop, logger: Replicated.quiet)
                _ = try? await inspector.inspect(group: "g", action: .look)
                await inspector.close()
            }
            tasks.addTask {
                try? await Task.sleep(for: .milliseconds(1_500))
                _ = await flow.status()
            }
            // The tools end by themselves; the flow does not.
            for _ in 0..<5 { await tasks.next() }
            tasks.cancelAll()
        }
    }

    // Records

    func createTopic(_ name: String) async throws {
        for (_, outcome) in await sourceClient.createTopics([NewTopic(name, partitions: 1, replicationFactor: 1)]) {
            _ = try outcome.get()
        }
    }

    func produce(_ numbers: Range<Int>, to topic: String) async throws {
        let records = numbers.map {
            Record(
                offset: 0, timestamp: 1_700_000_000_000 + Int64($0), key: ByteBuffer(string: "key \($0)"),
                value: ByteBuffer(string: "value \($0)"), headers: [])
        }
        _ = try await StateTopic(topic, client: sourceClient).append(records)
    }

    func commit(_ group: String, _ topic: String, _ offset: Int64) async throws {
        let offsets = [TopicPartition(topic, 0): CommittedOffset(offset: offset)]
        for (_, outcome) in await sourceClient.commitOffsets(of: group, offsets) { try outcome.get() }
    }

    func values(_ topic: String) async throws -> [String] {
        try await StateTopic(topic, client: targetClient).readAll().map {
            $0.value.map { String(buffer: $0) } ?? "null"
        }
    }

    func caughtUp(_ flow: Flow, records: Int64) async throws {
        try await eventually("the flow to pass \(records) records") {
            let partitions = await flow.status().partitions
            return partitions.reduce(0) { $0 + $1.sourceOffset } >= records && partitions.allSatisfy { $0.lag == 0 }
        }
    }
}
