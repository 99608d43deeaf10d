internal import KafkaClient
internal import Replication

/// The group on the target that the instances of a flow are members of, as tools look at it.
struct InstanceGroup {
    let name: String
    let protocolType: String
    /// The beginning of the names of all such groups.
    let prefix: String

    init(flow: String) {
        let settings = InstanceMember.settings(
            flow: flow, instance: "", sessionTimeout: InstanceSettings(id: "").sessionTimeout)
        name = settings.group
        protocolType = settings.protocolType
        prefix = String(settings.group.dropLast(flow.count))
    }
}

extension GroupListing {
    /// The group has members, as far as its coordinator tells; unknown states, of brokers before Kafka 2.6, count as
    /// nobody.
    var hasMembers: Bool { !["", "Empty", "Dead"].contains(state) }
}
