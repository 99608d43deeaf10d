public import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
internal import Replication

/// The flows that have left their memory on a cluster.
public struct FlowCatalog: Sendable {
    private let client: ClusterClient
    private let wallClock: @Sendable () -> Int64

    /// - Parameter wallClock: milliseconds since 1970.
    public init(
        _ cluster: ClusterSettings, eventLoop: any EventLoop, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        client = ClusterClient(cluster, eventLoop: eventLoop, logger: logger)
        self.wallClock = wallClock
    }

    public func close() async { await client.close() }

    /// All of them, by name. One whose memory cannot be read is listed with the reason.
    ///
    /// - Throws: when the cluster cannot be asked for its topics.
    public func flows() async throws(KafkaError) -> [KnownFlow] {
        var found: [KnownFlow] = []
        for topic in try await client.metadata(.all).topics.keys.sorted() {
            if let flow = ProgressTopic.flow(of: topic) { found.append(await describe(flow, topic)) }
        }
        return found
    }

    /// One of them; nil when the cluster does not know it.
    public func flow(_ name: String) async throws(KafkaError) -> KnownFlow? {
        let topic = ProgressTopic.name(flow: name)
        let metadata = try await client.metadata(.named([topic]))
        guard metadata.topics[topic]?.partitions.isEmpty == false else { return nil }
        return await describe(name, topic)
    }

    private func describe(_ flow: String, _ topic: String) async -> KnownFlow {
        var known = KnownFlow(cluster: client.settings.name, flow: flow, progressTopic: topic)
        do {
            let records = try await StateTopic(topic, client: client).readAll()
            known.lastRecorded = records.map(\.timestamp).max()
            var reader = RecordedFlowReader(flow: flow, target: client)
            try await reader.refresh()
            let recorded = reader.recorded
            known.sourceClusterID = recorded.identity?.sourceClusterID
            known.targetClusterID = recorded.identity?.targetClusterID
            known.naming = recorded.identity?.naming
            known.startFrom = recorded.identity?.startFrom
            known.topics = Set(recorded.checkpoints.keys.map(\.topic)).count
            known.partitions = recorded.checkpoints.count
            known.producerIDs = recorded.producers.count
            let ledger = SyncLedger(flow: flow, target: client, wallClock: wallClock)
            try await ledger.open()
            let state = await ledger.state
            known.accessRules = state.acls.count
            known.quotas = state.quotas.count
        } catch {
            known.problem = "\(error)"
        }
        return known
    }
}
