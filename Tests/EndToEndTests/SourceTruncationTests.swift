import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// The source's log loses its end, as after an unclean election, and grows again with other records, while what the flow
/// remembers is older than what it has copied: what the target holds of the lost ones is not taken for copies of the new.
@Suite(.serialized, .timeLimit(.minutes(5))) struct SourceTruncationTests {
    /// Where the source was cut: records 0 to 29 were copied, and the checkpoint is at 15.
    enum Place: Int, CaseIterable {
        case behindTheCheckpoint = 20
        case inFrontOfTheCheckpoint = 10
    }

    private func partition(_ flow: Flow) async throws -> FlowStatus.Partition {
        try #require(await flow.status().partitions.first)
    }

    /// Copies records 0 to 29, dies with a checkpoint at 15, and the source is cut.
    private func withCut(
        at offset: Int64, _ body: (Replicated, _ checkpoint: Checkpoint) async throws -> Void
    ) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in stride(from: 0, to: 15, by: 5) { try await world.produce(start..<start + 5, to: "orders") }
            let early = try await world.copy(until: 15)
            for start in stride(from: 15, to: 30, by: 5) { try await world.produce(start..<start + 5, to: "orders") }
            try await world.copy(until: 30)
            try await world.restore(early)
            try await world.source.truncate(topic: "orders", partition: 0, to: offset)
            try await body(world, early)
        }
    }

    private func expect(_ world: Replicated, _ values: [String]) async throws {
        #expect(try await world.targetValues("east.orders") == values)
    }

    /// Runs the flow until it stands at `end` with nothing left to do; returns the newest checkpoint.
    private func copy(until end: Int64, _ world: Replicated) async throws -> Checkpoint {
        let flow = try world.flow { $0.policies.truncated = .continue }
        try await world.running(flow) {
            try await eventually("the flow to stand at \(end)") {
                await flow.status().partitions.first.map { $0.sourceOffset == end && $0.lag == 0 } ?? false
            }
        }
        return try await world.checkpoint()
    }

    @Test(arguments: Place.allCases, [1, 4, 30])
    func `what a cut source holds now is copied, whatever the target has of what it held before`(
        place: Place, more: Int
    ) async throws {
        try await withCut(at: Int64(place.rawValue)) { world, early in
            try await world.produce(100..<100 + more, to: "orders")
            let end = Int64(place.rawValue + more)
            let last = try await copy(until: end, world)
            try await expect(world, expectedValues(0..<30) + expectedValues(100..<100 + more))
            #expect(last.accounting?.imbalance(passed: end) == 0)

            // Nor is anything of that copied again when it is forgotten, too.
            try await world.restore(early)
            try await world.produce(200..<205, to: "orders")
            _ = try await copy(until: end + 5, world)
            try await expect(
                world, expectedValues(0..<30) + expectedValues(100..<100 + more) + expectedValues(200..<205))
        }
    }

    @Test(arguments: Place.allCases)
    func `the same by the other policy: the partition stops and says where, until it may go on`(
        place: Place
    ) async throws {
        try await withCut(at: Int64(place.rawValue)) { world, _ in
            try await world.produce(100..<130, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the partition to stop") {
                    await flow.status().partitions.first?.state == .failed
                }
                let reason = try #require(try await partition(flow).reason)
                #expect(reason.contains("was cut at offset \(place.rawValue)"), "\(reason)")
            }
            try await expect(world, expectedValues(0..<30))

            _ = try await copy(until: Int64(place.rawValue + 30), world)
            try await expect(world, expectedValues(0..<30) + expectedValues(100..<130))
        }
    }

    @Test(arguments: Place.allCases)
    func `a source that was cut and has not grown since`(place: Place) async throws {
        try await withCut(at: Int64(place.rawValue)) { world, _ in
            let flow = try world.flow { $0.policies.truncated = .continue }
            try await world.running(flow) {
                try await eventually("the flow to go back") {
                    await flow.status().partitions.first?.sourceOffset == Int64(place.rawValue)
                }
                try await world.produce(100..<105, to: "orders")
                try await world.caughtUp(flow, records: Int64(place.rawValue + 5))
                try await expect(world, expectedValues(0..<30) + expectedValues(100..<105))
            }
        }
    }

    @Test func `a source that is cut while batches are on their way`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow { $0.policies.truncated = .continue }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                try await world.target.freeze(node: 1)
                for start in [10, 15] { try await world.produce(start..<start + 5, to: "orders") }
                try await eventually("records to be on their way") { try await partition(flow).bufferedBytes > 0 }
                try await world.source.truncate(topic: "orders", partition: 0, to: 15)
                try await world.produce(100..<110, to: "orders")
                try await eventually("the cut to be seen") { try await partition(flow).bufferedBytes == 0 }
                try await world.target.thaw(node: 1)
                try await world.caughtUp(flow, records: 25)
                // The second batch may have left before the cut was seen.
                let values = try await world.targetValues("east.orders")
                let tail = expectedValues(100..<110)
                #expect(
                    [expectedValues(0..<20) + tail, expectedValues(0..<15) + tail].contains(values), "\(values)")
            }
        }
    }

    @Test func `a source leader that changes without a loss behind the checkpoint is no cut`() async throws {
        try await Replicated.run(nodes: 3) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let early = try await world.copy(until: 10)
            for round in 1..<4 {
                let leader = try #require(await world.source.leader(topic: "orders", partition: 0))
                try await world.source.moveLeader(topic: "orders", partition: 0, to: leader % 3 + 1)
                try await world.produce(round * 10..<round * 10 + 10, to: "orders")
            }
            try await world.copy(until: 40)
            try await world.restore(early)
            try await world.produce(40..<50, to: "orders")

            let last = try await world.copy(until: 50)

            try await expect(world, expectedValues(0..<50))
            #expect(last.accounting?.imbalance(passed: 50) == 0)
            let map = try #require(try await world.recorded().map(of: Replicated.orders))
            #expect(map.lost.isEmpty)
        }
    }
}
