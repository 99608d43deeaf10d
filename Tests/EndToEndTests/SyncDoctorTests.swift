import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct SyncDoctorTests {
    private func problems(_ diagnosis: Diagnosis) -> [Finding] {
        diagnosis.findings.filter { $0.severity != .ok }
    }

    @Test func `two clusters that fit have no errors, and nothing is changed on them`() async throws {
        try await Replicated.run(nodes: 3) { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.produce(0..<10, to: "orders")
            let diagnosis = try await world.diagnosis()

            #expect(problems(diagnosis).filter { $0.severity == .error } == [])
            #expect(diagnosis.findings.contains { $0.check == "reachability" && $0.what.contains("all 3 brokers") })
            #expect(try await world.targetClient.metadata(.all).topics.isEmpty)
        }
    }

    @Test func `a broker that cannot be reached is named with its address, and the rest goes on`() async throws {
        try await Replicated.run(nodes: 3) { world in
            try await world.createTopic("orders")
            world.target.intercept(.apiVersions, times: 1_000, node: 2, .disconnect)
            let diagnosis = try await world.diagnosis() { $0.target.connectTimeout = .seconds(2) }
            let finding = try #require(diagnosis.findings.first { $0.check == "reachability" && $0.severity == .error })

            #expect(finding.subject == "west broker 2")
            #expect(finding.what.contains("127.0.0.1:\(world.target.ports[1])"))
            #expect(diagnosis.findings.contains { $0.check == "topics" && $0.severity == .ok })
            #expect(!diagnosis.isHealthy)
        }
    }

    @Test func `limits, ages, keys and replicas that do not fit are found before a record is copied`() async throws {
        let week: Int64 = 7 * 86_400_000
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["max.message.bytes": "5000000"])
            try await world.produce(0..<10, to: "orders")
            try await StateTopic("orders", client: world.sourceClient).append([
                Record(offset: 0, timestamp: 1_700_000_000_000, key: nil, value: ByteBuffer(string: "v"), headers: [])
            ])
            let copy = NewTopic(
                "east.orders", partitions: 1, replicationFactor: 1,
                configs: [
                    "cleanup.policy": "compact,delete", "compression.type": "lz4", "min.insync.replicas": "2",
                    "message.timestamp.before.max.ms": "1000", "retention.ms": "1000",
                ])
            for (_, outcome) in await world.targetClient.createTopics([copy]) { _ = try outcome.get() }
            let diagnosis = try await world.diagnosis(now: 1_700_000_000_000 + 2 * week)
            let errors = Set(problems(diagnosis).filter { $0.severity == .error }.map(\.check))
            let warnings = Set(problems(diagnosis).filter { $0.severity == .warning }.map(\.check))

            #expect(errors == ["limits", "timestamps", "keys", "replicas"])
            #expect(warnings == ["retention", "compression"])
            #expect(problems(diagnosis).allSatisfy { !$0.why.isEmpty && !$0.remedy.isEmpty })
            #expect(problems(diagnosis).contains { $0.what.contains("offset 10 of orders-0 has no key") })
        }
    }

    @Test func `a topic that the target would refuse is found without creating it`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let diagnosis = try await world.diagnosis() { $0.sync.replicationFactor = .number(3) }

            #expect(problems(diagnosis).contains { $0.check == "creation" && $0.subject == "east.orders" })
            #expect(try await world.targetClient.metadata(.all).topics.isEmpty)
        }
    }

    @Test func `a probe says what the target keeps and what time it is there, and leaves nothing behind`() async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let diagnosis = try await world.diagnosis(probes: true)
            let fidelity = diagnosis.findings.filter { $0.check == "fidelity" }

            #expect(fidelity.map(\.what) == ["keeps producer ids", "keeps timestamps", "takes lone markers"])
            #expect(diagnosis.findings.contains { $0.check == "clocks" && $0.severity == .warning })
            let topics = try await world.targetClient.metadata(.all).topics.filter { !$0.value.partitions.isEmpty }
            #expect(topics.isEmpty)
        }
    }

    @Test func `expressions that select nothing are an error`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let pattern = try NamePattern("order")
            let diagnosis = try await world.diagnosis() { $0.topics = NameSelection(allow: [pattern], deny: []) }

            #expect(problems(diagnosis).map(\.check) == ["topics"])
        }
    }

    @Test
    func
        `an expression without an answer about a topic or a group is an error that names both, and a note in the plan`()
        async throws
    {
        try await Replicated.run { world in
            let name = String(repeating: "a", count: 60) + "_b"
            try await world.createTopic("orders")
            try await world.createTopic(name)
            try await world.commit(name, ["orders": [0: 0]])
            let endless = try NamePattern("(a+)+\\1b")
            let orders = try NamePattern("orders")
            let expressions = NameSelection(allow: [orders, endless], deny: [])
            let diagnosis = try await world.diagnosis() {
                $0.topics = expressions
                $0.consumerGroups = expressions
            }
            let plan = try await world.plan {
                $0.topics = expressions
                $0.consumerGroups = expressions
            }

            let found = problems(diagnosis).filter { $0.subject == name }
            #expect(Set(found.map(\.check)) == ["selection", "groups"])
            #expect(found.allSatisfy { $0.what.contains("(a+)+\\1b") && $0.what.contains(name) })
            #expect(plan.selectedTopics == 1)
            let note = try #require(plan.notes.first { $0.subject == name && $0.message.hasPrefix("topic") })
            #expect(note.message.contains("(a+)+\\1b"))
            #expect(plan.notes.contains { $0.message.contains("not kept in step") }, "\(plan.notes)")
        }
    }

    @Test func `one cluster on both ends is an error`() async throws {
        try await Replicated.run { world in
            let diagnosis = try await world.diagnosis() { $0.target = Replicated.settings("west", world.source) }

            #expect(problems(diagnosis).map(\.check) == ["clusters"])
        }
    }
}
