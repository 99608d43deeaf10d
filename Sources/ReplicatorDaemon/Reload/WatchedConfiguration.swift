package import KafkaClient
package import Observability
package import Replication
package import ReplicatorConfig

/// The configuration file of a running process, and the configuration that was taken over last.
package struct WatchedConfiguration: Sendable {
    /// A configuration that may be taken over: everything that can be checked without a cluster was.
    package struct Proposal: Sendable {
        package let plan: ReloadPlan
        fileprivate let new: ConfigFile
        fileprivate let rules: HTTPAccess.Rules?

        /// Files that are read again with the configuration, beside those in references.
        package var files: [String] { new.httpAccess.tls?.files ?? [] }
    }

    package let file: String
    /// Names of the flows that the process was asked to run; nil for every flow of the file.
    private let selected: Set<String>?
    package private(set) var current: ConfigFile
    /// Rights at the HTTP address, where there is one.
    private let access: HTTPAccess?
    /// This process among those that share the flows; the same as long as it lives.
    package let instance: InstanceSettings?

    package init(
        file: String, selected: Set<String>?, current: ConfigFile, access: HTTPAccess? = nil,
        instance: InstanceSettings? = nil
    ) {
        self.file = file
        self.selected = selected
        self.current = current
        self.access = access
        self.instance = instance
    }

    /// Flows of the configuration that the process was asked to run.
    package var flows: [FlowSettings] { current.flows(of: instance).filter { selected?.contains($0.name) ?? true } }

    /// Clusters that these flows use.
    package var clusters: [ClusterSettings] {
        let names = Set(flows.flatMap { [$0.source.name, $0.target.name] })
        return current.clusters.values.filter { names.contains($0.name) }
    }

    /// Rights of strangers at the HTTP address now; nil when it is not open to them.
    package var exposure: String? { current.http.flatMap { HTTPExposure.warning($0, current.httpAccess) } }

    /// Reads the file again. Nothing changes by that.
    ///
    /// - Parameter running: settings of the flows that run.
    /// - Throws: ``ReloadRefusal`` when it cannot be taken over.
    package func read(running: [FlowSettings]) throws(ReloadRefusal) -> Proposal {
        let new: ConfigFile
        do throws(InvalidConfiguration) {
            new = try ConfigFile.load(file, identity: current.identity)
        } catch {
            throw ReloadRefusal(reasons: error.problems.map(\.description))
        }
        let plan = try ReloadPlan(
            running: running, selected: selected, instance: instance, from: current, to: new)
        guard access != nil, let address = new.http else { return Proposal(plan: plan, new: new, rules: nil) }
        do throws(HTTPAccess.Rules.Unusable) {
            let rules = try HTTPAccess.Rules(
                new.httpAccess, listeningOn: address.host, advertised: new.instance.advertise?.host)
            return Proposal(plan: plan, new: new, rules: rules)
        } catch {
            throw ReloadRefusal(reasons: [error.description])
        }
    }

    /// Takes over what was read, as far as it concerns no flow.
    ///
    /// - Returns: warnings about it that were not true before.
    package mutating func take(_ proposal: Proposal) -> [String] {
        let known = Set(current.warnings + [exposure].compactMap(\.self))
        if let rules = proposal.rules { access?.replace(rules) }
        current = proposal.new
        return (current.warnings + [exposure].compactMap(\.self)).filter { !known.contains($0) }
    }

    /// Files that are read again with the configuration, beside those in references.
    package var files: [String] { current.httpAccess.tls?.files ?? [] }
}

extension HTTPAccessSettings.TLS {
    fileprivate var files: [String] { [certificateFile] + [keyFile].compactMap(\.self) }
}
