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

            #expect(error == .targetNotEmpty(target: "west", ["orders-0 (3 offsets)"]))
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
        _ owner: String = "test", _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> Migration {
        let settings = try await flow {
            $0.naming = .identical
            edit(&$0)
        }.settings
        return Migration(
            settings, patience: .seconds(10), owner: owner, eventLoops: [group.next()], logger: Self.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) })
    }
}
