import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Groups whose next record was never copied, or is gone: they go to the first that is left, if that skips nothing.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupGapTests {
    private func state(_ flow: Flow, _ group: String) async -> FlowStatus.Group? {
        await flow.status().groups.first { $0.group == group }
    }

    @Test func `a group in front of the first copy goes there once nothing is left before it`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in stride(from: 0, to: 50, by: 10) { try await world.produce(start..<start + 10, to: "orders") }
            try await world.commit("old", ["orders": [0: 5]])
            try await world.commit("middle", ["orders": [0: 35]])
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(50..<60, to: "orders")
                try await world.commit("young", ["orders": [0: 55]])
                try await world.committed("young", "east.orders", [0: 5])
                for group in ["old", "middle"] { #expect(await state(flow, group)?.state == .refused, "\(group)") }
                // Some are still there: they were never copied, and would be skipped.
                try await world.source.expire(topic: "orders", partition: 0, before: 40)
                try await world.commit("young", ["orders": [0: 56]])
                try await world.committed("young", "east.orders", [0: 6])
                for group in ["old", "middle"] { #expect(await state(flow, group)?.state == .refused, "\(group)") }
                try await world.source.expire(topic: "orders", partition: 0, before: 50)
                try await world.committed("old", "east.orders", [0: 0])
                try await world.committed("middle", "east.orders", [0: 0])
            }
        }
    }

    /// A transaction of three records at the end of the source's log is aborted.
    private func abortRecords(in world: Replicated, behind end: Int64) async throws {
        let transaction = try await OpenedTransaction.begin("orders", records: 3, at: world)
        var request = EndTxnRequest()
        request.transactionalID = "left-open"
        request.producerID = transaction.producerID
        request.committed = false
        _ = try await world.sourceClient.send(request, to: .transactionCoordinator("left-open"), versions: 0...3)
        try await eventually("the marker") {
            await world.sourceClient.logEnds(of: [Replicated.orders])[Replicated.orders] == end + 4
        }
    }

    @Test func `aborted records and markers are nothing that a group could still read`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            try await abortRecords(in: world, behind: 20)
            try await world.commit("behind", ["orders": [0: 20]])
            try await world.commit("before", ["orders": [0: 19]])
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await world.committed("behind", "east.orders", [0: 0])
                #expect(await state(flow, "before")?.state == .refused)
                try await world.produce(100..<110, to: "orders")
                try await world.caughtUp(flow, records: 34)
            }
            #expect(try await world.targetOffsets(of: "before").isEmpty)
        }
    }

    @Test func `what a log was found to hold is forgotten with the records that it has lost`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            try await abortRecords(in: world, behind: 20)
            try await world.commit("behind", ["orders": [0: 20]])
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await world.committed("behind", "east.orders", [0: 0])
                // The same offsets, with records now.
                try await world.source.truncate(topic: "orders", partition: 0, to: 20)
                try await world.produce(100..<104, to: "orders")
                try await world.commit("late", ["orders": [0: 20]])
                for _ in 0..<3 { _ = try await flow.synchronizeGroups() }
                #expect(await flow.status().groups.contains { $0.group == "late" })
            }
            #expect(try await world.targetOffsets(of: "late").isEmpty)
        }
    }

    @Test func `an emptied partition is in step, whoever has emptied it first`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            try await world.commit("g", ["orders": [0: 20]])
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 50)
                try await world.committed("g", "east.orders", [0: 20])
                // Only the copies: what the group has not read yet is not skipped.
                try await world.target.expire(topic: "east.orders", partition: 0, before: 50)
                try await world.commit("g", ["orders": [0: 30]])
                try await eventually("it to be refused") {
                    await state(flow, "g")?.reason?.contains("gone from the target") ?? false
                }
                #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [20])
                try await world.source.expire(topic: "orders", partition: 0, before: 50)
                try await world.committed("g", "east.orders", [0: 50])
                try await eventually("it to be in step") { await state(flow, "g")?.state == .synced }
            }
        }
    }

    @Test func `a partition that was emptied before anything was copied is in step, also from outside`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            try await world.source.expire(topic: "orders", partition: 0, before: 50)
            try await world.occupyTarget("east.orders", partitions: 1, records: 4)
            for (group, offset) in ["first": Int64(10), "last": 50] {
                try await world.commit(group, ["orders": [0: offset]])
            }
            let flow = try world.flow { $0.sync.groupOffsets = false }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await eventually("a checkpoint") {
                    try await world.recorded().checkpoints[Replicated.orders]?.targetOffset == 4
                }
            }
            let inspector = OffsetInspector(
                await flow.settings, eventLoop: world.group.next(), logger: Replicated.quiet)
            for group in ["first", "last"] {
                let report = try #require(try await inspector.inspect(group: group, action: .apply))
                #expect(report.partitions.first?.state == .synced, "\(group): \(report)")
                #expect(report.isExact)
            }
            await inspector.close()
            let plan = try await world.plan()
            #expect(plan.notes.allSatisfy { !$0.kind.hasPrefix("group") }, "\(plan.notes)")
        }
    }

    @Test func `a position that the source's log has never come to is nobody's place on the target`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("g", ["orders": [0: 1_000]])
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("it to be refused") {
                    await state(flow, "g")?.reason?.contains("ends at offset 10") ?? false
                }
            }
            #expect(try await world.targetOffsets(of: "g").isEmpty)
        }
    }
}

