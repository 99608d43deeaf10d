package import KafkaClient

/// Compares a flow's clusters and settings with what the target remembers of it from its first start. Changes nothing.
///
/// Commands that go by a flow's memory begin with it: what is recorded about other clusters, or under other names, says
/// nothing about these.
package struct FlowIdentityCheck: Sendable {
    package struct Finding: Sendable {
        package var sourceClusterID: String
        package var targetClusterID: String
        /// Identity by the present settings.
        package var identity: FlowIdentity
        package var hasProgressTopic: Bool
    }

    private let settings: FlowSettings
    private let source: ClusterClient
    private let target: ClusterClient
    private let progress: ProgressStore

    package init(_ settings: FlowSettings, source: ClusterClient, target: ClusterClient, progress: ProgressStore) {
        self.settings = settings
        self.source = source
        self.target = target
        self.progress = progress
    }

    /// Both clients are held to their clusters from then on.
    ///
    /// - Parameters:
    ///   - comparesStart: false for those to whom it makes no difference where the flow once began.
    ///   - topics: read by the same questions, for those who need them a moment later.
    /// - Throws: when a cluster does not answer, both are one, the memory cannot be read, or it is that of another flow.
    package func check(comparesStart: Bool = true, reading topics: TopicRequest = .none) async throws(FlowError)
        -> Finding
    {
        let sourceID: String
        let targetID: String
        do throws(KafkaError) {
            sourceID = try await source.metadata(topics).clusterID ?? ""
            targetID = try await target.metadata(topics).clusterID ?? ""
        } catch {
            throw .kafka(error)
        }
        guard sourceID.isEmpty || sourceID != targetID else {
            throw .sameCluster(source: settings.source.name, target: settings.target.name, clusterID: sourceID)
        }
        for cluster in [source, target] { try await Self.checkBootstrapServers(of: cluster) }
        if !sourceID.isEmpty { await source.keep(to: sourceID) }
        if !targetID.isEmpty { await target.keep(to: targetID) }
        let identity = FlowIdentity(
            sourceClusterID: sourceID, targetClusterID: targetID, naming: settings.naming.recorded,
            startFrom: settings.startFrom.recorded, offsets: settings.offsets)
        let hasProgressTopic = try await progress.openIfPresent()
        try await progress.check(identity, comparesStart: comparesStart)
        return Finding(
            sourceClusterID: sourceID, targetClusterID: targetID, identity: identity,
            hasProgressTopic: hasProgressTopic)
    }

    /// Time that each bootstrap server has to say which cluster it belongs to. Those that do not are asked before they are
    /// used.
    private static let bootstrapPatience: Duration = .seconds(3)

    private static func checkBootstrapServers(of cluster: ClusterClient) async throws(FlowError) {
        let found = await cluster.clustersOfBootstrapServers(patience: bootstrapPatience)
        guard found.count > 1 else { return }
        throw .mixedClusters(
            cluster: cluster.settings.name,
            servers: found.sorted { $0.key < $1.key }.flatMap { id, servers in servers.map { "\($0) (\(id))" } })
    }
}
