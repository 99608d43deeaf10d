internal import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
public import Replication

/// Practises a failover between two clusters with numbered records, a consumer group and a flow each way, and measures
/// what an emergency would cost.
///
/// ```
///   producers ──▶ source ══ flow ══▶ target       1. undisturbed
///   consumers ◀── source                          2. the source fails
///                 producers, consumers ◀─▶ target 3. failed over
///   producers ──▶ source ◀══ flow ══ target       4. failed back
/// ```
public actor Drill {
    let settings: DrillSettings
    let forward: FlowSettings
    private let backward: FlowSettings
    private let faults: any DrillClusters
    private let eventLoops: [any EventLoop]
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    private let say: @Sendable (DrillReport.Event) -> Void

    let source: ClusterClient
    let target: ClusterClient
    let canary: Canary
    private let beginning = ContinuousClock.now
    var report: DrillReport
    var flows: (forward: Flow, backward: Flow)
    private var producers: [CanaryProducer] = []
    private var consumers: [CanaryConsumer] = []

    /// - Parameters:
    ///   - forward: the flow that is practised with, in identical naming; `backward` is its opposite.
    ///   - say: told what happens while it happens.
    public init(
        _ settings: DrillSettings, forward: FlowSettings, backward: FlowSettings, faults: any DrillClusters,
        eventLoops: [any EventLoop], logger: Logger, wallClock: @escaping @Sendable () -> Int64,
        say: @escaping @Sendable (DrillReport.Event) -> Void
    ) {
        precondition(!eventLoops.isEmpty, "a drill needs an event loop")
        self.settings = settings
        let forward = settings.scenario == .instance ? Self.settings(forward, instance: 0) : forward
        self.forward = forward
        self.backward = backward
        self.faults = faults
        self.eventLoops = eventLoops
        self.logger = logger
        self.wallClock = wallClock
        self.say = say
        source = ClusterClient(Self.impatient(forward.source), eventLoop: eventLoops[0], logger: logger)
        target = ClusterClient(Self.impatient(forward.target), eventLoop: eventLoops[0], logger: logger)
        canary = Canary(topic: settings.topic, group: settings.group, partitions: settings.partitions)
        report = DrillReport(scenario: settings.scenario)
        flows = (
            Flow(forward, eventLoops: eventLoops, logger: logger, wallClock: wallClock),
            Flow(backward, eventLoops: eventLoops, logger: logger, wallClock: wallClock)
        )
    }

    /// Producers and consumers notice soon that their cluster is gone.
    private static func impatient(_ settings: ClusterSettings) -> ClusterSettings {
        var settings = settings
        settings.clientID = "replicator-drill"
        settings.requestTimeout = .seconds(2)
        settings.operationTimeout = .seconds(2)
        settings.connectTimeout = .seconds(2)
        return settings
    }

    /// - Throws: ``DrillError``, ``FlowError`` or `KafkaError` when the drill cannot be done.
    public func run() async throws -> DrillReport {
        try await createTopic()
        try await flows.forward.prepare()
        try await flows.backward.prepare()
        try await withThrowingTaskGroup(of: Void.self) { group in
            let (forward, backward) = flows
            group.addTask { try await forward.run() }
            group.addTask { try await backward.run() }
            do {
                try await waitFor("the flows to find the topic") {
                    await forward.copies(self.settings.topic, partitions: self.settings.partitions)
                }
                try await practise()
                try await count()
                // Flows end in order only with both of their clusters there.
                if settings.scenario == .unplanned { try await faults.reviveSource() }
            } catch {
                group.cancelAll()
                await close()
                throw error
            }
            await forward.stop()
            await backward.stop()
            try await group.waitForAll()
        }
        await close()
        return report
    }

    /// Another instance of the flow that is practised with.
    func makeInstance(_ number: Int) -> Flow {
        Flow(Self.settings(forward, instance: number), eventLoops: eventLoops, logger: logger, wallClock: wallClock)
    }

    /// Stops the flow from reading its source, for clusters to which nothing worse may be done.
    public func cutOff() async throws { try await flows.forward.pause(.flow) }

    public func reconnect() async throws { try await flows.forward.resume(.flow) }

    private func close() async {
        await source.close()
        await target.close()
    }

    private func createTopic() async throws {
        let brokers = try await source.metadata(.none).brokers.count
        let topic = NewTopic(
            settings.topic, partitions: settings.partitions, replicationFactor: Int16(max(1, min(3, brokers))))
        for (_, outcome) in await source.createTopics([topic]) { _ = try outcome.get() }
    }

    private func practise() async throws {
        switch settings.scenario {
        case .planned: try await practisePlanned()
        case .partition: try await practisePartition()
        case .instance: try await practiseInstances()
        case .unplanned, .activePassive, .activeActive: try await practiseUnplanned()
        }
    }
}

