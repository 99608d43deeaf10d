package import KafkaClient
internal import KafkaWire

/// The producer ids that a flow writes under, one for each provenance: registered in the target's
/// `__replicator_origins` before their first use, found again there, reused for ever. The flow's progress holds them
/// too: should that topic be deleted, they are registered again.
package actor FlowProducerIDs {
    private let flow: String
    private let sourceClusterID: String
    private let targetClusterID: String
    private let target: ClusterClient
    private let log: StateTopic
    private let progress: ProgressStore
    private let wallClock: @Sendable () -> Int64
    private var byProvenance: [Provenance: Int64] = [:]
    private var registrations: [Int64: OriginRecord] = [:]
    /// Recorded with each id, for other flows to see.
    private var selection: RecordedSelection?
    /// Every id that the flow is known to have written under; what they wrote is ours.
    var all: Set<Int64> { recorded.union(registrations.keys) }
    /// Ids that the flow's progress names, also where their registration is damaged.
    private var recorded: Set<Int64> = []
    /// Ids that nobody can have written under before this process.
    package private(set) var fresh: Set<Int64> = []
    /// Other instances of the flow may write under the same ids.
    private var isShared = false
    /// True if the target lets us fence, as far as is known.
    private(set) var canFence = true
    /// Target topics that take no fences, of which that is known.
    private var unfenced: Set<String> = []
    /// The topic as it was last found to hold our registrations; zero where the cluster does not tell.
    private var topicID = KafkaUUID.zero
    private var isRegistering = false
    private var turns: [CheckedContinuation<Void, Never>] = []

    package init(
        flow: String, sourceClusterID: String, targetClusterID: String, target: ClusterClient,
        progress: ProgressStore, wallClock: @escaping @Sendable () -> Int64
    ) {
        self.flow = flow
        self.sourceClusterID = sourceClusterID
        self.targetClusterID = targetClusterID
        self.target = target
        self.progress = progress
        self.wallClock = wallClock
        log = StateTopic(OriginRecord.topic, client: target)
    }

    /// Creates the topic if it is missing, and finds the flow's ids.
    ///
    /// - Returns: those that were no longer registered, and are again.
    package func open() async throws(FlowError) -> Set<Int64> {
        do throws(KafkaError) { try await find() } catch { throw .kafka(error) }
        recorded = await progress.producerIDs
        let lost = await progress.producers.filter { registrations[$0.key] == nil && isOurs($0.value) }
        do throws(KafkaError) { try await register(lost) } catch { throw .kafka(error) }
        try await progress.store(producers: registrations)
        return Set(lost.keys)
    }

    private func find() async throws(KafkaError) {
        try await CompactedTopic(name: OriginRecord.topic, client: target).ensure()
        topicID = try await target.metadata(.named([OriginRecord.topic])).topics[OriginRecord.topic]?.id ?? .zero
        for (id, record) in try await RegisteredOrigins.read(log).records where isOurs(record) { take(id, record) }
    }

    /// Registers the flow's ids again if the topic was deleted, or is another one by now.
    ///
    /// - Parameter metadata: of the target; a topic that it lacks is asked for by name before anything is done.
    /// - Returns: the ids that were no longer registered.
    func registerIfLost(_ metadata: ClusterMetadata) async throws(KafkaError) -> Set<Int64> {
        let present = metadata.topics[OriginRecord.topic]
        guard !isWhole(present) else { return [] }
        await waitForTurn()
        defer { passTurn() }
        let asked = try await target.metadata(.named([OriginRecord.topic])).topics[OriginRecord.topic]
        let isGone = asked?.error == .unknownTopicOrPartition
        guard isGone || (asked?.error == ErrorCode.none && !isWhole(asked)) else { return [] }
        try await CompactedTopic(name: OriginRecord.topic, client: target).ensure()
        let id = try await target.metadata(.named([OriginRecord.topic])).topics[OriginRecord.topic]?.id ?? .zero
        let found = try await RegisteredOrigins.read(log).records
        let lost = registrations.filter { found[$0.key] != $0.value }
        try await register(lost)
        topicID = id
        return Set(lost.keys)
    }

    private func isWhole(_ topic: TopicMetadata?) -> Bool {
        guard let topic, topic.error == .none, !topic.partitions.isEmpty else { return false }
        return topic.id == .zero || topicID == .zero || topic.id == topicID
    }

    private func isOurs(_ record: OriginRecord) -> Bool {
        record.flow == flow && record.sourceClusterID == sourceClusterID && record.targetClusterID == targetClusterID
    }

    private func take(_ id: Int64, _ record: OriginRecord) {
        registrations[id] = record
        let provenance = record.provenance
        // Ids grow: the largest is the newest, which took over when the epochs of the one before were used up.
        byProvenance[provenance] = max(byProvenance[provenance] ?? id, id)
    }

    /// The id to write records of this provenance under.
    ///
    /// - Parameter replacing: an id whose epochs are used up.
    package func producerID(for provenance: Provenance, replacing used: Int64? = nil) async throws(KafkaError) -> Int64
    {
        await waitForTurn()
        defer { passTurn() }
        if let known = byProvenance[provenance], known != used { return known }
        let producer = try await target.initProducerID()
        let record = OriginRecord(
            flow: flow, sourceClusterID: sourceClusterID, targetClusterID: targetClusterID,
            originClusterID: provenance.chain.first ?? sourceClusterID, chain: provenance.chain,
            carriesHeaders: provenance.carriesHeaders, registered: wallClock(), selection: selection)
        try await register([producer.id: record])
        do {
            try await progress.store(producers: registrations)
        } catch {
            throw cannotRegister(error)
        }
        if !isShared { fresh.insert(producer.id) }
        return producer.id
    }

    /// Other instances may find our ids and write under them from now on, or not any more.
    func setShared(_ isShared: Bool) {
        self.isShared = isShared
        if isShared { fresh = [] }
    }

    /// Takes in the ids that other instances of the flow have registered, as far as its progress names them. They record
    /// them there before they write.
    func learnOfOthers() async {
        recorded.formUnion(await progress.producerIDs)
        for (id, record) in await progress.producers where registrations[id] == nil && isOurs(record) {
            take(id, record)
        }
    }

    /// Time of the flow's first registration of an id; nil before it.
    var registered: Int64? { registrations.values.map(\.registered).min() }

    /// Records what the flow copies beside each of its ids, where that is news.
    package func record(_ selection: RecordedSelection) async throws(KafkaError) {
        await waitForTurn()
        defer { passTurn() }
        self.selection = selection
        let changed = registrations.filter { $0.value.selection != selection }.mapValues { record in
            var record = record
            record.selection = selection
            return record
        }
        guard !changed.isEmpty else { return }
        try await register(changed)
        do {
            try await progress.store(producers: registrations)
        } catch {
            throw cannotRegister(error)
        }
    }

    private func register(_ new: [Int64: OriginRecord]) async throws(KafkaError) {
        guard !new.isEmpty else { return }
        let records: [Record]
        do {
            records = try new.map { id, record in
                Record(
                    offset: 0, timestamp: record.registered, key: OriginRecord.key(of: id), value: try record.value())
            }
        } catch {
            throw cannotRegister(error)
        }
        try await log.append(records)
        for (id, record) in new { take(id, record) }
    }

    private func cannotRegister(_ error: any Error) -> KafkaError {
        KafkaError(
            .unexpectedAnswer("a producer id cannot be registered: \(error)"), during: .request(.produce),
            cluster: target.settings.name, topic: OriginRecord.topic, partition: 0)
    }

    /// - Returns: whether that is news.
    func fencingRefused() -> Bool {
        defer { canFence = false }
        return canFence
    }

    /// The target takes no fences for these topics, while it takes them for others.
    ///
    /// - Returns: those of which that is news.
    func fencingRefused(for topics: Set<String>) -> Set<String> {
        defer { unfenced.formUnion(topics) }
        return topics.subtracting(unfenced)
    }

    /// Another id in place of one whose epochs are used up; the same one for all who ask.
    func successor(of used: Int64) async throws(KafkaError) -> (provenance: Provenance, producerID: Int64)? {
        guard let provenance = registrations[used]?.provenance else { return nil }
        return (provenance, try await producerID(for: provenance, replacing: used))
    }

    private func waitForTurn() async {
        guard isRegistering else {
            isRegistering = true
            return
        }
        await withCheckedContinuation { turns.append($0) }
    }

    private func passTurn() {
        guard !turns.isEmpty else {
            isRegistering = false
            return
        }
        turns.removeFirst().resume()
    }
}
