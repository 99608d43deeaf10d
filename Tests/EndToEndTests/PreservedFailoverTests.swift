import KafkaBroker
import KafkaClient
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Failover and the way back where copies keep the offsets of their source: one of the two flows works at a time.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PreservedFailoverTests {
    private static func preserving(_ settings: inout FlowSettings) {
        settings.offsets = .preserve
        settings.naming = .identical
    }

    private static func forth(_ world: Replicated) throws -> Flow { try world.flow(preserving) }

    private static func back(_ world: Replicated) throws -> Flow {
        try world.flow(from: ("west", world.target), to: ("east", world.source), preserving)
    }

    @discardableResult
    private static func failOver(
        _ flow: Flow, opposite: Flow, _ world: Replicated, _ kind: FailoverKind = .planned,
        _ edit: (inout FailoverOptions) -> Void = { _ in }
    ) async throws -> FailoverReport {
        var options = FailoverOptions(kind: kind)
        options.still = .milliseconds(300)
        options.takeOverAfter = .milliseconds(500)
        edit(&options)
        let failover = Failover(
            await flow.settings, opposite: await opposite.settings, options: options, owner: "test",
            eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ) { _ in }
        do { try await failover.run() } catch {
            Issue.record(error, "\(await failover.report.steps.map { "\($0.step) \($0.outcome): \($0.text)" })")
            throw error
        }
        return await failover.report
    }

    private static func started(_ flow: Flow) async -> String {
        defer { Task { await flow.close() } }
        do { try await flow.prepare() } catch { return "\(error)" }
        return "started"
    }

    @Test func `there and back and there again, at the same offsets`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.mark("orders", count: 3, at: world.sourceClient)
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world)
            #expect(await Self.started(try Self.forth(world)).contains("west has taken over from east"))

            try await world.produce(10..<20, to: "orders", client: world.targetClient)
            try await world.mark("orders", count: 2, at: world.targetClient)
            try await world.produce(20..<30, to: "orders", client: world.targetClient)
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            try await Self.failOver(try Self.back(world), opposite: try Self.forth(world), world)
            #expect(await Self.started(try Self.back(world)).contains("east has taken over from west"))

            try await world.produce(30..<40, to: "orders")
            try await world.mark("orders", at: world.sourceClient)
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world)
            try await world.produce(40..<50, to: "orders", client: world.targetClient)
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            let log = try await world.log("orders", at: world.sourceClient)
            #expect(log.records.sorted { $0.key < $1.key }.map(\.value) == expectedValues(0..<50))
        }
    }

    @Test func `a flow that runs while its target takes over stops by itself`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try Self.forth(world)
            try await withThrowingTaskGroup(of: Void.self) { tasks in
                tasks.addTask { try await flow.run() }
                try await world.sameOffsets("orders", "orders")
                try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world)
                try await tasks.waitForAll()
            }
            #expect(await flow.status().state == .stopped)
        }
    }

    @Test func `the way back does not begin before the failover`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy("orders")
            let flow = try Self.forth(world)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                #expect(await Self.started(try Self.back(world)).contains("of two such flows one works at a time"))
                try await world.produce(0..<10, to: "orders")
                try await world.sameOffsets("orders", "orders")
            }
            #expect(await Self.started(try Self.back(world)).contains("of two such flows one works at a time"))
        }
    }

    @Test func `what only a lost source has is in the way, and is emptied and filled again when that is asked for`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createTopic("bills")
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<10, to: "bills")
            try await world.running(try Self.forth(world)) {
                try await world.sameOffsets("orders", "orders")
                try await world.sameOffsets("bills", "bills")
            }
            try await world.produce(10..<15, to: "orders")
            try await world.produce(900..<903, to: "orders", client: world.targetClient)
            try await world.produce(900..<903, to: "bills", client: world.targetClient)

            let lost = try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world, .unplanned)

            #expect(lost.isDone)
            #expect(lost.cannotComeBack.count == 1)
            #expect(lost.cannotComeBack.first?.contains("orders-0 on east ends at offset 15, beyond the end") == true)
            #expect(lost.tail.first { $0.topic == "orders" }?.records == 5)
            #expect(await Self.started(try Self.back(world)).contains("orders"))
            #expect(try await world.log("orders", at: world.sourceClient).end == 15)

            let refilled = try await Self.failOver(
                try Self.forth(world), opposite: try Self.back(world), world, .unplanned
            ) { $0.refills = true }

            #expect(refilled.cannotComeBack.isEmpty)
            try await world.running(try Self.back(world)) {
                try await world.sameOffsets("orders", "orders")
                try await world.sameOffsets("bills", "bills")
            }
        }
    }

    @Test func `an old source that loses its end in front of the place of the takeover is refilled`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.produce(10..<20, to: "orders")
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world)

            try await world.produce(20..<30, to: "orders", client: world.targetClient)
            try await world.running(try Self.back(world)) {
                try await world.sameOffsets("orders", "orders")
                #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 10) == 10)
                try await world.sameOffsets("orders", "orders")
            }
            // Nor while the flow does not run.
            #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 10) == 10)
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            let log = try await world.log("orders", at: world.sourceClient)
            #expect(log.records.sorted { $0.key < $1.key }.map(\.value) == expectedValues(0..<30))
        }
    }

    /// The old source is emptied, and filled again with what had come from there.
    private static func refill(_ world: Replicated) async throws {
        try await world.createTopic("orders")
        for begin in stride(from: 0, to: 40, by: 10) { try await world.produce(begin..<begin + 10, to: "orders") }
        try await world.running(try forth(world)) { try await world.sameOffsets("orders", "orders") }
        try await world.produce(900..<903, to: "orders")
        try await world.produce(40..<50, to: "orders", client: world.targetClient)
        try await failOver(try forth(world), opposite: try back(world), world, .unplanned) { $0.refills = true }
    }

    @Test func `a refilled source that loses its end while the flow does not run is refilled once more`() async throws {
        try await Replicated.run { world in
            try await Self.refill(world)
            for _ in 0..<2 {
                try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
                #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 20) <= 20)
            }
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            let log = try await world.log("orders", at: world.sourceClient)
            #expect(log.records.sorted { $0.key < $1.key }.map(\.value) == expectedValues(0..<50))
        }
    }

    @Test func `a refill that has come half way continues when the failover is run again`() async throws {
        try await Replicated.run { world in
            try await Self.refill(world)
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            // As far as a flow comes that is stopped half way.
            #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 20) <= 20)

            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world, .unplanned)

            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
        }
    }

    @Test func `a lost source whose log has come back shorter gets what it had`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.produce(10..<20, to: "orders")
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 10) == 10)
            try await world.produce(20..<30, to: "orders", client: world.targetClient)

            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world, .unplanned)

            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            let log = try await world.log("orders", at: world.sourceClient)
            #expect(log.records.sorted { $0.key < $1.key }.map(\.value) == expectedValues(0..<30))
        }
    }

    @Test func `a lost source with nothing of its own is gone on with`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            try await world.produce(900..<903, to: "orders", client: world.targetClient)

            let report = try await Self.failOver(
                try Self.forth(world), opposite: try Self.back(world), world, .unplanned)

            #expect(report.cannotComeBack.isEmpty)
            try await world.running(try Self.back(world)) { try await world.sameOffsets("orders", "orders") }
            #expect(try await world.log("orders", at: world.sourceClient).end == 13)
        }
    }

    @Test func `a failover is not taken back once the way back may have begun`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.running(try Self.forth(world)) { try await world.sameOffsets("orders", "orders") }
            try await Self.failOver(try Self.forth(world), opposite: try Self.back(world), world)
            let failover = Failover(
                try await Self.forth(world).settings, opposite: try await Self.back(world).settings,
                options: FailoverOptions(kind: .planned), owner: "test",
                eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
                wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
            ) { _ in }

            let error = await #expect(throws: FailoverError.self) { try await failover.undo() }

            #expect("\(error.map { "\($0)" } ?? "")".contains("fail \"west-to-east\" over"))
        }
    }
}
