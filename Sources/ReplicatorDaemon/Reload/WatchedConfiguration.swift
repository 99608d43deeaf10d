internal import KafkaClient
package import Observability
package import Replication
package import ReplicatorConfig

/// The configuration file of a running process, and the configuration that was taken over last.
package struct WatchedConfiguration: Sendable {
    package let file: String
    /// Whether the process runs every flow of the file.
    private let runsAll: Bool
    private var current: ConfigFile
    /// Rights at the HTTP address, where there is one.
    private let access: HTTPAccess?

    package init(file: String, runsAll: Bool, current: ConfigFile, access: HTTPAccess? = nil) {
        self.file = file
        self.runsAll = runsAll
        self.current = current
        self.access = access
    }

    /// Rights of strangers at the HTTP address now; nil when it is not open to them.
    package var exposure: String? { current.http.flatMap { HTTPExposure.warning($0, current.httpAccess) } }

    /// Reads the file again, and takes it over as a whole or not at all.
    ///
    /// - Parameter running: settings of the flows that run.
    package mutating func reload(running: [FlowSettings]) -> ReloadPlan {
        do throws(InvalidConfiguration) {
            let new = try ConfigFile.load(file, identity: current.identity)
            let plan = ReloadPlan(running: running, runsAll: runsAll, from: current, to: new)
            guard case .apply = plan else { return plan }
            if let access, let address = new.http {
                do {
                    access.replace(try HTTPAccess.Rules(new.httpAccess, listeningOn: address.host))
                } catch {
                    return .refuse(["\(error)"])
                }
            }
            current = new
            return plan
        } catch {
            return .refuse(["\(error)"])
        }
    }
}
