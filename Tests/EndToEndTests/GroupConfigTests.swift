import KafkaBroker
import KafkaClient
import KafkaWire
import Logging
import NIOCore
import Replication
import ReplicationTools
import Testing

/// Settings of groups between two clusters, through a running flow and through plans.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupConfigTests {
    private let key = "consumer.session.timeout.ms"

    private func set(_ group: String, _ changes: [String: ConfigChange], at client: ClusterClient) async throws {
        for (_, outcome) in await client.alterConfigs([.group(group): changes]) { try outcome.get() }
    }

    /// A key that a group sets itself; nil when it does not.
    private func own(_ key: String, of group: String, at client: ClusterClient) async throws -> String? {
        let described = try #require(await client.describeConfigs([.group(group)])[.group(group)])
        guard let entry = try described.get()[key], entry.source == .group else { return nil }
        return entry.value
    }

    @Test func `settings of groups follow the source where that is asked for, until somebody else changes them`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for group in ["billing", "left.out"] {
                try await world.commit(group, ["orders": [0: 0]])
                try await set(
                    group, [key: .set("50000"), "share.isolation.level": .set("read_committed")],
                    at: world.sourceClient)
            }
            let others = try NamePattern("left.*")
            func edit(_ settings: inout FlowSettings) {
                settings.consumerGroups.deny = [others]
                settings.groupPrefix = "east-"
                settings.sync.groupConfigs = true
            }
            let flow = try world.flow(edit)
            try await world.running(flow) {
                try await eventually("the settings") {
                    try await own(key, of: "east-billing", at: world.targetClient) == "50000"
                }
                #expect(
                    try await own("share.isolation.level", of: "east-billing", at: world.targetClient)
                        == "read_committed")
                try await set("billing", [key: .set("51000")], at: world.sourceClient)
                try await eventually("the change") {
                    try await own(key, of: "east-billing", at: world.targetClient) == "51000"
                }
                try await set("billing", ["share.isolation.level": .delete], at: world.sourceClient)
                try await eventually("the reset") {
                    try await own("share.isolation.level", of: "east-billing", at: world.targetClient) == nil
                }
            }
            #expect(try await own(key, of: "east-left.out", at: world.targetClient) == nil)

            try await set("east-billing", [key: .set("52000")], at: world.targetClient)
            try await set("billing", [key: .set("53000")], at: world.sourceClient)
            let plan = try await world.plan(edit)
            #expect(plan.changes.filter { $0.kind == "groupConfig" }.isEmpty)
            let note = try #require(plan.notes.first { $0.kind == "changedByOthers" })
            #expect(note.message.hasPrefix("\(key) of group east-billing is 52000, we had set 51000"))

            let overwritten = try await world.plan(applies: true, overwrites: true, edit)
            let change = try #require(overwritten.changes.first { $0.kind == "groupConfig" })
            #expect(change.subject == "east-billing \(key)")
            #expect([change.from, change.to] == ["52000", "53000"])
            #expect(change.error == nil)
            #expect(try await own(key, of: "east-billing", at: world.targetClient) == "53000")
        }
    }

    @Test func `without the switch, or excluded, they are left alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.commit("billing", ["orders": [0: 0]])
            try await set("billing", [key: .set("50000")], at: world.sourceClient)

            #expect(try await world.plan().changes.filter { $0.kind == "groupConfig" }.isEmpty)
            let excluded = try NamePattern("consumer\\..*")
            let plan = try await world.plan {
                $0.sync.groupConfigs = true
                $0.sync.configExclude = [excluded]
            }
            #expect(plan.changes.filter { $0.kind == "groupConfig" }.isEmpty)
        }
    }

    @Test func `a cluster that has none is named once`() async throws {
        try await Replicated.run(targetRelease: .kafka38) { world in
            try await world.createTopic("orders")
            try await world.commit("billing", ["orders": [0: 0]])
            try await set("billing", [key: .set("50000")], at: world.sourceClient)

            let plan = try await world.plan { $0.sync.groupConfigs = true }

            #expect(plan.changes.filter { $0.kind == "groupConfig" }.isEmpty)
            #expect(plan.notes.filter { $0.message.contains("west keeps no settings of groups") }.count == 1)
        }
    }
}