/// Groups of other types than that of consumers.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupTypeTests {
    @Test func `groups of Kafka Streams are kept in step, and share groups are named`() async throws {
        // Of share groups these clusters tell only that there are some.
        try await Replicated.run(sourceRelease: .kafka40, targetRelease: .kafka40) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("app", ["orders": [0: 4]])
            await world.source.listGroup("app", as: "streams")
            await world.source.listGroup("queue", as: "share")
            await world.source.listGroup("left.out", as: "share")
            let others = try NamePattern("left.*")
            func edit(_ settings: inout FlowSettings) { settings.consumerGroups.deny = [others] }
            let log = LogLines()
            let flow = try world.flow(logger: log.logger, edit)
            try await world.running(flow) {
                try await world.committed("app", "east.orders", [0: 4])
                try await world.commit("app", ["orders": [0: 6]])
                try await world.committed("app", "east.orders", [0: 6])
                let groups = await flow.status().groups
                #expect(Set(groups.map(\.group)) == ["app", "queue"])
                let queue = groups.first { $0.group == "queue" }
                #expect(queue?.state == .notCovered)
                #expect(queue?.kind == .share)
                #expect(groups.first { $0.group == "app" }?.kind == .streams)
                #expect(queue?.reason?.contains("share group") == true)
            }
            #expect(log.count("group is left alone") == 1)

            let plan = try await world.plan(edit)
            #expect(plan.notes.filter { $0.kind == "groupNotCovered" }.map(\.subject) == ["queue"])
            let diagnosis = try await world.diagnosis(edit)
            let findings = diagnosis.findings.filter { $0.check == "groups" && $0.subject == "queue" }
            #expect(findings.map(\.severity) == [.warning])
            let inspector = OffsetInspector(
                await flow.settings, eventLoop: world.group.next(), logger: Replicated.quiet)
            let report = try await inspector.inspect(group: "queue")
            #expect(report?.failure?.contains("share group") == true)
            #expect(report?.isExact == false)
            await inspector.close()
        }
    }

    @Test(arguments: [(BrokerRelease.kafka42, 1), (.kafka43, 0)])
    func `doctor warns of a target whose coordinator may not load a streams group`(
        release: BrokerRelease, warnings: Int
    ) async throws {
        try await Replicated.run(targetRelease: release) { world in
            try await world.createTopic("orders")
            try await world.commit("app", ["orders": [0: 0]])
            await world.source.listGroup("app", as: "streams")
            let findings = try await world.diagnosis().findings.filter { $0.what.contains("streams groups") }
            #expect(findings.map(\.severity) == Array(repeating: .warning, count: warnings))
            #expect(findings.allSatisfy { $0.why.contains("KAFKA-20254") })
        }
    }

    @Test func `a group of the same name and another kind on the target is left alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("app", ["orders": [0: 4]])
            await world.target.listGroup("app", as: "share")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("it to be refused") { await flow.status().groups.first?.state == .failed }
                let group = await flow.status().groups.first
                #expect(group?.kind == .classic)
                #expect(group?.reason?.contains("on west app is a share group") == true)
            }
            await world.target.listGroup("app", as: nil)
            #expect(try await world.targetOffsets(of: "app").isEmpty)
        }
    }
}
