internal import Logging
internal import Replication
internal import ReplicatorConfig
internal import UnixSignals

/// Takes over a changed configuration file at each HUP, as a whole or not at all.
struct Reloading {
    let daemon: Daemon
    var configuration: WatchedConfiguration

    mutating func run(_ signals: UnixSignalsSequence) async {
        for await _ in signals { await reload() }
    }

    private mutating func reload() async {
        var running: [FlowSettings] = []
        for flow in daemon.flows { running.append(await flow.settings) }
        let plan = configuration.reload(running: running)
        let file = configuration.file
        switch plan {
        case .apply(let settings):
            for (flow, settings) in zip(daemon.flows, settings) { await flow.reload(settings) }
            daemon.logger.info("configuration reloaded", metadata: ["file": "\(file)"])
            if let exposure = configuration.exposure { daemon.logger.warning("\(exposure)") }
        case .refuse(let reasons):
            daemon.logger.error(
                "configuration not reloaded, everything goes on as before",
                metadata: ["file": "\(file)", "reason": "\(reasons.joined(separator: "; "))"])
        }
        await daemon.report(reload: ReloadReport(plan, file: file, time: daemon.wallClock()))
    }
}
