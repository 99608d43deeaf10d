package import KafkaBroker
import Logging

/// Runs `body` with an embedded cluster on free ports, and takes the cluster down whatever happens.
///
/// - Parameters:
///   - properties: Kafka's own broker keys. Groups rebalance without their initial delay unless told.
///   - dataDirectory: nil keeps everything in memory.
package func withCluster<Value: Sendable>(
    nodes: Int = 1, firstNodeID: Int32? = nil, properties: [String: String] = [:], release: BrokerRelease = .newest,
    dataDirectory: String? = nil,
    _ body: (EmbeddedCluster) async throws -> Value
) async throws -> Value {
    var logger = Logger(label: "test cluster")
    logger.logLevel = .critical
    let quick = ["group.initial.rebalance.delay.ms": "0"].merging(properties) { _, given in given }
    let cluster = try await EmbeddedCluster.start(
        BrokerSettings(
            nodeCount: nodes, firstNodeID: firstNodeID, dataDirectory: dataDirectory, properties: quick,
            release: release, logger: logger))
    do {
        let value = try await body(cluster)
        await cluster.shutdown()
        return value
    } catch {
        await cluster.shutdown()
        throw error
    }
}
