internal import ServiceLifecycle
package import UnixSignals

/// Everything that happens beside replication: polling flows and clusters, and reloading.
package struct DaemonService: Service {
    private let daemon: Daemon
    private let configuration: WatchedConfiguration
    private let hangups: UnixSignalsSequence

    package init(daemon: Daemon, configuration: WatchedConfiguration, hangups: UnixSignalsSequence) {
        self.daemon = daemon
        self.configuration = configuration
        self.hangups = hangups
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await daemon.keepPolling() }
                for watch in daemon.watches { group.addTask { await watch.run() } }
                group.addTask {
                    var reloading = Reloading(daemon: daemon, configuration: configuration)
                    await reloading.run(hangups)
                }
            }
        }
        // Ends with the flows, not before: a service that ends ends the others.
        try? await gracefulShutdown()
    }
}
