import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Failovers between two embedded clusters: what foreign clients cannot bring about. The rest is in `operations/test_failover.py`.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FailoverTests {
    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "allow.everyone.if.no.acl.found": "true",
    ]

    private func settings(_ world: Replicated, isOpposite: Bool = false) async throws -> FlowSettings {
        let there = ("east", world.source)
        let back = ("west", world.target)
        let flow =
            try isOpposite
            ? world.flow(from: back, to: there) { $0.naming = .identical }
            : world.flow(from: there, to: back) { $0.naming = .identical }
        return await flow.settings
    }

    private func failover(
        _ world: Replicated, _ kind: FailoverKind = .planned, _ edit: (inout FailoverOptions) -> Void = { _ in }
    ) async throws -> Failover {
        var options = FailoverOptions(kind: kind)
        options.still = .milliseconds(300)
        options.takeOverAfter = .milliseconds(500)
        edit(&options)
        return Failover(
            try await settings(world), opposite: try await settings(world, isOpposite: true), options: options,
            owner: "test", eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ) { _ in }
    }

    private func copied(_ world: Replicated, _ records: Int) async throws {
        let flow = try world.flow { $0.naming = .identical }
        try await world.running(flow) { try await world.caughtUp(flow, records: Int64(records)) }
    }

    @Test func `a copy that differs is found, and the target does not take over`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await copied(world, 100)
            _ = try await world.target.truncate(topic: "orders", partition: 0, to: 0)
            try await world.produce(500..<600, to: "orders", client: world.targetClient)
            let failover = try await failover(world)
            let error = await #expect(throws: FailoverError.self) { try await failover.run() }

            #expect(
                "\(error.map { "\($0)" } ?? "")".contains("source record 0 and target record 0 differ in key, value"))
            let report = await failover.report
            #expect(!report.isDone)
            #expect(report.steps.last?.step == .verify)
            #expect(report.steps.last?.outcome == .failed)
        }
    }

    @Test func `a fence that would keep the replicator out is taken away again`() async throws {
        try await Replicated.run(sourceProperties: Self.authorizer) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await copied(world, 10)
            let failover = try await failover(world) { $0.fence = ["User:*"] }
            let error = await #expect(throws: FailoverError.self) { try await failover.run() }

            #expect("\(error.map { "\($0)" } ?? "")".contains("would keep flow \"west-to-east\" itself"))
            #expect(try await world.sourceClient.accessRules() == [])
        }
    }

    @Test func `a flow that began before its first topic can be failed over`() async throws {
        try await Replicated.run { world in
            let flow = try world.flow { $0.naming = .identical }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == "running" }
                try await world.createTopic("orders")
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(flow, records: 10)
            }
            let failover = try await failover(world)
            try await failover.run()

            let report = await failover.report
            #expect(report.isDone)
            #expect(report.verified == 10)
        }
    }
}
