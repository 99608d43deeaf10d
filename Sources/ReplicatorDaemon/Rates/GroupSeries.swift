internal import Observability
internal import Replication

/// The series of consumer groups of one flow.
struct GroupSeries {
    private let flow: String
    private let limit: Int
    private var own: Set<String> = []
    private var shown: Set<String> = []

    private static let names = ["replicator_group_lag", "replicator_group_target_lag"]

    init(flow: String, limit: Int) {
        self.flow = flow
        self.limit = limit
    }

    /// Groups that are gone have no series any more, and take no memory.
    mutating func update(_ status: FlowStatus, _ registry: MetricsRegistry) {
        var lags = GroupLags(status)
        let summed = lags.sum(beyond: limit, &own)
        for (group, lag) in lags.byGroup {
            registry.set(Self.names[0], labels(group), to: lag.source.map { Double($0) })
            registry.set(Self.names[1], labels(group), to: lag.target.map { Double($0) })
        }
        let present = Set(lags.byGroup.keys)
        for group in shown.subtracting(present) {
            for name in Self.names { registry.remove(name, labels(group)) }
        }
        shown = present
        registry.set("replicator_groups_summed", [("flow", flow)], to: Double(summed))
    }

    private func labels(_ group: String) -> [(String, String)] { [("flow", flow), ("group", group)] }
}
