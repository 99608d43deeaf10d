public import Replication

/// What reading the configuration again means for flows that run.
public enum ReloadPlan: Sendable {
    /// Every difference may be taken over while the flows run.
    case apply([FlowSettings])
    /// At least one difference may not: nothing is taken over. Each sentence says what, and what to do.
    case refuse([String])

    /// Settings of a flow that may change while it runs, by their keys.
    private static let changeable: Set<String> = ["topics", "consumerGroups", "policies", "sync", "limits"]

    /// - Parameters:
    ///   - running: settings of the flows that run.
    ///   - runsAll: whether the process runs every flow of its configuration.
    public init(running: [FlowSettings], runsAll: Bool, from old: ConfigFile, to new: ConfigFile) {
        var refusals: [String] = []
        var settings: [FlowSettings] = []
        for flow in running {
            guard let wanted = new.flows.first(where: { $0.name == flow.name }) else {
                refusals.append("flow \(flow.name) is gone: restart to stop it")
                continue
            }
            settings.append(wanted)
            for key in Self.differences(flow, wanted) where !Self.changeable.contains(key) {
                refusals.append(
                    "flow \(flow.name): \(key) cannot change while the flow runs: restart, or restore the old value")
            }
        }
        if runsAll {
            for flow in new.flows where !running.contains(where: { $0.name == flow.name }) {
                refusals.append("flow \(flow.name) is new: restart to start it")
            }
        }
        if old.http != new.http || old.stuckAfter != new.stuckAfter || old.series != new.series {
            refusals.append("http cannot change while the process runs: restart, or restore the old value")
        }
        if (old.httpAccess.tls == nil) != (new.httpAccess.tls == nil) {
            refusals.append(
                "http.tls cannot come or go while the process runs: restart, or restore the old value; its files may "
                    + "change")
        }
        self = refusals.isEmpty ? .apply(settings) : .refuse(refusals)
    }

    /// Names of stored properties whose values differ; they are the keys of the configuration file. Asked of the type
    /// itself, so that a setting added later cannot be forgotten here.
    private static func differences(_ old: FlowSettings, _ new: FlowSettings) -> [String] {
        zip(Mirror(reflecting: old).children, Mirror(reflecting: new).children).compactMap { old, new in
            differ(old.value, new.value) ? old.label : nil
        }
    }

    private static func differ(_ old: Any, _ new: Any) -> Bool {
        if let old = old as? AnyHashable, let new = new as? AnyHashable { return old != new }
        let left = Array(Mirror(reflecting: old).children), right = Array(Mirror(reflecting: new).children)
        guard !left.isEmpty, left.count == right.count else { return "\(old)" != "\(new)" }
        return zip(left, right).contains { differ($0.value, $1.value) }
    }
}
