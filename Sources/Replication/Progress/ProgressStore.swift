package import KafkaClient
internal import KafkaWire
package import NIOCore

/// A flow's memory: the compacted topic `__replicator.<flow>.progress` on the target, read whole at start.
package actor ProgressStore {
    private let flow: String
    private let target: ClusterClient
    private let log: StateTopic
    let wallClock: @Sendable () -> Int64
    let sessionClock: @Sendable () -> NIODeadline
    var startSightings = StartSightings()
    private var configured: FlowIdentity?
    private(set) var recorded = RecordedFlow()
    /// The topic as it was last found to hold everything; zero where the cluster does not tell.
    private var topicID = KafkaUUID.zero
    /// Offset behind the last record that is known to be there; nil before the topic was read.
    private var end: Int64?
    /// Offset up to which everything has been taken in, whoever has written it.
    private var next: Int64 = 0
    /// Subjects of records by which others have changed what is known, since ``takeNews()``.
    private var news: Set<ProgressRecord.Key> = []
    /// Times that the topic was found without what it had held, and was filled again.
    private(set) var restorations = 0
    /// Held while a call appends: what is known and what the topic holds change together.
    private let appending = AsyncSemaphore(1)

    /// - Parameters:
    ///   - wallClock: milliseconds since 1970.
    ///   - sessionClock: as ``SessionClock`` has it.
    package init(
        flow: String, target: ClusterClient, wallClock: @escaping @Sendable () -> Int64,
        sessionClock: @escaping @Sendable () -> NIODeadline = { SessionClock.now() }
    ) {
        self.sessionClock = sessionClock
        self.flow = flow
        self.target = target
        self.wallClock = wallClock
        log = StateTopic(ProgressTopic.name(flow: flow), client: target)
    }

    nonisolated var topic: String { ProgressTopic.name(flow: flow) }

    /// True if the flow has never been started.
    package var isNewFlow: Bool { recorded.identity == nil }

    package var known: [TopicPartition: Checkpoint] { recorded.checkpoints }

    /// Producer ids under which a preparation that was not completed may have appended records.
    package var fillers: Set<Int64> {
        Set(recorded.prepared.values.flatMap { ($0.producers ?? [:]).keys.compactMap { Int64($0) } })
    }

    /// A failover has handed the target over to others, as far as the topic was read.
    var isHandedOver: Bool { recorded.isHandedOver }

    /// Wishes of operators and reports of instances.
    var control: RecordedControl { recorded.control }

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
            next = try await read.read(log)
            end = next
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

    /// True if the identity is known from an earlier record than the newest, which is damaged: compaction would leave
    /// that.
    var isIdentityAtRisk: Bool { recorded.identity != nil && recorded.identityFlaw != nil }

    /// - Parameter completed: a preparation whose checkpoints count from now on.
    package func storeIdentity(completing completed: String? = nil) async throws(FlowError) {
        // What was recorded first is who the flow is, also where it makes no difference to those who ask.
        guard var identity = recorded.identity ?? configured else { return }
        if let completed { identity.completed = (identity.completed ?? []) + [completed] }
        try await append([.identity(identity)])
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
        next = 0
        var lost = try recorded.records.map { try Record($0, at: wallClock()) }
        if let failover = recorded.failover {
            lost.append(Record(offset: 0, timestamp: wallClock(), key: Handover.key, value: failover, headers: []))
        }
        try await write(lost)
        topicID = try await target.metadata(.named([topic])).topics[topic]?.id ?? .zero
    }

    /// Appends records; should the log turn out to have lost its end, everything.
    private func append(_ records: [ProgressRecord]) async throws(FlowError) {
        try await appendAlone { () throws(any Error) in
            let isLost = try await self.write(records)
            for record in records { self.recorded.take(record) }
            if isLost { try await self.restore() }
            // What others have written before it comes first: of two values the later one counts. Should it not be told
            // now, it is when it is asked for next.
            if self.next < self.end ?? 0 { try? await self.readOn() }
        }
    }

    /// The same for a record whose place counts: everything before it is known when it returns.
    ///
    /// - Returns: the offset of the first.
    func appendInPlace(_ records: [ProgressRecord]) async throws(FlowError) -> Int64? {
        var place: Int64?
        try await appendAlone { () throws(any Error) in
            let isLost = try await self.write(records)
            place = self.end.map { $0 - Int64(records.count) }
            for record in records { self.recorded.take(record) }
            if isLost { try await self.restore() }
            if self.next < self.end ?? 0 { try await self.readOn() }
        }
        return place
    }

    /// - Returns: whether the log ends earlier than it should.
    @discardableResult
    private func write(_ records: [ProgressRecord]) async throws -> Bool {
        let now = wallClock()
        return try await write(try records.map { try Record($0, at: now) })
    }

    @discardableResult
    private func write(_ records: [Record]) async throws -> Bool {
        let appended = try await log.appendTelling(records)
        guard let appended else { return false }
        let isLost = appended.first < end ?? 0
        end = appended.next
        if appended.first == next, appended.isContiguous { next = appended.next }
        return isLost
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

extension Record {
    fileprivate init(_ record: ProgressRecord, at now: Int64) throws {
        self.init(offset: 0, timestamp: now, key: record.key, value: try record.value(), headers: [])
    }
}

// Records of others, who share the flow.
extension ProgressStore {
    /// Waits until the topic holds what has not been taken in yet.
    ///
    /// - Returns: whether it does; not when the time was over first.
    package nonisolated func awaitNews(atMost time: Duration) async throws(KafkaError) -> Bool {
        let position = FetchPosition(topic: topic, partition: 0, fetchOffset: await next, maxBytes: 1)
        let found = try await target.read(
            position, isolation: .readUncommitted, maxWait: time, purpose: .fetch(1))
        return found.records != nil
    }

    /// Takes in what the topic holds by now, whoever has written it.
    package func catchUp() async throws(FlowError) {
        guard end != nil else { return }
        try await appendAlone { () throws(any Error) in try await self.readOn() }
    }

    /// Subjects of the records by which others have changed what is known, since the last call.
    package func takeNews() -> Set<ProgressRecord.Key> {
        defer { news = [] }
        return news
    }

    /// In the order of the log, so that the newest counts.
    private func readOn() async throws(KafkaError) {
        var reader = log.reader(from: next)
        while let records = try await reader.records() {
            var flaws: [(Record, String)] = []
            for record in records.deciding {
                let before = recorded.subject(of: record)
                do { try recorded.take(record) } catch { flaws.append((record, "\(error)")) }
                guard let key = before.key else { continue }
                if before.checkpoint == nil || recorded.subject(of: record).checkpoint != before.checkpoint {
                    news.insert(key)
                }
            }
            next = reader.next
            for (record, flaw) in flaws { await log.skip(record, because: flaw) }
        }
        next = max(next, reader.next)
        end = max(end ?? 0, next)
    }

    /// Wakes the others, who would hear of a change in the group only with their next heartbeat.
    package func wakeOthers(_ instance: String) async throws(FlowError) {
        try await append([.wake(instance: instance)])
    }

    /// Partitions that others copy, as they have recorded them last.
    ///
    /// - Parameter own: those that are known better here.
    func partitions(without own: Set<TopicPartition>) -> [ForwardPartition] {
        recorded.partitions(isSettled: false).filter { !own.contains($0.source) }
    }

    func checkpoint(of partition: TopicPartition) -> Checkpoint? { recorded.checkpoints[partition] }
}

extension RecordedFlow {
    /// The subject of a record, and what is known of it when it is a partition.
    fileprivate func subject(of record: Record) -> (key: ProgressRecord.Key?, checkpoint: Checkpoint?) {
        guard let key = record.key.flatMap({ ProgressRecord.Key($0) }) else { return (nil, nil) }
        guard case .checkpoint(let partition) = key else { return (key, nil) }
        return (key, checkpoints[partition])
    }
}
