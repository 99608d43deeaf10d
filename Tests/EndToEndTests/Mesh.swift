import KafkaBroker
import KafkaClient
import NIOCore
import NIOPosix
import Replication
import Testing

/// Clusters with the topic `orders` and flows in identical naming between them.
struct Mesh {
    let world: Replicated
    let clusters: [String: EmbeddedCluster]
    let clients: [String: ClusterClient]

    static func run(
        _ names: [String], configs: [String: String] = [:], _ body: (Mesh) async throws -> Void
    ) async throws {
        try await Replicated.run { world in
            var clusters = [names[0]: world.source, names[1]: world.target]
            var clients = [names[0]: world.sourceClient, names[1]: world.targetClient]
            var more: [EmbeddedCluster] = []
            for name in names.dropFirst(2) {
                let cluster = try await EmbeddedCluster.start(BrokerSettings(nodeCount: 1, logger: Replicated.quiet))
                more.append(cluster)
                clusters[name] = cluster
                clients[name] = ClusterClient(
                    Replicated.settings(name, cluster), eventLoop: world.group.next(), logger: Replicated.quiet)
            }
            for client in clients.values {
                let topic = NewTopic("orders", partitions: 1, replicationFactor: 1, configs: configs)
                for (_, outcome) in await client.createTopics([topic]) { _ = try outcome.get() }
            }
            let mesh = Mesh(world: world, clusters: clusters, clients: clients)
            do {
                try await body(mesh)
            } catch {
                for name in names.dropFirst(2) { await clients[name]?.close() }
                for cluster in more { await cluster.shutdown() }
                throw error
            }
            for name in names.dropFirst(2) { await clients[name]?.close() }
            for cluster in more { await cluster.shutdown() }
        }
    }

    func flow(
        _ from: String, _ to: String, _ prevention: LoopPrevention, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) throws -> Flow {
        let source = try #require(clusters[from])
        let target = try #require(clusters[to])
        return try world.flow(from: (from, source), to: (to, target)) {
            $0.naming = .identical
            $0.loopPrevention = prevention
            edit(&$0)
        }
    }

    func flows(_ paths: [(String, String, LoopPrevention)]) throws -> [Flow] {
        try paths.map { try flow($0, $1, $2) }
    }

    func client(_ cluster: String) throws -> ClusterClient {
        try #require(clients[cluster])
    }

    /// Numbers that a cluster's topic holds, and how often each.
    func counts(_ cluster: String) async throws -> [String: Int] {
        Dictionary(try await Replicated.values("orders", at: client(cluster)).map { ($0, 1) }) { $0 + $1 }
    }

    /// Produces `count` records on each cluster, numbered from `first` on; each cluster has numbers of its own.
    func produce(_ first: Int, _ count: Int) async throws {
        for name in clusters.keys {
            let start = try self.first(of: name) + first
            try await world.produce(start..<start + count, to: "orders", client: client(name))
        }
    }

    /// The first number of a cluster's own.
    func first(of cluster: String) throws -> Int {
        (try #require(clusters.keys.sorted().firstIndex(of: cluster)) + 1) * 100_000
    }

    func expected(_ count: Int) throws -> [String: Int] {
        var expected: [String: Int] = [:]
        for name in clusters.keys {
            let first = try self.first(of: name)
            for value in expectedValues(first..<first + count) { expected[value] = 1 }
        }
        return expected
    }

    /// Waits until every cluster has all that was produced anywhere.
    func settled(_ count: Int) async throws {
        let wanted = Set(try expected(count).keys)
        for name in clusters.keys {
            try await eventually("\(name) to hold everything") {
                wanted.isSubset(of: Set(try await counts(name).keys))
            }
        }
    }
}