// Scenarios.
extension Drill {
    private func practiseUnplanned() async throws {
        let isActiveActive = settings.scenario == .activeActive
        let east = producer("source", at: source)
        let west = isActiveActive ? producer("target", at: target) : nil
        let readers = consumer(at: source)
        tell("producing \(settings.recordsPerSecond) records/s on \(forward.source.name), consuming there")
        let movedProducer = producer("moved", at: target)
        let movedConsumer = consumer(at: target)
        try await together([east, west].compactMap { $0 }, [readers]) {
            try await Task.sleep(for: self.settings.phase)
            let failedAt = ContinuousClock.now
            let time = self.wallClock()
            try await self.faults.killSource()
            for producer in [east, west] { await producer?.stop() }
            await readers.stop()
            self.tell(
                "\(self.forward.source.name) is dead: producers and consumers continue at \(self.forward.target.name)")
            try await self.together([movedProducer], [movedConsumer]) {
                try await self.measureLoss(of: east, at: time)
                try await self.waitFor("a record to be consumed on \(self.forward.target.name)") {
                    await movedConsumer.firstRecord != nil
                }
                try await Task.sleep(for: self.settings.phase)
            }
            self.report.rtoConsumersSeconds = self.seconds(from: failedAt, to: await movedConsumer.firstRecord)
            self.report.rtoProducersSeconds = self.seconds(
                from: failedAt, to: await movedProducer.firstAcknowledgement)
        }
        guard settings.scenario != .unplanned else { return try await finishReading(movedConsumer, at: target) }
        try await faults.reviveSource()
        tell("\(forward.source.name) is back: what it alone has goes to \(forward.target.name), the rest comes back")
        try await drain(flows.forward, from: source)
        try await drain(flows.backward, from: target)
        try await failBack()
    }

    private func practisePlanned() async throws {
        let east = producer("source", at: source)
        let readers = consumer(at: source)
        tell("producing \(settings.recordsPerSecond) records/s on \(forward.source.name), consuming there")
        try await together([east], [readers]) { try await Task.sleep(for: self.settings.phase) }
        let fencedAt = ContinuousClock.now
        tell("producers have stopped; draining to fixed ends")
        try await drain(flows.forward, from: source)
        try await commitGroups(flows.forward)
        tell("everything is on \(forward.target.name), the group's positions too")
        let movedProducer = producer("moved", at: target)
        let movedConsumer = consumer(at: target)
        try await together([movedProducer], [movedConsumer]) {
            try await self.waitFor("a record to be consumed on \(self.forward.target.name)") {
                await movedConsumer.firstRecord != nil
            }
            try await Task.sleep(for: self.settings.phase)
        }
        report.rtoConsumersSeconds = seconds(from: fencedAt, to: await movedConsumer.firstRecord)
        report.rtoProducersSeconds = seconds(from: fencedAt, to: await movedProducer.firstAcknowledgement)
        try await failBack()
    }

    private func practisePartition() async throws {
        let east = producer("source", at: source)
        let readers = consumer(at: source)
        tell("producing \(settings.recordsPerSecond) records/s on \(forward.source.name), consuming there")
        try await together([east], [readers]) {
            try await Task.sleep(for: self.settings.phase)
            let cutAt = ContinuousClock.now
            try await self.faults.silenceTarget()
            self.tell("\(self.forward.target.name) cannot be reached")
            try await Task.sleep(for: self.settings.phase)
            try await self.faults.unsilenceTarget()
            self.tell("\(self.forward.target.name) can be reached again")
            await east.stop()
            try await self.drain(self.flows.forward, from: self.source)
            self.report.recoverySeconds = self.seconds(from: cutAt, to: .now)
            let ends = try await self.canary.ends(self.source)
            try await self.waitFor("consumers to reach the end") { await readers.hasReached(ends) }
        }
    }

    /// Producers stop, everything is drained, consumers go back to where they were.
    private func failBack() async throws {
        tell("failing back: draining \(forward.target.name)")
        try await drain(flows.backward, from: target)
        try await commitGroups(flows.backward)
        let back = producer("back", at: source)
        let readers = consumer(at: source)
        tell("producers and consumers are back at \(forward.source.name)")
        try await together([back], [readers]) {
            try await Task.sleep(for: self.settings.phase / 2)
            await back.stop()
        }
        try await drain(flows.forward, from: source)
        try await finishReading(consumer(at: source), at: source)
        tell("failed back")
    }

