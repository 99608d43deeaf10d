internal import KafkaClient
internal import KafkaWire

/// A flow's memory: the compacted topic `__replicator.<flow>.progress` on the target, read whole at start.
actor ProgressStore {
    private let flow: String
    private let target: ClusterClient
    private var identity: FlowIdentity?
    private var configured: FlowIdentity?
    private var checkpoints: [TopicPartition: Checkpoint] = [:]

    init(flow: String, target: ClusterClient) {
        self.flow = flow
        self.target = target
    }

    static func topicName(flow: String) -> String { "__replicator.\(flow).progress" }

    var topic: String { Self.topicName(flow: flow) }

    /// Whether the flow has never been started.
    var isNewFlow: Bool { identity == nil }

    var known: [TopicPartition: Checkpoint] { checkpoints }

    /// Creates the topic if it is missing, else reads it.
    func open() async throws(FlowError) {
        fatalError()
    }

    /// - Throws: ``FlowError/identityDiffers(flow:what:recorded:configured:)``.
    func check(_ wanted: FlowIdentity) throws(FlowError) {
        configured = wanted
        guard let identity, let difference = identity.difference(from: wanted) else { return }
        throw .identityDiffers(
            flow: flow, what: difference.what, recorded: difference.recorded, configured: difference.configured)
    }

    func storeIdentity() async throws(FlowError) {
        guard let configured else { return }
        try await append([.identity(configured)])
        identity = configured
    }

    func store(_ changed: [TopicPartition: Checkpoint]) async throws(FlowError) {
        try await append(changed.map { .checkpoint($0.key, $0.value) })
        checkpoints.merge(changed) { _, new in new }
    }

    private func append(_ records: [ProgressRecord]) async throws(FlowError) {
        fatalError()
    }
}
