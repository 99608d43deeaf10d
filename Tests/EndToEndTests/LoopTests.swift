import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct LoopTests {
    /// Runs the flows twice, with records before, between and after: each is everywhere, once. What goes round shows
    /// up by then, since it would be in front of what came later.
    private func staysInBounds(_ names: [String], _ paths: [(String, String, LoopPrevention)]) async throws {
        try await Mesh.run(names) { mesh in
            try await mesh.produce(0, 50)
            for round in 1...2 {
                let flows = try mesh.flows(paths)
                try await mesh.world.running(flows) {
                    try await mesh.settled(round * 100 - 50)
                    try await mesh.produce(round * 100 - 50, 50)
                    try await mesh.settled(round * 100)
                    try await mesh.produce(round * 100, 50)
                    try await mesh.settled(round * 100 + 50)
                }
            }
            for name in names { #expect(try await mesh.counts(name) == mesh.expected(250), "\(name)") }
        }
    }

    @Test(arguments: [
        [LoopPrevention.headers, .headers], [.producerIds, .producerIds], [.headers, .producerIds],
        [.producerIds, .headers],
    ]) func `a pair of clusters`(settings: [LoopPrevention]) async throws {
        try await staysInBounds(["a", "b"], [("a", "b", settings[0]), ("b", "a", settings[1])])
    }

    @Test(arguments: [
        [LoopPrevention.headers, .headers, .headers], [.producerIds, .producerIds, .producerIds],
        [.headers, .producerIds, .headers], [.producerIds, .headers, .producerIds],
    ]) func `a ring of three`(settings: [LoopPrevention]) async throws {
        try await staysInBounds(
            ["a", "b", "c"], [("a", "b", settings[0]), ("b", "c", settings[1]), ("c", "a", settings[2])])
    }

    @Test(arguments: [LoopPrevention.headers, .producerIds])
    func `a chain there and back, which fans in and out in its middle`(setting: LoopPrevention) async throws {
        try await staysInBounds(
            ["a", "b", "c"],
            [("a", "b", setting), ("b", "a", setting), ("b", "c", setting), ("c", "b", setting)])
    }

    @Test func `producer ids leave records as they are`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let flows = try mesh.flows([("a", "b", .producerIds)])
            try await mesh.world.produce(0..<10, to: "orders", client: mesh.world.sourceClient)
            try await mesh.world.running(flows) { try await mesh.world.caughtUp(flows[0], records: 10) }

            let source = try await StateTopic("orders", client: mesh.world.sourceClient).readAll()
            let target = try await StateTopic("orders", client: mesh.world.targetClient).readAll()
            #expect(source == target)
        }
    }

    @Test func `a flow stops at records that another replicator has marked, or is told to ignore the mark`()
        async throws
    {
        for (policy, prevention) in [
            (ForeignLoopHeaderPolicy.stop, LoopPrevention.headers), (.stop, .producerIds), (.ignore, .headers),
        ] {
            try await Mesh.run(["a", "b"]) { mesh in
                let marked = Record(
                    offset: 0, timestamp: 1, key: nil, value: ByteBuffer(string: "value 0"),
                    headers: [RecordHeader(name: "__mskmr", value: ByteBuffer(string: "x"))])
                try await StateTopic("orders", client: mesh.world.sourceClient).append([marked])
                let flow = try mesh.world.flow(from: ("a", mesh.world.source), to: ("b", mesh.world.target)) {
                    $0.naming = .identical
                    $0.loopPrevention = prevention
                    $0.onForeignLoopHeader = policy
                }
                try await mesh.world.running(flow) {
                    try await eventually("the policy to be followed") {
                        guard let partition = await flow.status().partitions.first else { return false }
                        return policy == .stop ? partition.state == .failed : partition.sourceOffset == 1
                    }
                    let reason = await flow.status().partitions.first?.reason
                    #expect((reason?.contains("__mskmr") ?? false) == (policy == .stop))
                }
            }
        }
    }
}
