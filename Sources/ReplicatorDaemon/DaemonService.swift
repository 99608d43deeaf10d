internal import ServiceLifecycle
package import UnixSignals

/// Everything that happens beside replication: polling flows and clusters, and reloading.
package struct DaemonService: Service {
    private let daemon: Daemon
    private let reloader: Reloader
    private let hangups: UnixSignalsSequence

    package init(daemon: Daemon, reloader: Reloader, hangups: UnixSignalsSequence) {
        self.daemon = daemon
        self.reloader = reloader
        self.hangups = hangups
    }

    package func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await daemon.keepPolling() }
                group.addTask { await daemon.watches.run() }
                group.addTask { await reloader.keepWatching() }
                group.addTask { for await _ in hangups { await reloader.reload(.signal) } }
            }
        }
        // Ends with the flows, not before: a service that ends ends the others.
        try? await gracefulShutdown()
    }
}
