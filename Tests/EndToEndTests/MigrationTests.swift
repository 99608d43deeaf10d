import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct MigrationTests {
    @Test func `what was copied is counted in records and bytes, and the source tells how many there are`() async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            for partition in 0..<2 as Range<Int32> {
                try await world.produce(0..<1_000, to: "orders", partition: partition)
            }
            let sizes = await world.sourceClient.logSizes(
                of: [TopicPartition("orders", 0), TopicPartition("orders", 1)])
            let size = try sizes.values.reduce(0) { try $0 + $1.get() }
            let said = Said()

            let report = try await world.migration().run(
                cutOver: {
                    // Until the source has been asked.
                    try? await eventually("the size to be told") { said.last?.sourceBytes != nil }
                }, progress: { said.take($0) }, verified: { _ in })

            #expect(report.isComplete)
            #expect(report.copiedRecords == 2_000)
            #expect(report.copiedOffsets == 2_000)
            // Everything in the logs was read once.
            #expect(report.copiedBytes == size)
            #expect(report.sourceBytes == size)
            #expect(said.last?.bytes == size)
        }
    }

    @Test func `each run counts what it copies itself, and waits for no round of the usual interval`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            // In front of the second run's records stands its fence.
            for (numbers, position) in [(0..<100, 90), (100..<150, 141)] {
                try await world.produce(numbers, to: "orders")
                try await world.commit("billing", ["orders": [0: Int64(numbers.upperBound) - 10]])
                let migration = try await world.migration { $0.sync.interval = .seconds(86_400) }

                let report = try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })

                #expect(report.isComplete, "\(report)")
                #expect(report.copiedRecords == numbers.count)
                #expect(report.copiedOffsets == numbers.count)
                let found = try await world.targetOffsets(of: "billing")
                #expect(found.values.map(\.offset) == [Int64(position)])
            }
        }
    }

    @Test func `a source that does not tell its size is migrated all the same, and nothing is made up`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            world.source.intercept(.describeLogDirs, times: 1_000, .error(.clusterAuthorizationFailed))

            let report = try await world.migration().run(cutOver: {}, progress: { _ in }, verified: { _ in })

            #expect(report.isComplete)
            #expect(report.copiedBytes > 0)
            #expect(report.sourceBytes == nil)
        }
    }

    @Test func `a migration that fails gives its claim up, and the next run is not refused`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            _ = try await world.migration("first").run(cutOver: {}, progress: { _ in }, verified: { _ in })
            for (_, outcome) in await world.sourceClient.deleteTopics(["orders"]) { try outcome.get() }
            try await world.createTopic("orders")

            for owner in ["second", "third"] {
                let migration = try await world.migration(owner)
                let error = await #expect(throws: MigrationError.self) {
                    try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })
                }
                guard case .partitionsFailed(let why)? = error else {
                    Issue.record("\(owner): \(String(describing: error))")
                    continue
                }
                #expect(why.first?.contains("deleted and created again") == true)
            }
        }
    }

    @Test func `a pause that was left on the target is obeyed, and named at once`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow { $0.naming = .identical }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.works }
                try await flow.pause(.topic("orders"))
            }
            try await world.produce(0..<100, to: "orders")

            let error = await #expect(throws: MigrationError.self) {
                try await world.migration(patience: .seconds(600)).run(
                    cutOver: {}, progress: { _ in }, verified: { _ in })
            }
            guard case .partitionsFailed(let why)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(why.first?.contains("orders-0: it is paused (topic orders)") == true, "\(why)")
            #expect(why.first?.contains("replicator resume --flow 'east-to-west'") == true, "\(why)")
        }
    }

    @Test func `records that the flow has not brought keep a migration from beginning`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            for (_, outcome) in await world.targetClient.createTopics([
                NewTopic("orders", partitions: 1, replicationFactor: 1)
            ]) { _ = try outcome.get() }
            try await world.produce(500..<503, to: "orders", client: world.targetClient)
            let migration = try await world.migration()

            let error = await #expect(throws: MigrationError.self) {
                try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })
            }

            #expect(error == .targetNotEmpty(flow: "east-to-west", target: "west", ["orders-0 (3 offsets)"]))
            // Nothing was written, no state either.
            let topics = try await world.targetClient.metadata(.all).topics.keys
            #expect(!topics.contains { $0.hasPrefix("__replicator") })
        }
    }

    @Test func `source and target that have changed places are noticed`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            _ = try await world.migration().run(cutOver: {}, progress: { _ in }, verified: { _ in })
            let backwards = try await world.migration { swap(&$0.source, &$0.target) }

            await #expect(throws: MigrationError.swapped(flow: "east-to-west", source: "west", target: "east")) {
                try await backwards.run(cutOver: {}, progress: { _ in }, verified: { _ in })
            }
        }
    }

    @Test func `what has become of every topic and partition is said, and an open transaction is not passed over`()
        async throws
    {
        try await Replicated.run { world in
            for topic in ["orders", "open"] { try await world.createTopic(topic) }
            try await world.produce(0..<100, to: "orders")
            try await world.produce(0..<10, to: "open")
            let migration = try await world.migration()
            let report = try await migration.run(
                cutOver: { _ = try? await OpenedTransaction.begin("open", records: 3, at: world) }, progress: { _ in },
                verified: { _ in })

            #expect(report.phase == .done)
            #expect(report.verification?.isEqual == true)
            #expect(
                report.accounts.map { "\($0.name) \($0.state.rawValue)" } == [
                    "open-0 openTransaction", "orders-0 complete",
                ])
            #expect(!report.isComplete)
        }
    }

    @Test func `copies that are gone from the target keep a migration from being complete`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let report = try await world.migration().run(
                cutOver: {
                    _ = await world.targetClient.deleteRecords(before: [TopicPartition("orders", 0): 30])
                }, progress: { _ in }, verified: { _ in })

            #expect(report.phase == .done)
            #expect(!report.isComplete)
            #expect(
                report.goneOnTarget.first?.hasPrefix("orders: 30 records in 1 partition that east still has") == true)
        }
    }

    @Test func `records that the source has removed as well are missed by nobody`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let report = try await world.migration().run(
                cutOver: {
                    _ = await world.targetClient.deleteRecords(before: [TopicPartition("orders", 0): 30])
                    _ = await world.sourceClient.deleteRecords(before: [TopicPartition("orders", 0): 30])
                }, progress: { _ in }, verified: { _ in })

            #expect(report.isComplete, "\(report)")
        }
    }

    @Test func `a target that takes nothing ends it when patience is over, and is named`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            world.target.intercept(.writeTxnMarkers, times: .max, .error(.notEnoughReplicas))
            world.target.intercept(.produce, times: .max, .error(.notEnoughReplicas))
            let migration = try await world.migration(patience: .seconds(3))

            // What keeps the flow's state there is refused as well.
            await #expect(throws: (any Error).self) {
                try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })
            }
        }
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            // The source lists the topic, and gives nothing of it away.
            world.source.intercept(.fetch, times: .max, .error(.notLeaderOrFollower))
            let migration = try await world.migration(patience: .seconds(3))

            let error = await #expect(throws: MigrationError.self) {
                try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })
            }
            guard case .doesNotMove(3, let partitions)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(partitions.first?.hasPrefix("orders-0 (100 offsets behind: ") == true, "\(partitions)")
            // What is left is told beside it.
            #expect(await migration.report.accounts.map(\.state) == [.behind])
        }
    }

    @Test(arguments: [false, true])
    func `a group beyond the end of the copies keeps it from being complete, unless it was to be left`(
        isLeft: Bool
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.commit("billing", ["orders": [0: 50]])
            let migration = try await world.migration(patience: .seconds(2), leavesGroups: isLeft)
            let report = try await migration.run(
                cutOver: {
                    // The flow has committed its own before, and does not again.
                    try? await world.committed("billing", "orders", [0: 50])
                    try? await world.commit("billing", ["orders": [0: 1_000]], at: world.targetClient)
                }, progress: { _ in }, verified: { _ in })

            #expect(
                report.groupsNotInStep.first?.hasPrefix("billing: orders-0 is beyondEnd: its position") == true,
                "\(report.groupsNotInStep)")
            #expect(report.isComplete == isLeft, "\(report)")
        }
    }

    @Test func `a flow that selects nothing is no migration that has succeeded`() async throws {
        try await Replicated.run { world in
            let migration = try await world.migration()

            await #expect(throws: MigrationError.nothingSelected(flow: "east-to-west", source: "east", excluded: [])) {
                try await migration.run(cutOver: {}, progress: { _ in }, verified: { _ in })
            }
        }
    }
}

/// What a migration has said last of how far it is.
private final class Said: Sendable {
    private let state = Mutex<MigrationProgress?>(nil)

    var last: MigrationProgress? { state.withLock { $0 } }
    func take(_ progress: MigrationProgress) {
        // What is compared is not copied.
        guard progress.phase != .verifying else { return }
        state.withLock { $0 = progress }
    }
}

extension Replicated {
    fileprivate func migration(
        _ owner: String = "test", patience: Duration = .seconds(10), leavesGroups: Bool = false,
        _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> Migration {
        let settings = try await flow {
            $0.naming = .identical
            edit(&$0)
        }.settings
        return Migration(
            settings, patience: patience, leavesGroups: leavesGroups, owner: owner, eventLoops: [group.next()],
            logger: Self.quiet, wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
    }
}
