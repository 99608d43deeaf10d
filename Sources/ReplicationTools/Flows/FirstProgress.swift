internal import KafkaClient
internal import Replication

/// Records where a flow begins before it copies anything: one that has never run, as its own first start would, or one that
/// has, in topics that are new to it.
///
/// What is prepared counts for nobody until it is completed, by one record that comes last: killed before, it may be
/// done again, and a flow that is started instead begins as if it had not been done.
struct FirstProgress {
    let settings: FlowSettings
    /// The flow's target, where it keeps its memory.
    let target: ClusterClient
    let store: ProgressStore
    let producers: FlowProducerIDs
    /// Name of this preparation among those of the flow.
    private let mark: String

    init(
        settings: FlowSettings, target: ClusterClient, clusters: (source: String, target: String),
        wallClock: @escaping @Sendable () -> Int64
    ) async throws(FlowError) {
        self.settings = settings
        self.target = target
        mark = "\(wallClock())"
        store = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        producers = FlowProducerIDs(
            flow: settings.name, sourceClusterID: clusters.source, targetClusterID: clusters.target, target: target,
            progress: store, wallClock: wallClock)
        provenance = Provenance(
            chain: [clusters.source],
            carriesHeaders: settings.naming == .identical && settings.loopPrevention == .headers)
        try await store.open()
        try await store.check(
            FlowIdentity(
                sourceClusterID: clusters.source, targetClusterID: clusters.target,
                naming: settings.naming.recorded, startFrom: settings.startFrom.recorded,
                offsets: settings.offsets))
        _ = try await producers.open()
        // A flow that has begun has a producer id: without one, others would take its registrations for lost.
        usual = try await Self.kafka { [producers, provenance] () async throws(KafkaError) in
            try await producers.producerID(for: provenance)
        }
    }

    /// Provenance of records that begin their way at the flow's source.
    private let provenance: Provenance
    private let usual: Int64

    /// A registered producer id that nobody has written under.
    func unusedProducerID() async throws(FlowError) -> Int64 {
        guard await !producers.fresh.contains(usual) else { return usual }
        return try await Self.kafka { () async throws(KafkaError) in
            try await producers.producerID(for: provenance, replacing: usual)
        }
    }

    /// - Parameter maps: of copies that count as the flow's own.
    func prepare(
        _ checkpoints: [TopicPartition: Checkpoint], maps: [TopicPartition: OffsetMap] = [:]
    ) async throws(FlowError) {
        let marked = checkpoints.mapValues { checkpoint in
            var checkpoint = checkpoint
            checkpoint.prepared = mark
            return checkpoint
        }
        try await store.store(marked, maps: maps)
    }

    /// From now on the flow begins where it was prepared to.
    func complete() async throws(FlowError) {
        try await store.storeIdentity(completing: mark)
    }

    private static func kafka<Value>(
        _ body: () async throws(KafkaError) -> Value
    ) async throws(FlowError) -> Value {
        do throws(KafkaError) { return try await body() } catch { throw .kafka(error) }
    }
}
