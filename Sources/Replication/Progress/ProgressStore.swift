package import KafkaClient
internal import KafkaWire

/// A flow's memory: the compacted topic `__replicator.<flow>.progress` on the target, read whole at start.
package actor ProgressStore {
    private let flow: String
    private let target: ClusterClient
    private let log: StateTopic
    private let wallClock: @Sendable () -> Int64
    private var configured: FlowIdentity?
    private var recorded = RecordedFlow()

    package init(flow: String, target: ClusterClient, wallClock: @escaping @Sendable () -> Int64) {
        self.flow = flow
        self.target = target
        self.wallClock = wallClock
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    var topic: String { ProgressTopic.name(flow: flow) }

    /// Whether the flow has never been started.
    var isNewFlow: Bool { recorded.identity == nil }

    var known: [TopicPartition: Checkpoint] { recorded.checkpoints }

    /// Creates the topic if it is missing, and reads what it holds.
    package func open() async throws(FlowError) {
        do throws(KafkaError) {
            try await CompactedTopic(name: topic, client: target).ensure()
            for record in try await log.readNewest().records { try take(record) }
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
    }

    private func take(_ record: Record) throws(KafkaError) {
        do {
            try recorded.take(record)
        } catch {
            throw KafkaError(
                .unexpectedAnswer("the record at offset \(record.offset) is not one of ours: \(error)"),
                during: .request(.fetch), cluster: target.settings.name, topic: topic, partition: 0)
        }
    }

    /// - Throws: ``FlowError/identityDiffers(flow:what:recorded:configured:)``.
    package func check(_ wanted: FlowIdentity) throws(FlowError) {
        configured = wanted
        guard let difference = recorded.identity?.difference(from: wanted) else { return }
        throw .identityDiffers(
            flow: flow, what: difference.what, recorded: difference.recorded, configured: difference.configured)
    }

    package func storeIdentity() async throws(FlowError) {
        guard let configured else { return }
        try await append([.identity(configured)])
    }

    /// Registrations of the flow's producer ids, beside those in the origins topic: that one may get lost.
    var producers: [Int64: OriginRecord] { recorded.producers }

    func store(producers: [Int64: OriginRecord]) async throws(FlowError) {
        let news = producers.filter { recorded.producers[$0.key] != $0.value }
        guard !news.isEmpty else { return }
        try await append(news.map { .producer($0.key, $0.value) })
    }

    /// The offset map of a partition as it was recorded with its checkpoint.
    func map(of partition: TopicPartition) -> OffsetMap? {
        recorded.map(of: partition)
    }

    /// - Parameter maps: offset maps of the same moment; what has changed of them is written before the checkpoints
    ///   that go with it.
    package func store(
        _ changed: [TopicPartition: Checkpoint], maps: [TopicPartition: OffsetMap] = [:]
    ) async throws(FlowError) {
        try await append(
            recorded.blocks.changes(to: maps).map { .segments($0.partition, $0.number, $0.block) }
                + changed.map { .checkpoint($0.key, $0.value) })
    }

    private func append(_ records: [ProgressRecord]) async throws(FlowError) {
        do {
            let now = wallClock()
            try await log.append(
                try records.map { Record(offset: 0, timestamp: now, key: $0.key, value: try $0.value(), headers: []) })
            for record in records { recorded.take(record) }
        } catch let error as KafkaError {
            throw .kafka(error)
        } catch {
            throw .unreadableProgress(topic: topic, cluster: target.settings.name, reason: "\(error)")
        }
    }
}
