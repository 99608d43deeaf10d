package import KafkaClient
package import Logging
internal import Metrics
package import NIOCore

/// Polls one cluster every few seconds, over a connection of its own: whether it answers, and under which id.
package actor ClusterWatch {
    private static let interval: Duration = .seconds(2)
    /// The time for an answer: with the interval no more than the age that what is shown may have.
    private static let patience: Duration = .seconds(3)
    private static let connectPatience: Duration = .seconds(5)

    nonisolated let name: String
    package private(set) var health: ClusterHealth
    private let client: ClusterClient
    private let gauge: Gauge
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64
    /// Nobody asks for it any more.
    private var isRetired = false

    /// - Parameter wallClock: milliseconds since 1970.
    package init(
        _ cluster: ClusterSettings, eventLoop: any EventLoop, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        name = cluster.name
        var settings = cluster
        settings.requestTimeout = min(settings.requestTimeout, Self.patience)
        settings.connectTimeout = min(settings.connectTimeout, Self.connectPatience)
        settings.mayBecomeAnother = true
        client = ClusterClient(settings, eventLoop: eventLoop, logger: logger)
        gauge = Gauge(label: "replicator_cluster_up", dimensions: [("cluster", cluster.name)])
        health = ClusterHealth(name: cluster.name)
        var logger = logger
        logger[metadataKey: "cluster"] = "\(cluster.name)"
        self.logger = logger
        self.wallClock = wallClock
    }

    /// Polls until the task is cancelled, or it is retired.
    func run() async {
        while !isRetired {
            do {
                // Each of several brokers may let us wait in turn.
                async let _: Void = noticeSilence()
                await poll()
            }
            guard (try? await Task.sleep(for: Self.interval)) != nil else { break }
        }
        await client.close()
    }

    /// Another one takes its place, or nobody uses the cluster any more: it says nothing from now on, and ends soon.
    func retire() {
        isRetired = true
    }

    /// A poll that takes too long is an answer, too; what it finds in the end counts again.
    private func noticeSilence() async {
        guard (try? await Task.sleep(for: Self.patience)) != nil else { return }
        fell(because: "\(health.name): no broker has answered within \(Self.patience.components.seconds) s")
    }

    private func fell(because error: String) {
        guard !isRetired else { return }
        if health.isUp != false { logger.warning("cluster cannot be reached", metadata: ["error": "\(error)"]) }
        health.isUp = false
        health.error = error
        health.seenAt = wallClock()
        gauge.record(0)
    }

    private func poll() async {
        guard !isRetired else { return }
        do throws(KafkaError) {
            let metadata = try await client.metadata(.none)
            guard !isRetired else { return }
            if health.isUp == false { logger.info("cluster can be reached again") }
            health.isUp = true
            health.clusterID = metadata.clusterID
            health.brokers = metadata.brokers.count
            health.error = nil
            health.seenAt = wallClock()
            gauge.record(1)
        } catch {
            guard !Task.isCancelled else { return }
            fell(because: "\(error)")
        }
    }
}
