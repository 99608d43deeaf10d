import KafkaBroker
import KafkaClient
import KafkaCompression
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import Replication
import ServiceLifecycle

/// Two embedded clusters with a client on each, for as long as a test runs.
struct Replicated {
    let source: EmbeddedCluster
    let target: EmbeddedCluster
    let sourceClient: ClusterClient
    let targetClient: ClusterClient
    let group: MultiThreadedEventLoopGroup

    static func run(
        nodes: Int = 1, sourceDirectory: String? = nil, sourceProperties: [String: String] = [:],
        targetProperties: [String: String] = [:], sourceVersions: [ApiKey: Int16] = [:],
        targetVersions: [ApiKey: Int16] = [:], sourceRelease: BrokerRelease = .newest,
        targetRelease: BrokerRelease = .newest,
        _ body: (Replicated) async throws -> Void
    ) async throws {
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 2)
        let source = try await EmbeddedCluster.start(
            BrokerSettings(
                nodeCount: nodes, dataDirectory: sourceDirectory, properties: sourceProperties, release: sourceRelease,
                newestVersions: sourceVersions, logger: quiet))
        let target = try await EmbeddedCluster.start(
            BrokerSettings(
                nodeCount: nodes, properties: targetProperties, release: targetRelease, newestVersions: targetVersions,
                logger: quiet))
        let replicated = Replicated(
            source: source, target: target,
            sourceClient: client("east", source, group), targetClient: client("west", target, group), group: group)
        do {
            try await body(replicated)
        } catch {
            await replicated.close()
            throw error
        }
        await replicated.close()
    }

    private func close() async {
        await sourceClient.close()
        await targetClient.close()
        await source.shutdown()
        await target.shutdown()
        try? await group.shutdownGracefully()
    }

    static let quiet: Logger = {
        var logger = Logger(label: "test")
        logger.logLevel = .critical
        return logger
    }()

    static func settings(_ name: String, _ cluster: EmbeddedCluster) -> ClusterSettings {
        var settings = ClusterSettings(
            name: name,
            bootstrapServers: cluster.bootstrapServers.split(separator: ",").compactMap { HostAndPort(String($0)) })
        // The brokers are in this process: nobody has to be spared.
        settings.metadataMinimumAge = .milliseconds(2)
        settings.retryBackoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        settings.reconnectBackoff = Backoff(initial: .milliseconds(5), maximum: .milliseconds(50))
        return settings
    }

    private static func client(
        _ name: String, _ cluster: EmbeddedCluster, _ group: MultiThreadedEventLoopGroup
    ) -> ClusterClient {
        ClusterClient(settings(name, cluster), eventLoop: group.next(), logger: quiet)
    }

    /// A flow from source to target that begins at the earliest offset, unless `edit` changes it.
    func flow(logger: Logger = quiet, _ edit: (inout FlowSettings) -> Void = { _ in }) throws -> Flow {
        try flow(from: ("east", source), to: ("west", target), logger: logger, edit)
    }

    func flow(
        from: (String, EmbeddedCluster), to: (String, EmbeddedCluster), logger: Logger = quiet,
        _ edit: (inout FlowSettings) -> Void = { _ in }
    ) throws -> Flow {
        let everything = NameSelection(allow: [try NamePattern(".*")], deny: [])
        var settings = FlowSettings(
            name: "\(from.0)-to-\(to.0)", source: Self.settings(from.0, from.1), target: Self.settings(to.0, to.1),
            topics: everything, consumerGroups: everything, naming: .prefix(alias: from.0, separator: "."),
            targetAlias: to.0)
        settings.startFrom = .earliest
        settings.sync.interval = .milliseconds(100)
        edit(&settings)
        return Flow(
            settings, eventLoops: [group.next(), group.next()], logger: logger,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
    }

    /// Runs flows while `body` runs, then stops them as TERM would.
    func running(_ flows: Flow..., body: () async throws -> Void) async throws {
        try await running(flows, body: body)
    }

    func running(_ flows: [Flow], body: () async throws -> Void) async throws {
        let service = ServiceGroup(services: flows, logger: Self.quiet)
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
}

// Takeovers.
extension Replicated {
    /// No flow finds out what it has on the target, until ``endStall()``.
    func stallTakeovers() {
        target.intercept(.writeTxnMarkers, times: .max, .error(.notEnoughReplicas))
    }

    func endStall() {
        target.removeInterceptions()
    }
}

// Records.
extension Replicated {
    /// With a replica on every node.
    func createTopic(_ name: String, partitions: Int32 = 1, configs: [String: String] = [:]) async throws {
        let topic = NewTopic(
            name, partitions: partitions, replicationFactor: Int16(source.ports.count), configs: configs)
        for (_, outcome) in await sourceClient.createTopics([topic]) { _ = try outcome.get() }
    }

    /// Appends numbered records `value <n>` to a partition of the source, one batch.
    func produce(
        _ numbers: Range<Int>, to topic: String, partition: Int32 = 0, codec: CompressionCodec = .none
    ) async throws {
        try await produce(numbers, to: topic, partition: partition, codec: codec, client: sourceClient)
    }

    func produce(
        _ numbers: Range<Int>, to topic: String, partition: Int32 = 0, codec: CompressionCodec = .none,
        client: ClusterClient
    ) async throws {
        var builder = RecordBatchBuilder()
        for number in numbers {
            builder.append(
                timestamp: 1_700_000_000_000 + Int64(number), key: ByteBuffer(string: "key \(number)"),
                value: ByteBuffer(string: "value \(number)"))
        }
        let state = StateTopic(topic, partition: partition, client: client)
        var records: [Record] = []
        var reader = try builder.batch(codec: codec).records()
        while let record = try reader.next() { records.append(record) }
        _ = try await state.append(records)
    }

    /// Values of everything that a partition of a cluster holds, in order.
    static func values(_ topic: String, partition: Int32 = 0, at client: ClusterClient) async throws -> [String] {
        try await StateTopic(topic, partition: partition, client: client).readAll().map {
            $0.value.map { String(buffer: $0) } ?? "null"
        }
    }

    func targetValues(_ topic: String, partition: Int32 = 0) async throws -> [String] {
        try await Self.values(topic, partition: partition, at: targetClient)
    }

    /// Waits until the flow has nothing left to do and has seen at least `records` of the source.
    func caughtUp(_ flow: Flow, records: Int64) async throws {
        try await eventually("the flow to pass \(records) records") {
            let partitions = await flow.status().partitions
            return partitions.reduce(0) { $0 + $1.sourceOffset } >= records && partitions.allSatisfy { $0.lag == 0 }
        }
    }
}

struct NeverHappened: Error, CustomStringConvertible {
    let description: String
}

/// Polls until a condition holds. Bounded; a slow machine only makes it take longer.
func eventually(_ what: String, _ condition: () async throws -> Bool) async throws {
    let end = NIODeadline.now() + .seconds(60)
    while NIODeadline.now() < end {
        if try await condition() { return }
        try await Task.sleep(for: .milliseconds(10))
    }
    throw NeverHappened(description: "waited in vain for \(what)")
}

func expectedValues(_ numbers: Range<Int>) -> [String] {
    numbers.map { "value \($0)" }
}
