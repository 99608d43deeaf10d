public import KafkaClient
internal import PlainText
public import Replication

/// Differences of a configuration from the one that a process works by, and what each of them takes.
public struct ReloadPlan: Sendable {
    public struct FlowChange: Sendable {
        public enum Kind: Hashable, Sendable {
            /// It is new.
            case starts
            /// It is gone: it lets what is under way reach the target first.
            case stops
            /// It stops as above, and starts with the new settings.
            case restarts
            /// It takes the new settings over as it runs.
            case adapts
            case stays
        }

        public var kind: Kind
        /// The new settings; of a flow that is gone, those that it has.
        public var settings: FlowSettings
        /// Changes in words.
        public var details: [String]

        /// Nil for a flow that nothing changes for.
        ///
        /// - Parameter effects: what came of it, in words.
        public func sentence(effects: [String] = []) -> String? {
            let name = settings.name
            return switch kind {
            case .starts: "flow \(name) added"
            case .stops: "flow \(name) removed"
            case .restarts: "flow \(name) restarts: " + details.joined(separator: "; ")
            case .adapts: "flow \(name): " + (details + effects).joined(separator: "; ")
            case .stays: nil
            }
        }
    }

    /// Flows that stop, then all others in the order of the configuration.
    public var flows: [FlowChange]
    /// Changes that concern no single flow, in words.
    public var others: [String]
    /// Clusters that the flows use.
    public var clusters: [ClusterSettings]
    /// Names of those whose settings have changed.
    public var changedClusters: Set<String>

    /// Settings of a flow that may change while it runs.
    private static let live = SettingDifference.flowSections

    /// - Parameters:
    ///   - running: settings of the flows that run.
    ///   - selected: names of the flows that the process was asked to run; nil for all.
    ///   - instance: this process among those that share the flows: it stays the same.
    /// - Throws: ``ReloadRefusal`` when a difference cannot be taken over: then nothing is to be.
    public init(
        running: [FlowSettings], selected: Set<String>?, instance: InstanceSettings? = nil, from old: ConfigFile,
        to new: ConfigFile
    ) throws(ReloadRefusal) {
        let wanted = new.flows(of: instance).filter { selected?.contains($0.name) ?? true }
        let refusals = Self.refusals(wanted, from: old, to: new)
        guard refusals.isEmpty else { throw ReloadRefusal(reasons: refusals) }
        let used = Set((running + wanted).flatMap { [$0.source.name, $0.target.name] })
        var changes: [String: [SettingDifference]] = [:]
        for name in used {
            guard let old = old.clusters[name], let new = new.clusters[name] else { continue }
            changes[name] = SettingDifference.between(old, new, sections: SettingDifference.clusterSections)
        }
        changedClusters = Set(changes.filter { !$0.value.isEmpty }.keys)
        let usedStill = Set(wanted.flatMap { [$0.source.name, $0.target.name] })
        clusters = new.clusters.values.filter { usedStill.contains($0.name) }.sorted { $0.name < $1.name }
        flows = running.filter { flow in !wanted.contains { $0.name == flow.name } }
            .map { FlowChange(kind: .stops, settings: $0, details: []) }
        for flow in wanted {
            flows.append(Self.change(from: running.first { $0.name == flow.name }, to: flow))
        }
        others = changedClusters.sorted().map { name in
            "cluster \(name): " + (changes[name] ?? []).map(\.sentence).joined(separator: "; ")
        }
        others += Self.processChanges(from: old, to: new)
        // Values may come from variables and files that hold more than they should.
        func shown(_ text: String) -> String { new.references.hiding(old.references.hiding(text)).printable() }
        for index in flows.indices { flows[index].details = flows[index].details.map(shown) }
        others = others.map(shown)
    }

    private static func change(from old: FlowSettings?, to new: FlowSettings) -> FlowChange {
        guard let old else { return FlowChange(kind: .starts, settings: new, details: []) }
        let differences = SettingDifference.between(old, new, sections: SettingDifference.flowSections)
        let isLive = differences.allSatisfy { live.contains($0.path[0]) }
        return FlowChange(
            kind: differences.isEmpty ? .stays : isLive ? .adapts : .restarts, settings: new,
            details: differences.map { difference in
                guard let old = difference.old as? ClusterSettings, let new = difference.new as? ClusterSettings else {
                    return difference.sentence
                }
                return old.name == new.name
                    ? "settings of cluster \(new.name) changed" : "\(difference.key) from \(old.name) to \(new.name)"
            })
    }

    private static func refusals(_ wanted: [FlowSettings], from old: ConfigFile, to new: ConfigFile) -> [String] {
        let remedy = "cannot change while the process runs: restart, or restore the old value"
        var refusals = SettingDifference.between(old, new).map(\.path[0]).filter { !knownProperties.contains($0) }
            .map { "\($0 == "series" ? "http.metrics" : $0) \(remedy)" }
        if old.http != new.http { refusals.append("http.listen \(remedy)") }
        if (old.httpAccess.tls == nil) != (new.httpAccess.tls == nil) {
            refusals.append(
                "http.tls cannot come or go while the process runs: restart, or restore the old value; its files may "
                    + "change")
        }
        if wanted.isEmpty {
            refusals.append(
                "none of the flows that the process was asked to run is left: stop the process, if that is meant")
        }
        return refusals
    }

    /// Properties of ``ConfigFile`` that may change, or are looked at one by one.
    private static let knownProperties: Set<String> = [
        "clusters", "flows", "http", "httpAccess", "stuckAfter", "reload", "warnings", "identity", "holdsSecrets",
        "references", "settings",
    ]

    private static func processChanges(from old: ConfigFile, to new: ConfigFile) -> [String] {
        let access = SettingDifference.between(old.httpAccess, new.httpAccess).map {
            $0.key == "allowedHosts" ? "http.\($0.sentence)" : "http.\($0.key) changed (not shown)"
        }
        let process = SettingDifference.between(old, new).filter { ["stuckAfter", "reload"].contains($0.key) }.map {
            $0.key == "stuckAfter" ? "http.\($0.sentence)" : $0.sentence
        }
        return access + process
    }
}

/// Reasons why a configuration is not taken over, each with what to do.
public struct ReloadRefusal: Error, Hashable, Sendable {
    public var reasons: [String]

    public init(reasons: [String]) {
        self.reasons = reasons
    }
}
