import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import Testing
import replicator

/// Positions of consumer groups in plans, which a flow then leaves as they are.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupPlanTests {
    /// A flow that has copied two partitions and left the groups alone.
    private func copied(_ world: Replicated) async throws {
        try await world.createTopic("orders", partitions: 2)
        try await world.occupyTarget("east.orders", partitions: 2, records: 5)
        try await world.produce(0..<100, to: "orders", partition: 0)
        try await world.produce(0..<40, to: "orders", partition: 1)
        let flow = try world.flow { $0.sync.groupOffsets = false }
        try await world.running(flow) { try await world.caughtUp(flow, records: 140) }
    }

    private func groupChanges(_ plan: FlowPlan) -> [FlowPlan.Change] { plan.changes.filter { $0.kind == "group" } }

    @Test func `a plan tells which positions would be committed, does so once, and is then in step`() async throws {
        try await Replicated.run { world in
            try await copied(world)
            try await world.commit("billing", ["orders": [0: 90, 1: 0]])
            let before = try await world.plan()
            #expect(groupChanges(before).map(\.subject) == ["billing east.orders"])
            #expect(groupChanges(before).map(\.change) == ["create"])
            #expect(groupChanges(before).map(\.from) == [nil])
            #expect(groupChanges(before).map(\.to) == ["2 partitions, lag 50: 0@95 1@5"])
            #expect(!before.isInStep)
            #expect(before.text.contains("group"))
            let report = try #require(before.groups?.first)
            #expect((report.group, report.isIdleOnTarget) == ("billing", true))
            #expect(report.partitions.map(\.state) == [.pending, .pending])
            #expect(report.partitions.map(\.sourceLag) == [10, 40])
            #expect(try await world.targetOffsets(of: "billing").isEmpty)

            let applied = try await world.plan(applies: true)
            #expect(applied.isInStep)
            #expect(applied.groups?.first?.partitions.map(\.targetOffset) == [95, 5])
            #expect(try await world.targetOffsets(of: "billing").mapValues(\.offset).values.sorted() == [5, 95])
            let after = try await world.plan()
            #expect(after.changes == [])
            #expect(after.notes.filter { $0.subject == "billing" } == [])

            try await world.commit("billing", ["orders": [0: 95]])
            let moved = try #require(groupChanges(try await world.plan()).first)
            #expect((moved.change, moved.from, moved.to) == ("change", "0@95", "1 partition, lag 5: 0@100"))
        }
    }

    @Test func `before the first run a plan says that positions are not known yet, group by group`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("billing", ["orders": [0: 4]])
            try await world.commit("audit", ["orders": [0: 2]])
            // Nobody waits for logs that do not exist yet.
            let plan = try await world.plan(applies: true) { $0.target.operationTimeout = .seconds(86_400) }

            #expect(groupChanges(plan) == [])
            #expect(plan.isInStep)
            let notes = plan.notes.filter { $0.kind == "groupNotCopied" }
            #expect(notes.map(\.subject) == ["audit", "billing"])
            #expect(notes.allSatisfy { $0.message.contains("the flow has never run") })
            #expect(plan.groups?.map(\.group) == ["audit", "billing"])
        }
    }

    @Test func `positions without a place, and groups that are read with, are left alone and named`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            let flow = try world.flow {
                $0.startFrom = .latest
                $0.sync.groupOffsets = false
            }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(50..<60, to: "orders")
                try await world.caughtUp(flow, records: 60)
            }
            try await world.commit("old", ["orders": [0: 20]])
            try await world.commit("busy", ["orders": [0: 55]])
            try await world.join("busy")
            let plan = try await world.plan(applies: true) { $0.startFrom = .latest }

            #expect(groupChanges(plan) == [])
            let notes = Dictionary(uniqueKeysWithValues: plan.notes.map { ($0.subject, $0) })
            #expect(notes["old"]?.kind == "groupNotTranslated")
            #expect(notes["old"]?.message.contains("copies are known from source offset 50 on") == true)
            #expect(notes["busy"]?.kind == "groupActive")
            #expect(plan.groups?.first { $0.group == "busy" }?.isIdleOnTarget == false)
            #expect(try await world.targetOffsets(of: "busy").isEmpty)
        }
    }

    @Test func `groups that the flow leaves alone are not in its plan`() async throws {
        try await Replicated.run { world in
            try await copied(world)
            try await world.commit("billing", ["orders": [0: 90]])
            let none = try await world.plan { $0.sync.groupOffsets = false }
            #expect(none.groups == nil)
            let pattern = try NamePattern("bill.*")
            let denied = try await world.plan { $0.consumerGroups.deny = [pattern] }
            #expect(denied.groups?.isEmpty == true)
        }
    }

    @Test func `a position that the target does not take is a change that failed`() async throws {
        try await Replicated.run { world in
            try await copied(world)
            try await world.commit("billing", ["orders": [0: 90, 1: 30]])
            world.target.intercept(.offsetCommit, .error(.groupAuthorizationFailed))
            let plan = try await world.plan(applies: true)

            let failed = try #require(groupChanges(plan).first?.error)
            #expect(failed.contains("lacks READ on GROUP billing of west"))
            #expect(failed.contains("--operation Read --group 'billing'"))
            #expect(!plan.isInStep)
        }
    }
}
