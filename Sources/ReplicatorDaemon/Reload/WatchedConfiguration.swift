package import Replication
package import ReplicatorConfig

/// The configuration file of a running process, and the configuration that was taken over last.
package struct WatchedConfiguration: Sendable {
    package let file: String
    /// Whether the process runs every flow of the file.
    private let runsAll: Bool
    private var current: ConfigFile

    package init(file: String, runsAll: Bool, current: ConfigFile) {
        self.file = file
        self.runsAll = runsAll
        self.current = current
    }

    /// Reads the file again, and takes it over as a whole or not at all.
    ///
    /// - Parameter running: settings of the flows that run.
    package mutating func reload(running: [FlowSettings]) -> ReloadPlan {
        do throws(InvalidConfiguration) {
            let new = try ConfigFile.load(file, identity: current.identity)
            let plan = ReloadPlan(running: running, runsAll: runsAll, from: current, to: new)
            if case .apply = plan { current = new }
            return plan
        } catch {
            return .refuse(["\(error)"])
        }
    }
}
