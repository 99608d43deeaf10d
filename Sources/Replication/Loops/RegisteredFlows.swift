package import KafkaClient
internal import KafkaWire

/// A flow that writes to a cluster, as it has registered itself there.
package struct RegisteredFlow: Hashable, Sendable {
    package let name: String
    package let sourceClusterID: String
    /// Time of its first registration of an id, in milliseconds since 1970.
    package let registered: Int64
    /// Nil for a flow of a version that did not record it.
    package let selection: RecordedSelection?
    /// Clusters that its records are known to have come through, from its producer ids.
    package let clusters: Set<String>
}

/// The flows that write to a cluster, read from its `__replicator_origins`, and read again from where the last reading
/// ended.
package struct RegisteredFlows: Sendable {
    private let log: StateTopic
    private var topicID: KafkaUUID?
    private var next: Int64 = 0
    package private(set) var origins = RegisteredOrigins()

    package init(of cluster: ClusterClient) {
        log = StateTopic(OriginRecord.topic, client: cluster)
    }

    /// Reads what has been registered since the last time.
    ///
    /// - Parameter metadata: of the cluster, as far as that topic is concerned.
    package mutating func refresh(_ metadata: ClusterMetadata) async throws(KafkaError) {
        let topic = metadata.topics[OriginRecord.topic]
        guard let topic, !topic.partitions.isEmpty else {
            origins = RegisteredOrigins()
            next = 0
            return
        }
        if topicID != topic.id {
            origins = RegisteredOrigins()
            next = 0
        }
        topicID = topic.id
        try await refresh()
    }

    /// The same of a topic that is known to be there.
    package mutating func refresh() async throws(KafkaError) {
        guard topicID != nil else { return }
        next = try await origins.read(log, from: next)
    }

    /// Flows by name.
    ///
    /// - Parameters:
    ///   - clusterID: of the cluster itself.
    ///   - metadata: of the cluster, with all its topics, to leave out flows that are forgotten: a flow's memory lies
    ///     there as long as it is to continue.
    package func flows(on clusterID: String, kept metadata: ClusterMetadata? = nil) -> [RegisteredFlow] {
        let records = origins.records.values.filter { $0.targetClusterID == clusterID }
        return Dictionary(grouping: records, by: \.flow).compactMap { name, records in
            let isForgotten = metadata.map { $0.topics[ProgressTopic.name(flow: name)]?.partitions.isEmpty ?? true }
            guard isForgotten != true, let newest = records.max(by: { $0.registered < $1.registered })
            else { return nil }
            // Under the same name a flow from elsewhere may have gone before.
            let own = records.filter { $0.sourceClusterID == newest.sourceClusterID }
            return RegisteredFlow(
                name: name, sourceClusterID: newest.sourceClusterID,
                registered: own.map(\.registered).min() ?? newest.registered, selection: newest.selection,
                clusters: Set(own.flatMap(\.chain)))
        }.sorted { $0.name < $1.name }
    }
}
