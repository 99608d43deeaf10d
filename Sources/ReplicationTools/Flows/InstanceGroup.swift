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

    /// Checks that nobody is in the group: an instance that has nothing to copy records nothing, and is there all the same.
    ///
    /// Silence of the cluster is no evidence.
    func checkIsEmpty(of flow: String, on client: ClusterClient) async throws(FlowIsShared) {
        let found = try? await client.listGroups().first { $0.id == name }
        if let found, found.hasMembers {
            throw FlowIsShared(flow: flow, cluster: client.settings.name, group: name)
        }
    }
}

extension GroupListing {
    /// The group has members, as far as its coordinator tells; unknown states, of brokers before Kafka 2.6, count as
    /// nobody.
    var hasMembers: Bool { !["", "Empty", "Dead"].contains(state) }
}
