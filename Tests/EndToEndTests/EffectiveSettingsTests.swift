import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Settings in effect on both sides, defaults of the brokers included.
@Suite(.serialized, .timeLimit(.minutes(5))) struct EffectiveSettingsTests {
    private static let hour = ["log.retention.hours": "1"]

    private func retention(_ plan: FlowPlan) -> [FlowPlan.Note] {
        plan.notes.filter { $0.kind == "settingDiffers" && $0.message.hasPrefix("retention.ms") }
    }

    @Test func `brokers whose default deletes earlier are named with both values, unless the flow pins the source's`()
        async throws
    {
        try await Replicated.run(targetProperties: Self.hour) { world in
            try await world.createTopic("orders")
            try await world.createTopic("clicks")
            #expect(retention(try await world.plan()) == [])
            #expect(!(try await world.diagnosis()).findings.contains { $0.check == "retention" })

            for _ in 0..<2 {
                let plan = try await world.plan { $0.sync.topicConfigs = false }
                let diagnosis = try await world.diagnosis { $0.sync.topicConfigs = false }

                let note = try #require(retention(plan).first)
                #expect(retention(plan).count == 1)
                #expect(
                    note.message.contains(
                        "east.clicks and 1 more on west is 3600000 (in the brokers' properties file)"))
                #expect(note.message.contains("on east 604800000 (Kafka's default)"), "\(note.message)")
                #expect(note.message.contains("sync.topicConfigs"), "\(note.message)")
                #expect(
                    note.message.hasSuffix("--entity-name 'east.clicks' --add-config 'retention.ms=604800000'"),
                    "\(note.message)")
                let finding = try #require(diagnosis.findings.first { $0.check == "retention" })
                #expect(finding.severity == .warning)
                #expect(finding.what.contains("3600000 (in the brokers' properties file)"), "\(finding.what)")
                #expect(finding.what.contains("604800000 (Kafka's default)"), "\(finding.what)")
                // The same once the copies are there.
                _ = try await world.plan(applies: true) { $0.sync.topicConfigs = false }
            }
        }
    }

    @Test func `limits of brokers count on a target that has no topic yet`() async throws {
        try await Replicated.run(
            sourceProperties: ["message.max.bytes": "5000000"],
            targetProperties: ["message.max.bytes": "1000000", "log.message.timestamp.type": "LogAppendTime"]
        ) { world in
            try await world.createTopic("orders")

            let findings = try await world.diagnosis().findings

            let limits = try #require(findings.first { $0.check == "limits" })
            #expect(limits.severity == .error)
            #expect(limits.what.contains("1000000 (in the brokers' properties file)"), "\(limits.what)")
            #expect(limits.what.contains("5000000 (in the brokers' properties file)"), "\(limits.what)")
            #expect(findings.contains { $0.check == "timestamps" && $0.severity == .warning })
        }
    }

    @Test func `a migration whose copies would expire at once does not begin`() async throws {
        let recorded: Int64 = 1_700_000_000_000
        try await Replicated.run(targetProperties: Self.hour) { world in
            try await world.createTopic("orders", configs: ["retention.ms": "-1"])
            try await world.produce(0..<10, to: "orders")
            func migration(copiesSettings: Bool) async throws -> Migration {
                let settings = try await world.flow {
                    $0.naming = .identical
                    $0.sync.topicConfigs = copiesSettings
                }.settings
                return Migration(
                    settings, patience: .seconds(30), owner: "test", eventLoops: [world.group.next()],
                    logger: Replicated.quiet, wallClock: { recorded + 2 * 3_600_000 })
            }

            let error = await #expect(throws: MigrationError.self) {
                _ = try await migration(copiesSettings: false).run(
                    cutOver: {}, progress: { _ in }, verified: { _ in })
            }

            let words = error.map { "\($0)" } ?? ""
            #expect(words.contains("orders (retention.ms is 3600000 (in the brokers' properties file)"), "\(words)")
            #expect(words.contains("on east -1 (set on the topic)"), "\(words)")
            #expect(words.contains("sync.topicConfigs"), "\(words)")
            let report = try await migration(copiesSettings: true).run(
                cutOver: {}, progress: { _ in }, verified: { _ in })
            #expect(report.isComplete)
        }
    }
}
