internal import Logging
internal import Replication
internal import ReplicatorConfig
internal import UnixSignals

/// Takes over a changed configuration file at each HUP, as a whole or not at all.
struct Reloading {
    let file: String
    /// Whether the process runs every flow of the file.
    let runsAll: Bool
    let daemon: Daemon
    /// What was read last and taken over.
    var current: ConfigFile

    mutating func run(_ signals: UnixSignalsSequence) async {
        for await _ in signals { await reload() }
    }

    private mutating func reload() async {
        var running: [FlowSettings] = []
        for flow in daemon.flows { running.append(await flow.settings) }
        do throws(InvalidConfiguration) {
            let new = try ConfigFile.load(file, identity: .replicator)
            switch ReloadPlan(running: running, runsAll: runsAll, from: current, to: new) {
            case .refuse(let reasons): await refuse(reasons)
            case .apply(let settings):
                for (flow, settings) in zip(daemon.flows, settings) { await flow.reload(settings) }
                current = new
                daemon.logger.info("configuration reloaded", metadata: ["file": "\(file)"])
                await report(isApplied: true, ["topics, consumerGroups, sync and limits of \(file)"])
            }
        } catch {
            await refuse(["\(error)"])
        }
    }

    private func refuse(_ reasons: [String]) async {
        daemon.logger.error(
            "configuration not reloaded, everything goes on as before",
            metadata: ["file": "\(file)", "reason": "\(reasons.joined(separator: "; "))"])
        await report(isApplied: false, reasons)
    }

    private func report(isApplied: Bool, _ messages: [String]) async {
        await daemon.report(
            reload: ReloadReport(time: WallClock.milliseconds(), isApplied: isApplied, messages: messages))
    }
}
