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
            known.lastRecorded = try await lastRecorded(topic)
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
            known.problem = recorded.flaws
        } catch {
            known.problem = "\(error)"
        }
        return known
    }

    /// Time of the newest record of a flow's memory, in milliseconds since 1970; nil when there is none.
    ///
    /// - Throws: when it cannot be read to its end.
    func lastRecorded(_ topic: String) async throws(KafkaError) -> Int64? {
        var last: Int64?
        var log = StateTopic(topic, client: client).reader()
        while let records = try await log.records() {
            last = (records.map(\.timestamp) + [last ?? .min]).max()
        }
        return last
    }
}

extension RecordedFlow {
    /// Parts of the memory that were read and not understood; nil when there are none.
    fileprivate var flaws: String? {
        guard let first = checkpointFlaws.min(by: { $0.key.description < $1.key.description }) else {
            return damagedProducers.min().map { "the registration of producer id \($0) cannot be understood" }
        }
        let more = checkpointFlaws.count > 1 ? ", nor those of \(checkpointFlaws.count - 1) other partitions" : ""
        return "the newest checkpoint of \(first.key) cannot be understood\(more): \(first.value)"
    }
}
