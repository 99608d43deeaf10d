internal import KafkaClient
internal import Logging
internal import Metrics
internal import NIOCore

/// Looks at one cluster every few seconds, over a connection of its own: whether it answers, and who it is.
actor ClusterWatch {
    /// What the last look saw.
    struct Sight: Sendable, Codable {
        var name: String
        /// Nil before the first look has ended.
        var isUp: Bool?
        var clusterID: String?
        var brokers: Int?
        /// Why it could not be reached.
        var error: String?
        /// Milliseconds since 1970; when the last look ended.
        var seenAt: Int64?
    }

    private static let interval: Duration = .seconds(5)
    private static let patience: Duration = .seconds(5)

    private(set) var sight: Sight
    private let client: ClusterClient
    private let gauge: Gauge
    private let logger: Logger

    init(_ cluster: ClusterSettings, eventLoop: any EventLoop, logger: Logger) {
        var settings = cluster
        settings.requestTimeout = min(settings.requestTimeout, Self.patience)
        settings.connectTimeout = min(settings.connectTimeout, Self.patience)
        client = ClusterClient(settings, eventLoop: eventLoop, logger: logger)
        gauge = Gauge(label: "replicator_cluster_up", dimensions: [("cluster", cluster.name)])
        sight = Sight(name: cluster.name)
        var logger = logger
        logger[metadataKey: "cluster"] = "\(cluster.name)"
        self.logger = logger
    }

    /// Until the task is cancelled.
    func run() async {
        repeat { await look() } while (try? await Task.sleep(for: Self.interval)) != nil
        await client.close()
    }

    private func look() async {
        let wasUp = sight.isUp
        do throws(KafkaError) {
            let metadata = try await client.metadata(.none)
            sight.isUp = true
            sight.clusterID = metadata.clusterID
            sight.brokers = metadata.brokers.count
            sight.error = nil
            if wasUp == false { logger.info("cluster can be reached again") }
        } catch {
            guard !Task.isCancelled else { return }
            sight.isUp = false
            sight.error = "\(error)"
            if wasUp != false { logger.warning("cluster cannot be reached", metadata: ["error": "\(error)"]) }
        }
        gauge.record(sight.isUp == true ? 1 : 0)
        sight.seenAt = WallClock.milliseconds()
    }
}
