import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// The source topic is deleted and created again: what belongs to the one is never applied to the other.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GenerationTests {
    private static let authorizer = [
        "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
        "super.users": "User:ANONYMOUS",
    ]

    private func rule(_ operation: AccessOperation, _ topic: String) -> AccessRule {
        AccessRule(.allow, operation, on: .topic, topic, to: "User:alice")
    }

    private func create(_ rule: AccessRule, _ client: ClusterClient) async throws {
        for (_, outcome) in await client.createAccessRules([rule]) { try outcome.get() }
    }

    private func delete(topic: String, _ client: ClusterClient) async throws {
        for (_, outcome) in await client.deleteTopics([topic]) { try outcome.get() }
    }

    private func setting(_ key: String, of topic: String, _ client: ClusterClient) async throws -> String? {
        try await client.describeConfigs([.topic(topic)])[.topic(topic)]?.get()[key]?.value
    }

    private func partitions(of topic: String, _ client: ClusterClient) async throws -> Int {
        try await client.metadata(.named([topic])).topics[topic]?.partitions.count ?? 0
    }

    /// Everything of `orders` and of a topic beside it is as it was at first: one partition, a setting, a rule, a group.
    private func begin(_ world: Replicated) async throws {
        for topic in ["orders", "other"] {
            try await world.createTopic(topic, configs: ["retention.ms": "1000000000"])
            try await world.produce(0..<10, to: topic)
            try await create(rule(.read, topic), world.sourceClient)
            try await world.commit("group of \(topic)", [topic: [0: 5]])
        }
    }

    /// Everything changes: more partitions, another setting, another rule, another position.
    private func change(_ topic: String, _ world: Replicated) async throws {
        for (_, outcome) in await world.sourceClient.alterConfigs([
            .topic(topic): ["retention.ms": .set("2000000000")]
        ]) { try outcome.get() }
        for (_, outcome) in await world.sourceClient.createPartitions([topic: 3]) { try outcome.get() }
        try await create(rule(.describe, topic), world.sourceClient)
        for (_, outcome) in await world.sourceClient.deleteAccessRules([rule(.read, topic)]) { try outcome.get() }
        try await world.commit("group of \(topic)", [topic: [0: 8]])
    }

    private func expectFollowed(_ topic: String, _ world: Replicated) async throws {
        let copy = "east.\(topic)"
        try await eventually("\(copy) to follow") {
            let rules = try await world.targetClient.accessRules()
            let offsets = try await world.targetOffsets(of: "group of \(topic)")
            let setting = try await setting("retention.ms", of: copy, world.targetClient)
            let count = try await partitions(of: copy, world.targetClient)
            return rules.contains(rule(.describe, copy)) && !rules.contains(rule(.read, copy))
                && offsets[TopicPartition(copy, 0)]?.offset == 8 && setting == "2000000000" && count == 3
        }
    }

    private func expectUntouched(_ world: Replicated) async throws {
        #expect(try await world.targetValues("east.orders") == expectedValues(0..<10))
        #expect(try await partitions(of: "east.orders", world.targetClient) == 1)
        #expect(try await setting("retention.ms", of: "east.orders", world.targetClient) == "1000000000")
        let rules = try await world.targetClient.accessRules()
        #expect(rules.contains(rule(.read, "east.orders")))
        #expect(!rules.contains(rule(.describe, "east.orders")))
        let offsets = try await world.targetOffsets(of: "group of orders")
        #expect(offsets[TopicPartition("east.orders", 0)]?.offset == 5)
    }

    @Test func `with the policy to stop nothing of the new topic reaches the copy of the old one`() async throws {
        try await Replicated.run(sourceProperties: Self.authorizer, targetProperties: Self.authorizer) { world in
            try await begin(world)
            let flow = try world.flow { $0.sync.acls = true }
            try await world.running(flow) {
                try await world.committed("group of orders", "east.orders", [0: 5])
                try await world.committed("group of other", "east.other", [0: 5])
                try await eventually("the rules") {
                    try await world.targetClient.accessRules().contains(rule(.read, "east.orders"))
                }
                _ = try await world.source.recreateTopic("orders")
                try await world.produce(100..<120, to: "orders")
                try await eventually("the partition to stop") {
                    await flow.status().partitions.contains { $0.topic == "orders" && $0.state == .failed }
                }
                // What is done with the topic beside it shows that everything was looked at.
                try await change("orders", world)
                try await change("other", world)
                try await expectFollowed("other", world)
                try await eventually("the new partitions to be named") {
                    await flow.status().waiting?.contains {
                        $0.topic == "orders" && $0.partitions == 2 && $0.reason.contains("created again")
                    } ?? false
                }
                try await expectUntouched(world)
                let group = await flow.status().groups.first { $0.group == "group of orders" }
                #expect(group?.state == .refused)
                #expect(group?.reason?.contains("orders was deleted and created again") == true)
            }
            // The same after a restart, and when it is tried again.
            let second = try world.flow { $0.sync.acls = true }
            try await world.running(second) {
                try await eventually("the partition to stop") {
                    await second.status().partitions.contains { $0.topic == "orders" && $0.state == .failed }
                }
                _ = try await second.retry(.topic("orders"))
                try await world.commit("group of other", ["other": [0: 9]])
                try await world.committed("group of other", "east.other", [0: 9])
                try await eventually("the partition to have stopped again") {
                    await second.status().partitions.contains { $0.topic == "orders" && $0.state == .failed }
                }
                try await expectUntouched(world)
            }
            let plan = try await world.plan { $0.sync.acls = true }
            #expect(plan.changes.allSatisfy { !$0.subject.contains("orders") }, "\(plan.changes)")
            #expect(plan.notes.contains { $0.kind == "sourceRecreated" && $0.subject == "east.orders" })
        }
    }

    @Test func `a partition that has stopped at its start goes on with the new topic only by policy`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            _ = try await world.source.recreateTopic("orders")
            try await world.produce(100..<130, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                for _ in 0..<3 {
                    try await eventually("it to stop") { await flow.status().partitions.first?.state == .failed }
                    #expect(await flow.status().partitions.first?.reason?.contains("recreated: continue") == true)
                    #expect(try await flow.retry(.flow) == 1)
                }
                try await eventually("it to stop") { await flow.status().partitions.first?.state == .failed }
                #expect(try await world.targetValues("east.orders") == expectedValues(0..<10))
                var settings = await flow.settings
                settings.policies.recreated = .continue
                await flow.reload(settings)
                _ = try await flow.retry(.flow)
                try await eventually("the new topic") {
                    try await world.targetValues("east.orders") == expectedValues(0..<10) + expectedValues(100..<130)
                }
            }
        }
    }

    @Test func `the copy of a topic that had another one in its place is not deleted with that one`() async throws {
        try await Replicated.run { world in
            func edit(_ settings: inout FlowSettings) { settings.sync.deleteTopics = .after(.milliseconds(1)) }
            for topic in ["orders", "other"] {
                try await world.createTopic(topic)
                try await world.produce(0..<10, to: topic)
            }
            let flow = try world.flow(edit)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 20)
                _ = try await world.source.recreateTopic("orders")
                try await eventually("it to stop") {
                    await flow.status().partitions.contains { $0.topic == "orders" && $0.state == .failed }
                }
                try await eventually("it to be remembered") {
                    let records = try await StateTopic(Replicated.progress, client: world.targetClient).readAll()
                    let key = ByteBuffer(string: "config/orders")
                    let value = records.last { $0.key == key }?.value
                    return value.map { String(buffer: $0).contains("replacedBy") } ?? false
                }
            }
            for topic in ["orders", "other"] { try await delete(topic: topic, world.sourceClient) }
            let second = try world.flow(edit)
            try await world.running(second) {
                try await eventually("the other copy to be deleted") {
                    try await partitions(of: "east.other", world.targetClient) == 0
                }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<10))
        }
    }

    @Test func `where the new topic is copied, a position of the old one is never taken for one of the new`()
        async throws
    {
        try await Replicated.run { world in
            func edit(_ settings: inout FlowSettings) { settings.policies.recreated = .continue }
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            for group in ["moves", "stays"] { try await world.commit(group, ["orders": [0: 8]]) }
            let flow = try world.flow(edit)
            try await world.running(flow) {
                for group in ["moves", "stays"] { try await world.committed(group, "east.orders", [0: 8]) }
                _ = try await world.source.recreateTopic("orders")
                // As on clusters that keep positions of deleted topics, and as consumers that have not noticed commit.
                for group in ["moves", "stays"] { try await world.commit(group, ["orders": [0: 9]]) }
                try await world.produce(100..<120, to: "orders")
                try await eventually("the new topic") { try await world.targetValues("east.orders").count == 30 }
                try await eventually("it to be known which positions are old") {
                    try await world.recorded().generations["orders"] != nil
                }
                let refused = await flow.status().groups
                #expect(refused.map(\.state) == [.refused, .refused])
                #expect(refused.allSatisfy { $0.reason?.contains("topic of the same name that was deleted") == true })

                try await world.commit("moves", ["orders": [0: 3]])
                try await world.commit("new", ["orders": [0: 9]])
                let values = try await StateTopic("east.orders", client: world.targetClient).readAll()
                let offset = try #require(values.first { $0.value == ByteBuffer(string: "value 103") }).offset
                try await world.committed("moves", "east.orders", [0: offset])
                try await world.committed("new", "east.orders", [0: offset + 6])
                // The same number as before, and yet another position.
                try await eventually("the change to be recorded") {
                    try await world.recorded().former["orders"]?[ExactName("moves")] == nil
                }
                try await world.commit("moves", ["orders": [0: 9]])
                try await world.committed("moves", "east.orders", [0: offset + 6])
            }
            let second = try world.flow(edit)
            try await world.running(second) {
                try await world.commit("new", ["orders": [0: 12]])
                try await eventually("a look") {
                    await second.status().groups.contains {
                        $0.group == "new" && $0.partitions.first?.sourceOffset == 12 && $0.state == .synced
                    }
                }
                #expect(await second.status().groups.first { $0.group == "stays" }?.state == .refused)
            }
            #expect(try await world.targetOffsets(of: "stays")[TopicPartition("east.orders", 0)]?.offset == 8)
            // Those who look from outside know as much.
            let inspector = OffsetInspector(
                await second.settings, eventLoop: world.group.next(), logger: Replicated.quiet)
            #expect(try await inspector.inspect(group: "stays")?.partitions.first?.state == .refused)
            #expect(try await inspector.inspect(group: "new")?.partitions.first?.state == .synced)
            await inspector.close()
        }
    }

    @Test func `no position is translated to a copy that is another topic by now`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("g", ["orders": [0: 5]])
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.committed("g", "east.orders", [0: 5])
                _ = try await world.target.recreateTopic("east.orders")
                try await world.produceForeign(to: "east.orders", records: 20)
                try await world.commit("g", ["orders": [0: 8]])
                try await eventually("the group to be refused") {
                    let group = await flow.status().groups.first
                    return group?.state == .refused
                        && group?.reason?.contains("east.orders was deleted and created again") == true
                }
                #expect(try await world.targetOffsets(of: "g").isEmpty)
            }
        }
    }
}
