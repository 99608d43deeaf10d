import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Nothing goes round and nothing is missing after what happens to topics that flows run round: they are created anew,
/// they are compacted, and flows stop and start one by one.
@Suite(.serialized, .timeLimit(.minutes(5))) struct LoopRecoveryTests {
    private func pair(_ mesh: Mesh, _ settings: [LoopPrevention]) throws -> [Flow] {
        try [("a", "b", settings[0]), ("b", "a", settings[1])].map { from, to, prevention in
            try mesh.flow(from, to, prevention) { $0.policies.recreated = .continue }
        }
    }

    /// Records that began on a cluster.
    private func produce(_ numbers: Range<Int>, on cluster: String, _ mesh: Mesh) async throws {
        let first = try mesh.first(of: cluster)
        try await mesh.world.produce(
            first + numbers.lowerBound..<first + numbers.upperBound, to: "orders", client: mesh.client(cluster))
    }

    private func values(_ numbers: Range<Int>, of cluster: String, _ mesh: Mesh) throws -> [String: Int] {
        let first = try mesh.first(of: cluster)
        return Dictionary(
            uniqueKeysWithValues: expectedValues(first + numbers.lowerBound..<first + numbers.upperBound).map {
                ($0, 1)
            })
    }

    private func has(_ cluster: String, _ wanted: [String: Int], _ mesh: Mesh) async throws {
        try await eventually("\(cluster) to hold everything") {
            Set(wanted.keys).isSubset(of: Set(try await mesh.counts(cluster).keys))
        }
    }

    @Test(
        arguments: zip(
            [[LoopPrevention.headers, .headers], [.producerIds, .producerIds], [.headers, .producerIds]],
            [true, true, false]))
    func `a topic created anew on one side gets back what the other side began, and nothing comes twice`(
        settings: [LoopPrevention], whileRunning: Bool
    ) async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            try await mesh.produce(0, 30)
            let recreated = try #require(mesh.clusters["a"])
            let first = try pair(mesh, settings)
            try await mesh.world.running(first) {
                try await mesh.settled(30)
                if whileRunning {
                    _ = try await recreated.recreateTopic("orders")
                    try await has("a", values(0..<30, of: "b", mesh), mesh)
                }
            }
            if !whileRunning { _ = try await recreated.recreateTopic("orders") }
            try await produce(30..<60, on: "a", mesh)
            try await produce(30..<60, on: "b", mesh)
            let second = try pair(mesh, settings)
            // What a had before is gone from a: only what b began comes back, and what came since is on both.
            let onA = try values(30..<60, of: "a", mesh).merging(values(0..<60, of: "b", mesh)) { $0 + $1 }
            let onB = try values(0..<60, of: "a", mesh).merging(values(0..<60, of: "b", mesh)) { $0 + $1 }
            try await mesh.world.running(second) {
                try await has("a", onA, mesh)
                try await has("b", onB, mesh)
                // Behind whatever would go round.
                try await produce(60..<61, on: "a", mesh)
                try await produce(60..<61, on: "b", mesh)
                let last = try values(60..<61, of: "a", mesh).merging(values(60..<61, of: "b", mesh)) { $0 + $1 }
                try await has("a", last, mesh)
                try await has("b", last, mesh)
            }
            let last = try values(60..<61, of: "a", mesh).merging(values(60..<61, of: "b", mesh)) { $0 + $1 }
            #expect(try await mesh.counts("a") == onA.merging(last) { $0 + $1 })
            #expect(try await mesh.counts("b") == onB.merging(last) { $0 + $1 })
        }
    }

    /// Ten keys for each cluster, written again and again, so that the cleaner leaves holes in every batch.
    private func overwrite(_ round: Int, _ mesh: Mesh) async throws {
        for cluster in mesh.clusters.keys {
            let records = (0..<10).map { key in
                Record(
                    offset: 0, timestamp: 1_700_000_000_000 + Int64(round),
                    key: ByteBuffer(string: "\(cluster) \(key)"),
                    value: ByteBuffer(string: "\(cluster) \(key) round \(round)"))
            }
            let topic = StateTopic("orders", client: try mesh.client(cluster))
            // Three batches, of which the cleaner later takes some whole.
            for part in [0..<4, 4..<7, 7..<10] { try await topic.append(Array(records[part])) }
        }
    }

    private func compact(_ mesh: Mesh) async throws {
        for cluster in mesh.clusters.values {
            try await cluster.compact(topic: "orders", partition: 0)
            try await cluster.compact(topic: "__replicator_origins", partition: 0)
        }
    }

    /// The newest values of all keys; every value that is there at all is there once.
    private func newest(_ cluster: String, _ mesh: Mesh) async throws -> [String: String] {
        var newest: [String: String] = [:]
        var seen: Set<String> = []
        for record in try await StateTopic("orders", client: mesh.client(cluster)).readAll() {
            let value = String(buffer: try #require(record.value))
            #expect(seen.insert(value).inserted, "\(value) is on \(cluster) twice")
            newest[String(buffer: try #require(record.key))] = value
        }
        return newest
    }

    @Test(arguments: [[LoopPrevention.producerIds, .producerIds], [.headers, .producerIds]])
    func `compaction on both sides takes neither the marks of a loop nor the newest value of a key`(
        settings: [LoopPrevention]
    ) async throws {
        try await Mesh.run(["a", "b"], configs: ["cleanup.policy": "compact"]) { mesh in
            for round in 0..<3 {
                // During a run, and between two, when nobody has read yet what is compacted.
                try await overwrite(round, mesh)
                if round == 2 { try await compact(mesh) }
                let flows = try pair(mesh, settings)
                let wanted = Dictionary(
                    uniqueKeysWithValues: ["a", "b"].flatMap { cluster in
                        (0..<10).map { ("\(cluster) \($0)", "\(cluster) \($0) round \(round)") }
                    })
                try await mesh.world.running(flows) {
                    for cluster in ["a", "b"] {
                        try await eventually("\(cluster) to have round \(round)") {
                            try await newest(cluster, mesh) == wanted
                        }
                    }
                    if round == 1 { try await compact(mesh) }
                }
            }
            // A flow that has never run sees only what the cleaner has left: by that alone it knows what came from b.
            // It would not start over copies of a's records.
            try await compact(mesh)
            _ = try await mesh.clusters["b"]?.recreateTopic("orders")
            // The one before is forgotten, or the late one would be refused.
            let progress = "__replicator.a-to-b.progress"
            for (_, outcome) in await (try mesh.client("b")).deleteTopics([progress]) { try outcome.get() }
            let late = try mesh.flow("a", "b", settings[0]) { $0.name = "late" }
            try await mesh.world.running(late) {
                try await eventually("the late flow to have read everything") {
                    guard let partition = await late.status().partitions.first else { return false }
                    return partition.sourceEnd > 0 && partition.lag == 0
                }
            }
            let after = try await StateTopic("orders", client: mesh.client("b")).readAll()
            let copied = after.compactMap { $0.key.map { String(buffer: $0) } }
            #expect(!copied.isEmpty)
            #expect(copied.allSatisfy { $0.hasPrefix("a ") })
        }
    }

    @Test func `a ring of three, each of whose flows stops and starts while the others go on`() async throws {
        let settings = [LoopPrevention.producerIds, .headers, .producerIds]
        try await Mesh.run(["a", "b", "c"]) { mesh in
            let ring = [("a", "b", settings[0]), ("b", "c", settings[1]), ("c", "a", settings[2])]
            for restarted in ring.indices {
                let others = try mesh.flows(ring.indices.filter { $0 != restarted }.map { ring[$0] })
                try await mesh.world.running(others) {
                    let start = restarted * 40
                    try await mesh.produce(start, 10)
                    for round in 1...2 {
                        try await mesh.world.running(mesh.flows([ring[restarted]])) {
                            try await mesh.produce(start + round * 20 - 10, 10)
                            try await mesh.settled(start + round * 20)
                        }
                        if round == 1 { try await mesh.produce(start + 20, 10) }
                    }
                }
            }
            for name in mesh.clusters.keys { #expect(try await mesh.counts(name) == mesh.expected(120), "\(name)") }
        }
    }
}
