internal import ServiceLifecycle
internal import UnixSignals

/// Everything that happens beside replication: looking at flows and clusters, and reloading.
struct DaemonService: Service {
    let daemon: Daemon
    let reloading: Reloading
    let hangups: UnixSignalsSequence

    func run() async throws {
        await cancelWhenGracefulShutdown {
            await withDiscardingTaskGroup { group in
                group.addTask { await daemon.keepLooking() }
                for watch in daemon.watches { group.addTask { await watch.run() } }
                group.addTask {
                    var reloading = reloading
                    await reloading.run(hangups)
                }
            }
        }
        // Ends with the flows, not before: a service that ends ends the others.
        try? await gracefulShutdown()
    }
}
