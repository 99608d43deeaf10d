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
    /// The topic as it was last found to hold everything; zero where the cluster does not tell.
    private var topicID = KafkaUUID.zero
    /// Offset behind the last record that is known to be there; nil before the topic was read.
    private var end: Int64?
    /// Times that the topic was found without what it had held, and was filled again.
    private(set) var restorations = 0
    /// Held while a call appends: what is known and what the topic holds change together.
    private let appending = AsyncSemaphore(1)

    package init(flow: String, target: ClusterClient, wallClock: @escaping @Sendable () -> Int64) {
        self.flow = flow
        self.target = target
        self.wallClock = wallClock
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    nonisolated var topic: String { ProgressTopic.name(flow: flow) }

    /// Whether the flow has never been started.
    var isNewFlow: Bool { recorded.identity == nil }

    var known: [TopicPartition: Checkpoint] { recorded.checkpoints }

    /// Creates the topic if it is missing, and reads what it holds.
    package func open() async throws(FlowError) {
        try await ensure()
        try await read()
    }

    /// Reads what the topic holds, and creates or changes nothing: a flow without one has recorded nothing.
    ///
    /// - Returns: whether there is one.
    package func openIfPresent() async throws(FlowError) -> Bool {
        do throws(KafkaError) {
            let metadata = try await target.metadata(.named([topic]))
            guard metadata.topics[topic]?.partitions.isEmpty == false else { return false }
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
        try await read()
        return true
    }

    /// Creates the topic if it is missing, and mends its settings.
    package func ensure() async throws(FlowError) {
        do throws(KafkaError) {
            try await CompactedTopic(name: topic, client: target).ensure()
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
    }

    private func read() async throws(FlowError) {
        do throws(KafkaError) {
            var read = RecordedFlow()
            end = try await read.read(log)
            recorded = read
            topicID = try await target.metadata(.named([topic])).topics[topic]?.id ?? .zero
        } catch {
            throw .unreadableProgress(topic: topic, error)
        }
        if let refusal = recorded.identityRefusal {
            throw .unreadableProgress(topic: topic, cluster: target.settings.name, reason: refusal)
        }
    }

    /// - Parameter comparesStart: false for those to whom it makes no difference where the flow once began.
    /// - Throws: ``FlowError/identityDiffers(flow:what:recorded:configured:)``.
    package func check(_ wanted: FlowIdentity, comparesStart: Bool = true) throws(FlowError) {
        configured = wanted
        var wanted = wanted
        if !comparesStart, let recorded = recorded.identity { wanted.startFrom = recorded.startFrom }
        guard let difference = recorded.identity?.difference(from: wanted) else { return }
        throw .identityDiffers(
            flow: flow, what: difference.what, recorded: difference.recorded, configured: difference.configured)
    }

    /// Partitions of which nothing is known although something was recorded, with the reason.
    var unreadable: [TopicPartition: String] {
        recorded.checkpointFlaws.filter { recorded.checkpoints[$0.key] == nil }
    }

    /// Every producer id that the flow is known to have written under.
    var producerIDs: Set<Int64> { recorded.producerIDs }

    /// Whether the identity is known from an earlier record than the newest, which is damaged: compaction would leave
    /// that.
    var isIdentityAtRisk: Bool { recorded.identity != nil && recorded.identityFlaw != nil }

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

    /// See ``RecordedFlow/succession(of:topicID:)``.
    func succession(of topic: String, topicID: String) -> TopicSuccession {
        recorded.succession(of: topic, topicID: topicID)
    }

    /// Records what is known of positions that may be of earlier topics.
    func store(generations records: [ProgressRecord]) async throws(FlowError) {
        guard !records.isEmpty else { return }
        try await append(records)
    }

    /// Sees whether the topic still holds what was recorded. One that was deleted, or is another one by now, gets
    /// everything again.
    ///
    /// - Parameter metadata: of the target; a topic that it lacks is asked for by name before anything is done.
    /// - Returns: whether anything was lost.
    func restoreIfLost(_ metadata: ClusterMetadata) async throws(FlowError) -> Bool {
        guard end != nil else { return false }
        let present = metadata.topics[topic]
        if let present, !present.partitions.isEmpty, present.error == .none, !isOther(present.id) { return false }
        do throws(KafkaError) {
            let asked = try await target.metadata(.named([topic])).topics[topic]
            let isGone = asked?.error == .unknownTopicOrPartition
            let isOther = asked?.error == ErrorCode.none && asked?.partitions.isEmpty == false && isOther(asked?.id)
            guard isGone || isOther else { return false }
            try await CompactedTopic(name: topic, client: target).ensure()
            // A broker that is behind may not know a topic that is there.
            let id = try await target.metadata(.named([topic])).topics[topic]?.id ?? .zero
            guard topicID == .zero || id != topicID else { return false }
        } catch {
            throw .kafka(error)
        }
        let before = restorations
        try await appendAlone { () throws(any Error) in
            // Another call may have met the loss meanwhile.
            guard self.restorations == before else { return }
            try await self.restore()
        }
        return true
    }

    private func isOther(_ id: KafkaUUID?) -> Bool {
        guard let id, id != .zero, topicID != .zero else { return false }
        return id != topicID
    }

    private func restore() async throws {
        restorations += 1
        end = 0
        try await write(recorded.records)
        topicID = try await target.metadata(.named([topic])).topics[topic]?.id ?? .zero
    }

    /// Appends records; should the log turn out to have lost its end, everything.
    private func append(_ records: [ProgressRecord]) async throws(FlowError) {
        try await appendAlone { () throws(any Error) in
            let isLost = try await self.write(records)
            for record in records { self.recorded.take(record) }
            if isLost { try await self.restore() }
        }
    }

    /// - Returns: whether the log ends earlier than it should.
    @discardableResult
    private func write(_ records: [ProgressRecord]) async throws -> Bool {
        let now = wallClock()
        let first = try await log.append(
            try records.map { Record(offset: 0, timestamp: now, key: $0.key, value: try $0.value(), headers: []) })
        guard let first else { return false }
        defer { end = first + Int64(records.count) }
        return first < end ?? 0
    }

    private func appendAlone(_ body: () async throws -> Void) async throws(FlowError) {
        do {
            try await appending.wait()
            defer { appending.signal() }
            try await body()
        } catch is CancellationError {
            throw .kafka(KafkaError(.cancelled, during: .request(.produce), cluster: target.settings.name))
        } catch let error as KafkaError {
            throw .kafka(error)
        } catch {
            throw .unreadableProgress(topic: topic, cluster: target.settings.name, reason: "\(error)")
        }
    }
}