    /// A consumer reads what is left, so that nothing counts as missed that was merely not its turn yet.
    private func finishReading(_ consumer: CanaryConsumer, at client: ClusterClient) async throws {
        if await consumer.isSpent { return try await finishReading(self.consumer(at: client), at: client) }
        let ends = try await canary.ends(client)
        try await together([], [consumer]) {
            try await self.waitFor("consumers to reach the end") { await consumer.hasReached(ends) }
        }
    }
}

// Steps.
extension Drill {
    func producer(_ origin: String, at client: ClusterClient) -> CanaryProducer {
        let producer = CanaryProducer(origin: origin, canary: canary, client: client, wallClock: wallClock)
        producers.append(producer)
        return producer
    }

    func consumer(at client: ClusterClient) -> CanaryConsumer {
        let consumer = CanaryConsumer(canary: canary, client: client)
        consumers.append(consumer)
        return consumer
    }

    /// Runs producers and consumers while `body` runs, then stops them and waits for what they have under way.
    func together(
        _ producers: [CanaryProducer], _ consumers: [CanaryConsumer], _ body: () async throws -> Void
    ) async throws {
        let rate = settings.recordsPerSecond
        try await withThrowingTaskGroup(of: Void.self) { group in
            for producer in producers { group.addTask { await producer.run(recordsPerSecond: rate) } }
            for consumer in consumers { group.addTask { await consumer.run() } }
            do {
                try await body()
            } catch {
                group.cancelAll()
                throw error
            }
            for producer in producers { await producer.stop() }
            for consumer in consumers { await consumer.stop() }
            try await group.waitForAll()
        }
    }

    /// Records that the source had acknowledged and the target does not have.
    private func measureLoss(of producer: CanaryProducer, at time: Int64) async throws {
        let acknowledged = await producer.acknowledged
        // Records in flight when the source died still arrive.
        try await Task.sleep(for: .milliseconds(500))
        let present = try await canary.census(target)
        let absent = acknowledged.filter { present[$0.key] == nil }
        report.rpoRecords = absent.count
        report.rpoSeconds = absent.values.min().map { max(0, Double(time - $0) / 1000) } ?? 0
    }

    /// Waits until everything up to the ends that the partitions have now has passed.
    func drain(_ flow: Flow, from client: ClusterClient) async throws {
        let ends = try await canary.ends(client)
        try await waitFor("flow \(flow.name) to drain") { await flow.hasPassed(ends) }
    }

    /// Waits until every position that the group has at the flow's source is committed on its target too.
    private func commitGroups(_ flow: Flow) async throws {
        let client = flow === flows.forward ? source : target
        var committed: [TopicPartition: Int64] = [:]
        for (partition, outcome) in try await client.committedOffsets(of: canary.group, canary.topicPartitions) {
            committed[partition] = try outcome.get().offset
        }
        let positions = committed
        try await waitFor("the group's positions to be committed by flow \(flow.name)") {
            await flow.hasCommitted(self.canary.group, positions)
        }
    }

    func waitFor(_ what: String, _ condition: () async throws -> Bool) async throws {
        let deadline = ContinuousClock.now + settings.patience
        while ContinuousClock.now < deadline {
            if try await condition() { return }
            try await Task.sleep(for: .milliseconds(20))
        }
        throw DrillError.waitedInVain(what)
    }

    func tell(_ text: String) {
        let event = DrillReport.Event(seconds: seconds(from: beginning, to: .now), text: text)
        report.events.append(event)
        say(event)
    }

    func seconds(from: ContinuousClock.Instant, to: ContinuousClock.Instant?) -> Double {
        to.map { max(0, ($0 - from) / .seconds(1)) } ?? 0
    }

    /// Counts both logs, and what consumers made of them.
    private func count() async throws {
        var acknowledged = Set<CanaryID>()
        for producer in producers { acknowledged.formUnion(await producer.acknowledged.keys) }
        report.produced = acknowledged.count
        let atTarget = try await canary.census(target)
        var atSource: [CanaryID: Int] = [:]
        if settings.scenario != .unplanned { atSource = try await canary.census(source) }
        let isUnplanned = settings.scenario == .unplanned
        report.lost = acknowledged.count { atTarget[$0] == nil || (!isUnplanned && atSource[$0] == nil) }
        report.doubled = [atTarget, atSource].reduce(0) { $0 + $1.values.count { $0 > 1 } }
        var seen = Set<CanaryID>()
        var committed = Set<CanaryID>()
        for consumer in consumers {
            let read = await consumer.read
            report.readTwice += read.count { seen.contains($0) }
            report.rereadAfterCommit += read.count { committed.contains($0) }
            seen.formUnion(read)
            committed.formUnion(await consumer.committed)
        }
        let survived = isUnplanned ? acknowledged.filter { atTarget[$0] != nil } : acknowledged
        report.missedByConsumers = survived.count { !seen.contains($0) }
        tell("counted both logs")
    }
}
