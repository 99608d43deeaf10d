import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOCore
import Replication
import ReplicationTools
import Testing

/// Settings of topics between two clusters, through a running flow and through plans.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SyncConfigTests {
    private let copy = "east.orders"

    private func set(_ topic: String, _ changes: [String: ConfigChange], at client: ClusterClient) async throws {
        for (_, outcome) in await client.alterConfigs([.topic(topic): changes]) { try outcome.get() }
    }

    /// A key that a topic sets itself; nil when it does not.
    private func own(_ key: String, of topic: String, at client: ClusterClient) async throws -> String? {
        let described = try #require(await client.describeConfigs([.topic(topic)])[.topic(topic)])
        guard let entry = try described.get()[key], entry.source == .topic else { return nil }
        return entry.value
    }

    @Test func `settings follow the source until somebody else changes them, across a restart`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["segment.ms": "60000", "max.message.bytes": "2000000"])
            let first = try world.flow()
            try await world.running(first) {
                try await eventually("the flow to run") { await first.status().state == .running }
                try await set("orders", ["segment.ms": .set("70000")], at: world.sourceClient)
                try await eventually("the change") {
                    try await own("segment.ms", of: copy, at: world.targetClient) == "70000"
                }
            }
            try await set(copy, ["max.message.bytes": .set("3000000")], at: world.targetClient)
            try await set(
                "orders", ["max.message.bytes": .set("2500000"), "segment.ms": .delete], at: world.sourceClient)

            let second = try world.flow()
            try await world.running(second) {
                try await eventually("the reset") {
                    try await own("segment.ms", of: copy, at: world.targetClient) == nil
                }
            }
            #expect(try await own("max.message.bytes", of: copy, at: world.targetClient) == "3000000")
        }
    }

    @Test func `a default that differs is pinned before the copy's first record`() async throws {
        try await Replicated.run(targetProperties: ["log.retention.hours": "1", "log.cleanup.policy": "compact"]) {
            world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
            }
            #expect(try await own("retention.ms", of: copy, at: world.targetClient) == "604800000")
            #expect(try await own("cleanup.policy", of: copy, at: world.targetClient) == "delete")
            #expect(try await own("retention.bytes", of: copy, at: world.targetClient) == nil)
        }
    }

    @Test func `a plan changes nothing until it is applied, and then there is nothing left to do`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 3, configs: ["segment.ms": "60000"])

            let before = try await world.plan()
            #expect(before.changes.map(\.subject) == [copy])
            #expect(before.changes.first?.to?.contains("partitions 3") == true)
            #expect(before.changes.first?.to?.contains("segment.ms=60000") == true)
            #expect(!before.isInStep)
            #expect(try await world.targetClient.metadata(.all).topics.isEmpty)

            let applied = try await world.plan(applies: true)
            #expect(applied.isInStep)
            #expect(try await own("segment.ms", of: copy, at: world.targetClient) == "60000")

            let after = try await world.plan()
            #expect(after.changes == [])
            #expect(after.isInStep)
        }
    }

    @Test func `a plan tells of what others changed, and overwrites it only when told to`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["segment.ms": "60000"])
            _ = try await world.plan(applies: true)
            try await set(copy, ["segment.ms": .set("1")], at: world.targetClient)

            let plan = try await world.plan(applies: true)
            #expect(plan.changes == [])
            #expect(plan.notes.contains { $0.kind == "changedByOthers" && $0.subject == "\(copy) segment.ms" })
            #expect(try await own("segment.ms", of: copy, at: world.targetClient) == "1")

            _ = try await world.plan(applies: true, overwrites: true)
            #expect(try await own("segment.ms", of: copy, at: world.targetClient) == "60000")
        }
    }

    @Test func `one setting that the target refuses does not keep the others from following`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            _ = try await world.plan(applies: true)
            try await set(
                "orders", ["segment.ms": .set("60000"), "max.message.bytes": .set("2000000")], at: world.sourceClient)
            world.target.intercept(.incrementalAlterConfigs, times: 2, .error(.invalidConfig))

            let plan = try await world.plan(applies: true)

            #expect(plan.changes.filter { $0.error != nil }.count == 1)
            #expect(plan.changes.filter { $0.error == nil }.count == 1)
            #expect(!plan.isInStep)
            #expect(try await world.plan(applies: true).isInStep)
        }
    }

    @Test func `settings that are refused at a topic's creation cost neither the topic nor the others`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["max.message.bytes": "2000000", "segment.ms": "60000"])
            // As by a cluster that does not say when asked what it refuses.
            world.target.intercept(.createTopics, topic: copy, .error(.policyViolation))
            // All of them, and then the first alone.
            world.target.intercept(.incrementalAlterConfigs, times: 2, .error(.policyViolation))
            let log = LogLines()
            let flow = try world.flow(logger: log.logger)
            try await world.running(flow) {
                try await eventually("the setting that is taken") {
                    (try? await own("segment.ms", of: copy, at: world.targetClient)) == "60000"
                }
                try await eventually("the other one, once it is taken") {
                    try await own("max.message.bytes", of: copy, at: world.targetClient) == "2000000"
                }
            }
            #expect(log.count { $0.hasPrefix("the target refuses a setting") } == 1)
        }
    }

    @Test func `a thousand topics more than one request holds are compared and created`() async throws {
        try await Replicated.run { world in
            for start in stride(from: 0, to: 600, by: 300) {
                let topics = (start..<start + 300).map { NewTopic("t\($0)", partitions: 1, replicationFactor: 1) }
                for (_, outcome) in await world.sourceClient.createTopics(topics) { _ = try outcome.get() }
            }
            let applied = try await world.plan(applies: true)

            #expect(applied.changes.count == 600)
            #expect(applied.isInStep)
            #expect(try await world.plan().changes == [])
        }
    }

    @Test func `expressions that select nothing are named`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let pattern = try NamePattern("order")
            let plan = try await world.plan { $0.topics = NameSelection(allow: [pattern], deny: []) }

            #expect(plan.notes.contains { $0.kind == "nothingSelected" && $0.message.contains("\"order\"") })
        }
    }

    @Test func `a copy is deleted with its source when that is wanted`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createTopic("clicks")
            _ = try await world.plan(applies: true)
            for (_, outcome) in await world.sourceClient.deleteTopics(["orders"]) { try outcome.get() }

            let kept = try await world.plan(applies: true)
            #expect(kept.notes.contains { $0.kind == "sourceDeleted" && $0.subject == copy })
            // The first look takes notice, the second one acts.
            _ = try await world.plan(applies: true) { $0.sync.deleteTopics = .after(.zero) }
            let gone = try await world.plan(applies: true) { $0.sync.deleteTopics = .after(.zero) }

            #expect(gone.changes.map(\.change) == ["remove"])
            let topics = try await world.targetClient.metadata(.all).topics.filter { !$0.value.partitions.isEmpty }
            #expect(topics[copy] == nil)
            #expect(topics["east.clicks"] != nil)
        }
    }
}
