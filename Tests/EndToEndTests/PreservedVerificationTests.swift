import KafkaClient
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// `verify` of a flow that keeps offsets compares record *n* with record *n*.
@Suite(.serialized, .timeLimit(.minutes(5))) struct PreservedVerificationTests {
    private static let copy = "east.orders"

    private static func verify(
        _ world: Replicated, _ offsets: OffsetChoice = .preserve,
        _ edit: (inout Verification.Options) -> Void = { _ in }
    ) async throws -> VerificationReport {
        var options = Verification.Options()
        options.patience = .milliseconds(300)
        edit(&options)
        return try await Verification(
            await world.flow { $0.offsets = offsets }.settings, options: options, eventLoops: [world.group.next()],
            logger: Replicated.quiet
        ).run()
    }

    /// The same records as at the source, with a marker between that moves the later ones by one.
    private static func moved(_ world: Replicated, configs: [String: String] = [:]) async throws {
        try await world.createTopic("orders", configs: configs)
        try await world.createCopy(copy)
        try await world.produce(0..<10, to: "orders")
        try await world.produce(0..<4, to: copy, client: world.targetClient)
        try await world.mark(copy, at: world.targetClient)
        try await world.produce(4..<9, to: copy, client: world.targetClient)
    }

    @Test func `records in other places are differences, whose offsets are told`() async throws {
        try await Replicated.run { world in
            try await Self.moved(world)
            let report = try await Self.verify(world)
            let translated = try await Self.verify(world, .translate)

            // All but the last are there, in order.
            #expect(translated.differences.total == 1)
            let found = try #require(report.partitions.first)
            #expect(found.equal == 4)
            #expect(found.differences.examples.first?.kind == .missing)
            #expect(found.differences.examples.first?.sourceOffset == 4)
            #expect(found.differences.counts.altered == 5)
        }
    }

    @Test func `the latest record of a key of a compacted topic has its place, too`() async throws {
        try await Replicated.run { world in
            try await Self.moved(world, configs: ["cleanup.policy": "compact"])
            try await world.produce(9..<10, to: Self.copy, client: world.targetClient)
            let report = try await Self.verify(world)

            #expect(try await Self.verify(world, .translate).isEqual)
            let found = try #require(report.partitions.first)
            #expect(found.isByKey)
            #expect(found.equal == 4)
            #expect(found.differences.counts.altered == 6)
            #expect(found.differences.examples.first?.parts == [.offset])
        }
    }

    @Test func `a sample finds them as well`() async throws {
        try await Replicated.run { world in
            try await Self.moved(world)
            let report = try await Self.verify(world) { $0.sampling = Sampling(share: 1, seed: 1) }

            #expect(report.differences.total == 6)
        }
    }

    @Test func `a copy that ends beyond its source is no good, even with nothing but markers there`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy(Self.copy)
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<10, to: Self.copy, client: world.targetClient)
            #expect(try await Self.verify(world).isEqual)

            try await world.mark(Self.copy, at: world.targetClient)
            let report = try await Self.verify(world)

            #expect(report.differences.total == 0)
            #expect(report.partitions.first?.failure?.contains("ends at offset 11, beyond the source's at 10") == true)
        }
    }

    @Test func `what is on its way is waited for`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.createCopy(Self.copy)
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<5, to: Self.copy, client: world.targetClient)
            async let report = Self.verify(world) { $0.patience = .seconds(60) }
            try await world.produce(5..<10, to: Self.copy, client: world.targetClient)

            #expect(try await report.isEqual)
            #expect(try await report.equal == 10)
        }
    }
}
