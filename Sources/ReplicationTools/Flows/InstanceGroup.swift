internal import KafkaClient
internal import KafkaWire
internal import Replication

/// The group on the target that the instances of a flow are members of, as tools look at it.
struct InstanceGroup {
    let flow: String
    let name: String
    let protocolType: String
    /// The beginning of the names of all such groups.
    let prefix: String

    init(flow: String) {
        let settings = InstanceMember.settings(
            flow: flow, instance: "", sessionTimeout: InstanceSettings(id: "").sessionTimeout)
        self.flow = flow
        name = settings.group
        protocolType = settings.protocolType
        prefix = String(settings.group.dropLast(flow.count))
    }

    /// Checks that nobody runs the flow: an instance that has nothing to copy records nothing, and is there all the same.
    /// One that begins before it is in the group has claimed the start: it is waited for until it is there, or gone.
    ///
    /// - Parameter wallClock: milliseconds since 1970.
    /// - Throws: ``FlowIsShared``, or ``UnknownWhetherFlowIsShared``: silence of the cluster is no evidence.
    func checkIsEmpty(on client: ClusterClient, wallClock: @Sendable () -> Int64) async throws {
        var reader = RecordedFlowReader(flow: flow, target: client)
        var sightings = StartSightings()
        while true {
            guard try await !hasMembers(on: client) else {
                throw FlowIsShared(flow: flow, cluster: client.settings.name, group: name)
            }
            do throws(KafkaError) {
                try await reader.refresh()
            } catch {
                // Claims can be told also where nobody knows any more who the flow is.
                if reader.recorded.identityRefusal == nil { throw unknown(on: client, "\(error)") }
            }
            let starting = reader.recorded.liveStarts(&sightings, at: SessionClock.now(), wallClock: wallClock())
            guard !starting.isEmpty else { return }
            try await Task.sleep(for: Self.pause)
        }
    }

    private static let pause: Duration = .milliseconds(250)
    private static let topic = "__consumer_offsets"

    /// Asks the group's coordinator: the list of all groups is none of one broker's that does not answer.
    private func hasMembers(on client: ClusterClient) async throws -> Bool {
        do throws(KafkaError) {
            // Asked for a coordinator, a cluster without a topic of groups would create it: nothing is to be left behind.
            let isNew =
                try await client.metadata(.named([Self.topic])).topics[Self.topic]?.error == .unknownTopicOrPartition
            if !isNew { return try await !client.describeGroup(name).members.isEmpty }
        } catch {
            // Nobody can be a member there.
            if error.isUnsupported { return false }
            // A principal that may not describe the group sees it in the list where it may describe the cluster.
            guard error.isAuthorization else { throw unknown(on: client, "\(error)") }
        }
        do throws(KafkaError) {
            return try await client.listGroups().contains { $0.id == name && $0.hasMembers }
        } catch {
            throw unknown(on: client, "\(error)")
        }
    }

    private func unknown(on client: ClusterClient, _ reason: String) -> UnknownWhetherFlowIsShared {
        UnknownWhetherFlowIsShared(flow: flow, cluster: client.settings.name, group: name, reason: reason)
    }
}

extension GroupListing {
    /// The group has members, as far as its coordinator tells; unknown states, of brokers before Kafka 2.6, count as
    /// nobody.
    var hasMembers: Bool { !["", "Empty", "Dead"].contains(state) }
}
