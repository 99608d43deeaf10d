import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import Testing

/// Topics that an opposite flow reads, and of whose copies this flow has no map: no group is moved past copies that it
/// has not read.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupRouteTests {
    private static func only(_ topic: String) throws -> NameSelection {
        NameSelection(allow: [try NamePattern(topic)], deny: [])
    }

    private func position(_ mesh: Mesh, _ group: String, _ topic: String) async throws -> Int64? {
        try await mesh.world.targetOffsets(of: group, at: mesh.client("b"))[TopicPartition(topic, 0)]?.offset
    }

    /// Waits until an opposite flow has recorded that it has passed everything of a topic.
    private func passed(_ mesh: Mesh, _ flow: String, _ topic: String, _ offset: Int64) async throws {
        try await eventually("\(flow) to record \(offset)") {
            try await RecordedMaps.read(flow: flow, from: mesh.client("a")).partitions.contains {
                $0.source == TopicPartition(topic, 0) && $0.map.passed >= offset
            }
        }
    }

    /// Copies 100 records of a topic from a to b, and lets the opposite flow see the copies; then a group is at 10.
    private func copied(_ mesh: Mesh, _ there: Flow, _ back: Flow, _ topic: String) async throws {
        for name in ["a", "b"] where topic != "orders" {
            let new = NewTopic(topic, partitions: 1, replicationFactor: 1)
            for (_, outcome) in await (try mesh.client(name)).createTopics([new]) { _ = try outcome.get() }
        }
        try await mesh.world.produce(0..<100, to: topic, client: mesh.client("a"))
        try await mesh.world.running(there, back) {
            try await mesh.world.caughtUp(there, records: 100)
            try await mesh.world.caughtUp(back, records: 100)
            try await passed(mesh, back.name, topic, 100)
        }
        try await mesh.world.commit("g", [topic: [0: 10]], at: mesh.client("a"))
    }

    @Test func `a topic that another flow of the same source copies is that flow's business`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let payments = try Self.only("payments")
            func flow(_ name: String, _ from: String, _ to: String, _ topics: NameSelection) throws -> Flow {
                try mesh.flow(from, to, .headers) {
                    $0.name = name
                    $0.topics = topics
                }
            }
            let back = try flow("payments-back", "b", "a", payments)
            try await copied(mesh, try flow("payments-there", "a", "b", payments), back, "payments")

            let orders = try flow("orders-there", "a", "b", try Self.only("orders"))
            try await mesh.world.running(orders) {
                for _ in 0..<3 { _ = try await orders.synchronizeGroups() }
                #expect(try await position(mesh, "g", "payments") == nil)
                let again = try flow("payments-there", "a", "b", payments)
                try await mesh.world.running(again) {
                    try await mesh.world.committed("g", "payments", [0: 10], at: mesh.client("b"))
                    _ = try await orders.synchronizeGroups()
                }
            }
            #expect(try await position(mesh, "g", "payments") == 10)
            let inspector = OffsetInspector(
                await orders.settings, eventLoop: mesh.world.group.next(), logger: Replicated.quiet)
            #expect(try await inspector.inspect(group: "g", action: .apply) == nil)
            await inspector.close()
            #expect(try await position(mesh, "g", "payments") == 10)
        }
    }

    @Test func `of a topic that the flow does not select any more, its recorded map counts`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let there = try mesh.flow("a", "b", .headers) { $0.sync.groupOffsets = false }
            let back = try mesh.flow("b", "a", .headers) { $0.sync.groupOffsets = false }
            try await copied(mesh, there, back, "payments")

            let orders = try Self.only("orders")
            let flow = try mesh.flow("a", "b", .headers) { $0.topics = orders }
            try await mesh.world.running(flow) {
                try await mesh.world.committed("g", "payments", [0: 10], at: mesh.client("b"))
                let isKnown = try await flow.synchronizeGroups()
                #expect(isKnown)
            }
            #expect(try await position(mesh, "g", "payments") == 10)
        }
    }

    @Test func `a topic that only the opposite flow reads is translated through its map`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let new = NewTopic("other", partitions: 1, replicationFactor: 1)
            for (_, outcome) in await (try mesh.client("b")).createTopics([new]) { _ = try outcome.get() }
            try await mesh.world.produce(0..<20, to: "other", client: mesh.client("b"))
            let back = try mesh.flow("b", "a", .headers)
            let orders = try Self.only("orders")
            let there = try mesh.flow("a", "b", .headers) { $0.topics = orders }
            try await mesh.world.running(there, back) {
                try await mesh.world.caughtUp(back, records: 20)
                try await mesh.world.commit("g", ["other": [0: 7]], at: mesh.client("a"))
                try await mesh.world.committed("g", "other", [0: 7], at: mesh.client("b"))
                try await mesh.world.commit("g", ["other": [0: 20]], at: mesh.client("a"))
                try await mesh.world.committed("g", "other", [0: 20], at: mesh.client("b"))
            }
        }
    }

    @Test func `an instance that is no member moves no group when it is told to stop`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let back = try mesh.flow("b", "a", .headers) { $0.sync.groupOffsets = false }
            let there = try mesh.flow("a", "b", .headers) { $0.sync.groupOffsets = false }
            try await copied(mesh, there, back, "orders")

            mesh.world.target.intercept(.joinGroup, times: 10_000, .error(.groupAuthorizationFailed))
            // So long a pause that only the last look is within the test, once it is refused.
            let flow = try mesh.flow("a", "b", .headers) { $0.sync.interval = .seconds(100_000) }
            try await mesh.world.running(flow) {
                try await eventually("the refusal") { await flow.status().membership?.state == .refused }
                try await mesh.world.commit("g", ["orders": [0: 20]], at: mesh.client("a"))
            }
            mesh.world.target.removeInterceptions()
            let found = try await position(mesh, "g", "orders")
            #expect(found == nil || found == 10)
        }
    }
}
