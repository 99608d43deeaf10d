import KafkaBroker
import KafkaClient
import Logging
import NIOCore
import NIOPosix
import Observability
import Replication
import ReplicatorConfig
import ReplicatorDaemon
import ServiceLifecycle
import TestSupport
import Testing

/// Reloads of a process whose flows run between two embedded clusters.
@Suite(.serialized, .timeLimit(.minutes(5))) struct ReloadTests {
    private struct Process {
        let flows: RunningFlows
        let reloader: Reloader
        let daemon: Daemon
        let files: Files

        func write(_ text: String) throws { try files.write(text, "replicator.yaml") }

        func reload(_ text: String) async throws -> ReloadReport {
            try write(text)
            return await reloader.reload(.signal)
        }

        func flow(_ name: String) async throws -> Flow {
            try #require(await flows.flows.first { $0.name == name })
        }

        var names: [String] { get async { await flows.flows.map(\.name) } }
    }

    /// A configuration with these flows, each a line of YAML.
    private func text(_ world: Replicated, _ flows: String..., more: String = "") -> String {
        """
        clusters:
          east: {bootstrapServers: "\(world.source.bootstrapServers)"}
          west: {bootstrapServers: "\(world.target.bootstrapServers)"}
          void: {bootstrapServers: "127.0.0.1:1", connectTimeout: 100ms}
        flows:
        \(flows.map { "  - {target: west, startFrom: earliest, sync: {interval: 100ms}, \($0)}" }.joined(separator: "\n"))
        \(more)
        """
    }

    private func running(
        _ world: Replicated, _ text: String, _ body: (Process) async throws -> Void
    ) async throws {
        try await withFiles(["replicator.yaml": text]) { files in
            let file = files["replicator.yaml"]
            let contents = ConfigurationContents(of: file)
            let configuration = WatchedConfiguration(file: file, selected: nil, current: try ConfigFile.load(file))
            let loops = [world.group.next(), world.group.next()]
            let time: @Sendable () -> Int64 = { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
            let flows = RunningFlows(configuration.flows, logger: Replicated.quiet) {
                Flow($0, eventLoops: loops, logger: Replicated.quiet, wallClock: time)
            }
            let daemon = Daemon(
                flows: flows,
                watches: ClusterWatches(configuration.clusters) {
                    ClusterWatch($0, eventLoop: loops[0], logger: Replicated.quiet, wallClock: time)
                }, stuckAfter: .seconds(60), version: "1", registry: MetricsRegistry(), events: EventLog(),
                logger: Replicated.quiet, wallClock: time)
            let process = Process(
                flows: flows,
                reloader: Reloader(daemon: daemon, configuration: configuration, contents: contents), daemon: daemon,
                files: files)
            let service = FlowsService(
                flows: flows, retries: Backoff(initial: .milliseconds(50), maximum: .milliseconds(200)))
            let group = ServiceGroup(services: [service], logger: Replicated.quiet)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await group.run() }
                do {
                    try await body(process)
                } catch {
                    tasks.cancelAll()
                    throw error
                }
                await group.triggerGracefulShutdown()
                try await tasks.waitForAll()
            }
        }
    }

    @Test func `a flow that restarts copies every record once`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let settings = "name: f, source: east, topics: {allow: [\".*\"]}"
            try await running(world, text(world, settings)) { process in
                let first = try await process.flow("f")
                try await world.produce(0..<100, to: "orders")
                try await world.caughtUp(first, records: 100)

                for shards in 1...3 {
                    let begin = shards * 100
                    let report = try await process.reload(text(world, settings + ", shards: \(shards)"))
                    #expect(report.isApplied)
                    try await world.produce(begin..<(begin + 100), to: "orders")
                }
                try await eventually("another flow runs with the newest settings") {
                    let flow = try await process.flow("f")
                    let settings = await flow.settings
                    return settings.shards == 3 && flow !== first
                }
                try await world.caughtUp(try await process.flow("f"), records: 400)
                #expect(try await world.targetValues("east.orders") == expectedValues(0..<400))
            }
        }
    }

    @Test func `flows come and go, also those that cannot start`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let kept = "name: kept, source: east, topics: {allow: [\".*\"]}"
            let lost = "name: lost, source: void, topics: {allow: [\".*\"]}"
            try await running(world, text(world, kept)) { process in
                let flow = try await process.flow("kept")
                #expect(try await process.reload(text(world, lost, kept)).messages == ["flow lost added"])
                #expect(await process.names == ["lost", "kept"])
                try await eventually("it waits") { await (try process.flow("lost")).status().state == .waiting }

                #expect(try await process.reload(text(world, kept)).messages == ["flow lost removed"])
                try await eventually("it is gone") { await process.names == ["kept"] }
                #expect(try await process.flow("kept") === flow)
                try await world.caughtUp(flow, records: 10)
                #expect(await process.daemon.document().flows.map(\.status.name) == ["kept"])
            }
        }
    }

    @Test func `a flow that is taken back while it stops comes back`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let kept = "name: kept, source: east, topics: {allow: [none]}, naming: {mode: prefix, alias: kept}"
            let moved = "name: moved, source: east, topics: {allow: [\".*\"]}"
            try await running(world, text(world, kept, moved)) { process in
                try await world.produce(0..<10, to: "orders")
                for _ in 0..<3 {
                    #expect(try await process.reload(text(world, kept)).messages == ["flow moved removed"])
                    #expect(try await process.reload(text(world, kept, moved)).messages == ["flow moved added"])
                }
                try await eventually("it copies") { try await world.targetValues("east.orders").count == 10 }
                try await world.produce(10..<20, to: "orders")
                try await eventually("it copies on") { try await world.targetValues("east.orders").count == 20 }
                #expect(try await world.targetValues("east.orders") == expectedValues(0..<20))
            }
        }
    }

    @Test func `what the target has recorded of a flow is kept, and settings with which it would not work are refused`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await running(world, text(world, "name: f, source: east, topics: {allow: [\".*\"]}")) { process in
                let flow = try await process.flow("f")
                try await eventually("it runs") { await flow.status().partitions.count == 1 }

                let naming = try await process.reload(
                    text(world, "name: f, source: east, topics: {allow: [none]}, naming: {mode: identical}"))
                #expect(!naming.isApplied)
                #expect(naming.messages.first?.contains("was started before with naming prefix east.") == true)
                let dead = try await process.reload(
                    text(world, "name: f, source: void, topics: {allow: [none]}, naming: {mode: prefix, alias: east}"))
                #expect(!dead.isApplied)
                #expect(dead.messages.first?.contains("works now, and could not with the new settings") == true)

                #expect(try await process.flow("f") === flow)
                #expect(await flow.works)
                #expect(await flow.status().partitions.count == 1)
            }
        }
    }

    @Test func `a file that changes is taken over once, where that is wanted`() async throws {
        try await Replicated.run { world in
            let one = "name: one, source: east, topics: {allow: [a]}"
            let other = "name: one, source: east, topics: {allow: [b]}"
            let watched = "reload: onChange"
            try await running(world, text(world, one)) { process in
                func reports() async -> ReloadReport? { await process.daemon.document().lastReload }
                func look(_ count: Int = 4) async { for _ in 0..<count { await process.reloader.look() } }

                try process.write(text(world, other))
                await look()
                #expect(await reports() == nil)

                #expect(
                    try await process.reload(text(world, one, more: watched)).messages == [
                        "reload from onSignal to onChange"
                    ])
                try process.write(text(world, other, more: watched))
                await look(1)
                #expect(await reports()?.messages == ["reload from onSignal to onChange"])
                await look(1)
                #expect(await reports()?.messages == [#"flow one: topics.allow now ["b"]"#])

                try process.write("clusters: {")
                await look()
                let refused = await reports()
                #expect(refused?.isApplied == false)
                try process.write(text(world, other, more: watched))
                await look()
                #expect(await reports()?.messages == ["nothing changed"])
            }
        }
    }
}
