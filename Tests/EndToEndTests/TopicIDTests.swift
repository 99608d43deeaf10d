import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import Testing

/// A target topic that is deleted and created again between two requests: what is on its way is meant for the old one.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TopicIDTests {
    /// Records are on their way when the target topic becomes another one.
    private func recreateUnderway(
        targetVersions: [ApiKey: Int16] = [:], _ edit: @escaping (inout FlowSettings) -> Void = { _ in },
        _ check: (Replicated, Flow) async throws -> Void
    ) async throws {
        try await Replicated.run(targetVersions: targetVersions) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow(edit)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                try await world.target.freeze(node: 1)
                try await world.produce(10..<20, to: "orders")
                try await eventually("records to be on their way") {
                    await flow.status().partitions.first?.bufferedBytes ?? 0 > 0
                }
                try await world.target.recreateTopic("east.orders")
                try await world.target.thaw(node: 1)
                try await check(world, flow)
            }
        }
    }

    @Test func `with ids nothing of it is written to the new one, and the flow stops by its policy`() async throws {
        try await recreateUnderway { world, flow in
            try await eventually("the partition to stop") {
                await flow.status().partitions.first?.state == .failed
            }
            let partition = try #require(await flow.status().partitions.first)
            #expect(partition.reason?.contains("deleted and created again") == true)
            #expect(try await world.targetValues("east.orders").isEmpty)
        }
    }

    @Test func `with ids everything is copied once more, and nothing twice`() async throws {
        try await recreateUnderway {
            $0.policies.recreated = .continue
        } _: { world, flow in
            try await eventually("all to be there") { try await world.targetValues("east.orders").count >= 20 }
            try await world.produce(20..<30, to: "orders")
            try await eventually("later ones") {
                try await world.targetValues("east.orders").last == expectedValues(29..<30).last
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<30))
            #expect(await flow.status().partitions.first?.doubled == 0)
        }
    }

    @Test func `by name what was on its way lands in the new one`() async throws {
        try await recreateUnderway(targetVersions: [.produce: 12]) { world, flow in
            try await eventually("the partition to stop") {
                await flow.status().partitions.first?.state == .failed
            }
            #expect(try await !world.targetValues("east.orders").isEmpty)
        }
    }
}
