internal import Metrics
internal import Replication

/// The series that tell of this instance's place among those of one flow.
struct InstanceSeries {
    private let flow: String
    private let losses: Counter
    /// Beginning of the loss that was counted last, in milliseconds since 1970.
    private var counted: Int64?

    init(flow: String) {
        self.flow = flow
        losses = Counter(label: "replicator_instance_membership_losses_total", dimensions: [("flow", flow)])
        // There from the start, so that a rate can be taken.
        losses.increment(by: 0)
    }

    mutating func update(_ status: FlowStatus) {
        record("replicator_instance_partitions", Double(status.partitions.count))
        record("replicator_instances", Double(max(1, status.instances?.count ?? 1)))
        guard let membership = status.membership else { return }
        record("replicator_instance_generation", Double(membership.generation))
        record("replicator_instance_member", membership.state == .member ? 1 : 0)
        guard membership.state == .lost || membership.state == .refused, membership.since != counted else { return }
        counted = membership.since
        losses.increment()
    }

    private func record(_ name: String, _ value: Double) {
        Gauge(label: name, dimensions: [("flow", flow)]).record(value)
    }
}
