import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Starts that are refused, by `run` and by those who look before it with the same words.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FlowStartTests {
    private static let origins = "__replicator_origins"

    /// Checks that `prepare`, `plan` and the doctor refuse with one sentence.
    ///
    /// - Returns: the sentence.
    private func refusal(
        in world: Replicated, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> String {
        let flow = try world.flow(edit)
        let error = await #expect(throws: FlowError.self) { try await flow.prepare() }
        await flow.close()
        let sentence = error.map { "\($0)" } ?? ""
        let planned = await #expect(throws: FlowError.self) { _ = try await world.plan(edit) }
        #expect(planned.map { "\($0)" } == sentence)
        let diagnosis = try await world.diagnosis(edit)
        #expect(!diagnosis.isHealthy)
        #expect(diagnosis.findings.contains { $0.check == "start" && $0.what == sentence }, "\(diagnosis.findings)")
        return sentence
    }

    private func delete(_ topics: String..., at client: ClusterClient) async throws {
        for (_, outcome) in await client.deleteTopics(topics) { try outcome.get() }
    }

    @Test func `other naming than at the first start is refused by all`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)

            let sentence = try await refusal(in: world) { $0.naming = .identical }

            #expect(sentence.contains("with naming prefix east., now it is identical"), "\(sentence)")
            let inspector = OffsetInspector(
                try await world.flow { $0.naming = .identical }.settings, eventLoop: world.group.next(),
                logger: Replicated.quiet)
            await #expect(throws: FlowError.self) { _ = try await inspector.inspect(group: "g") }
            await inspector.close()
            // Where the flow once began makes no difference to positions.
            let later = OffsetInspector(
                try await world.flow { $0.startFrom = .latest }.settings, eventLoop: world.group.next(),
                logger: Replicated.quiet)
            #expect(try await later.inspect(group: "g") == nil)
            await later.close()
        }
    }

    @Test func `another source cluster than at the first start is refused by all`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            let other = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 1, logger: Replicated.quiet))

            let sentence = try await refusal(in: world) { $0.source = Replicated.settings("east", other) }

            #expect(sentence.contains("source cluster id"), "\(sentence)")
            await other.shutdown()
        }
    }

    @Test(arguments: [TopicNaming.identical, .prefix(alias: "east", separator: ".")])
    func `a renamed flow would double what the old one has copied`(naming: TopicNaming) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10) { $0.naming = naming }

            let sentence = try await refusal(in: world) {
                $0.naming = naming
                $0.name = "new"
            }

            #expect(sentence.contains("continue under the name \"east-to-west\""), "\(sentence)")
            #expect(sentence.contains(naming.targetName(of: "orders")), "\(sentence)")
            let topics = try await world.targetClient.metadata(.all).topics.keys
            #expect(!topics.contains("__replicator.new.progress"))
        }
    }

    @Test(arguments: [false, true])
    func `a flow that has lost its memory would double its copies`(hasLostOrigins: Bool) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10) { $0.naming = .identical }
            try await delete(Replicated.progress, at: world.targetClient)
            // Without its registrations only the records themselves tell.
            if hasLostOrigins { try await delete(Self.origins, at: world.targetClient) }

            let sentence = try await refusal(in: world) { $0.naming = .identical }

            #expect(sentence.contains("would be there twice"), "\(sentence)")
            #expect(sentence.contains(hasLostOrigins ? "an earlier flow" : "its memory is gone"), "\(sentence)")
            #expect(try await world.targetValues("orders") == expectedValues(0..<10))
        }
    }

    @Test func `copies between the records of others are found`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let copy = NewTopic("east.orders", partitions: 1, replicationFactor: 1)
            for (_, outcome) in await world.targetClient.createTopics([copy]) { _ = try outcome.get() }
            try await world.produce(100..<110, to: "east.orders", client: world.targetClient)
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            try await world.produce(110..<120, to: "east.orders", client: world.targetClient)
            try await delete(Replicated.progress, at: world.targetClient)

            let sentence = try await refusal(in: world)

            #expect(sentence.contains("its memory is gone"), "\(sentence)")
        }
    }

    @Test func `a flow that copies other topics of the same source into the same cluster may start`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createTopic("clicks")
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<10, to: "clicks")
            let orders = NameSelection(allow: [try NamePattern("orders")], deny: [])
            let clicks = NameSelection(allow: [try NamePattern("clicks")], deny: [])
            try await world.copy(until: 10) { $0.topics = orders }
            let copy = NewTopic("east.clicks", partitions: 1, replicationFactor: 1)
            for (_, outcome) in await world.targetClient.createTopics([copy]) { _ = try outcome.get() }
            try await world.produce(100..<110, to: "east.clicks", client: world.targetClient)

            let second = try world.flow {
                $0.name = "second"
                $0.topics = clicks
            }
            try await world.running(second) { try await world.caughtUp(second, records: 10) }

            #expect(try await world.targetValues("east.clicks") == expectedValues(100..<110) + expectedValues(0..<10))
        }
    }

    @Test func `copies from another source are no obstacle`() async throws {
        try await Replicated.run { world in
            let other = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 1, logger: Replicated.quiet))
            let client = ClusterClient(
                Replicated.settings("north", other), eventLoop: world.group.next(), logger: Replicated.quiet)
            let topic = NewTopic("orders", partitions: 1, replicationFactor: 1)
            for (_, outcome) in await client.createTopics([topic]) { _ = try outcome.get() }
            try await world.produce(100..<110, to: "orders", client: client)
            let north = try world.flow(from: ("north", other), to: ("west", world.target)) { $0.naming = .identical }
            try await world.running(north) { try await world.caughtUp(north, records: 10) }
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")

            try await world.copy(until: 10) { $0.naming = .identical }

            #expect(try await world.targetValues("orders") == expectedValues(100..<110) + expectedValues(0..<10))
            await client.close()
            await other.shutdown()
        }
    }

    @Test func `copies that were deleted are copied once more`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            try await delete(Replicated.progress, "east.orders", at: world.targetClient)

            try await world.copy(until: 10)

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<10))
        }
    }

    @Test func `another flow that selects the same topics is in the way, in the same words everywhere`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)

            let sentence = try await refusal(in: world) {
                $0.name = "new"
                // From the earliest record on it would be refused for the copies that are there.
                $0.startFrom = .latest
            }

            #expect(sentence.contains("flow \"east-to-west\"") && sentence.contains("topics.deny"), "\(sentence)")
        }
    }

    @Test func `from the source's end on nothing is doubled, and what may be missing is said`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            // As long as the flow before is not forgotten, its selection is in the way.
            let progress = "__replicator.east-to-west.progress"
            for (_, outcome) in await world.targetClient.deleteTopics([progress]) { try outcome.get() }
            let latest = { (settings: inout FlowSettings) in
                settings.name = "new"
                settings.startFrom = .latest
            }

            let plan = try await world.plan(latest)
            let diagnosis = try await world.diagnosis(latest)

            let note = try #require(plan.notes.first { $0.kind == "copiesPresent" })
            #expect(note.message.contains("brought by flow \"east-to-west\": east.orders"), "\(note.message)")
            #expect(diagnosis.findings.contains { $0.check == "start" && $0.severity == .warning })
            let flow = try world.flow(latest)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(10..<20, to: "orders")
                try await world.caughtUp(flow, records: 20)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<20))
        }
    }
}
