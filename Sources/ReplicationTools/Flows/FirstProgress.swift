internal import KafkaClient
internal import Replication

/// Records where a flow that has never run begins, as its own first start would.
struct FirstProgress {
    let settings: FlowSettings
    /// The flow's target, where it keeps its memory.
    let target: ClusterClient
    let clusters: (source: String, target: String)
    let wallClock: @Sendable () -> Int64

    /// Everything but the flow's identity: until ``ProgressStore/storeIdentity()`` the flow counts as never started, and
    /// this may be done again.
    ///
    /// - Parameter maps: of copies that count as the flow's own.
    func prepare(
        _ checkpoints: [TopicPartition: Checkpoint], maps: [TopicPartition: OffsetMap] = [:]
    ) async throws(FlowError) -> ProgressStore {
        let store = ProgressStore(flow: settings.name, target: target, wallClock: wallClock)
        try await store.open()
        try await store.check(
            FlowIdentity(
                sourceClusterID: clusters.source, targetClusterID: clusters.target,
                naming: settings.naming.recorded, startFrom: settings.startFrom.recorded,
                offsets: settings.offsets))
        try await register(store)
        try await store.store(checkpoints, maps: maps)
        return store
    }

    /// A flow that has begun has a producer id: without one, others would take its registrations for lost.
    private func register(_ store: ProgressStore) async throws(FlowError) {
        let producers = FlowProducerIDs(
            flow: settings.name, sourceClusterID: clusters.source, targetClusterID: clusters.target, target: target,
            progress: store, wallClock: wallClock)
        _ = try await producers.open()
        let stamps = settings.naming == .identical && settings.loopPrevention == .headers
        do throws(KafkaError) {
            _ = try await producers.producerID(for: Provenance(chain: [clusters.source], carriesHeaders: stamps))
        } catch {
            throw .kafka(error)
        }
    }
}
