public import KafkaWire

/// An incremental fetch session (KIP-227): what one broker is asked for, again and again, said once.
///
/// The broker remembers the partitions and positions of a session, so a request carries only what has changed since
/// the last, and an answer only the partitions that have news. Ten thousand idle partitions cost nothing but memory.
///
///         want, remove          request                       answer
///     ┌──────────────────┐   ┌───────────┐   id 0            ┌─────────┐
///     │ wanted, changed  ├──▶│ full      ├──────────────────▶│ no      │ next: full
///     └──────────────────┘   │ epoch 0   │   id n            │ session │
///                            └─────┬─────┘────────┐          └─────────┘
///            broken, error ▲       │              ▼
///                          └───────┤     ┌───────────────┐
///                                  └─────┤ incremental   │ epochs 1, 2, … 2^31-1, 1, …
///                                        └───────────────┘
///
/// One request at a time: after ``request(version:)`` comes ``accept(_:)`` or ``broken()``. Pure, without I/O.
public struct FetchSession: Sendable {
    /// Fetch parameters that go into every request.
    public struct Settings: Sendable, Hashable {
        public var isolationLevel = IsolationLevel.readCommitted
        /// The time that the broker may wait for `minBytes`.
        public var maxWait: Duration = .milliseconds(500)
        public var minBytes: Int32 = 1
        public var maxBytes: Int32 = 50 << 20
        public var rackID: String?

        public init() {}
    }

    private struct Slot {
        /// The position that the caller wants; nil when the partition is to be forgotten.
        var wanted: FetchPosition?
        /// The position that the broker's session holds.
        var sent: FetchPosition?
        /// True if it is in `changed`.
        var isChanged = false
    }

    private enum Phase: Equatable {
        /// The next request starts a session, and ends the broker's session of this id, if not 0.
        case starting(closing: Int32)
        case running(id: Int32, epoch: Int32)
    }

    /// Limits and waiting times of the next request.
    public var settings: Settings
    private var slots: [Slot] = []
    private var indexes: [TopicPartition: Int] = [:]
    private var vacant: [Int] = []
    /// Slots whose wish differs from what the broker's session holds, each once.
    private var changed: [Int] = []
    private var namesByID: [KafkaUUID: String] = [:]
    private var partitionsWithoutTopicID = 0
    private var phase = Phase.starting(closing: 0)
    private var sessionUsesIDs = false
    private var isAwaitingAnswer = false
    /// True if the last answer was one within a session: partitions that it leaves out have no records, and an end of the
    /// log as it was told last (KIP-227, Kafka's `FetchSession.CachedPartition.maybeUpdateResponseData`).
    public private(set) var silenceTells = false
    private var answersWithoutSession: UInt64 = 0
    /// The answer that brought records of a partition last, of those that belong to no session; also of partitions that
    /// are not wanted for a while.
    private var served: [TopicPartition: UInt64] = [:]
    private let origin: Origin

    /// Cluster and broker that errors name.
    public struct Origin: Sendable, Hashable {
        public var cluster: String
        public var broker: BrokerName?

        public init(cluster: String, broker: BrokerName? = nil) {
            self.cluster = cluster
            self.broker = broker
        }
    }

    public init(_ settings: Settings = Settings(), origin: Origin) {
        self.settings = settings
        self.origin = origin
    }

    // Wanted partitions

    /// The number of partitions that are wanted.
    public var count: Int { indexes.count }
    public var isEmpty: Bool { indexes.isEmpty }

    /// The position that a partition is to be read from next; nil when it is not wanted.
    public func position(of partition: TopicPartition) -> FetchPosition? {
        indexes[partition].flatMap { slots[$0].wanted }
    }

    /// Adds a partition, or moves its position. The topic's id must be its present one: with another it is another topic.
    public mutating func want(_ position: FetchPosition) {
        let key = position.topicPartition
        if let index = indexes[key] {
            guard slots[index].wanted != position else { return }
            if slots[index].wanted?.topicID == position.topicID {
                slots[index].wanted = position
                markChanged(index)
                return
            }
            // Recreated under the same name: the session has to forget the old topic's partition.
            remove(key)
        }
        if position.topicID == .zero {
            partitionsWithoutTopicID += 1
        } else {
            namesByID[position.topicID] = position.topic
        }
        let index = vacant.popLast() ?? slots.endIndex
        if index == slots.endIndex { slots.append(Slot()) }
        slots[index] = Slot(wanted: position)
        indexes[key] = index
        markChanged(index)
    }

    /// Stops reading a partition; also how to pause it. Records in flight are dropped when they arrive.
    public mutating func remove(_ partition: TopicPartition) {
        guard let index = indexes.removeValue(forKey: partition) else { return }
        if slots[index].wanted?.topicID == .zero { partitionsWithoutTopicID -= 1 }
        slots[index].wanted = nil
        markChanged(index)
    }

    private mutating func markChanged(_ index: Int) {
        guard !slots[index].isChanged else { return }
        slots[index].isChanged = true
        changed.append(index)
    }

    // Requests

    /// The versions that can say what is wanted: without an id for each topic only those up to 12.
    public var versions: ClosedRange<Int16> { partitionsWithoutTopicID > 0 ? 4...12 : 4...17 }

    /// The next request, to be encoded in this version. Costs as much as has changed, once a session is running.
    public mutating func request(version: Int16) -> FetchRequest {
        precondition(!isAwaitingAnswer, "a session has one request on its way at a time")
        isAwaitingAnswer = true
        let usesIDs = version >= 13
        if case .running(let id, _) = phase, usesIDs != sessionUsesIDs { phase = .starting(closing: id) }
        sessionUsesIDs = usesIDs

        var request = FetchRequest()
        request.maxWaitMs = settings.maxWait.wireMilliseconds
        request.minBytes = settings.minBytes
        request.maxBytes = settings.maxBytes
        request.isolationLevel = settings.isolationLevel.rawValue
        request.rackID = settings.rackID ?? ""
        var topics = TopicList<FetchRequest.FetchTopic>()
        switch phase {
        case .starting(let old):
            request.sessionID = version >= 7 ? old : 0
            request.sessionEpoch = version >= 7 ? 0 : -1
            listAll(into: &topics)
        case .running(let id, let epoch):
            request.sessionID = id
            request.sessionEpoch = epoch
            var forgotten = TopicList<FetchRequest.ForgottenTopic>()
            listChanges(into: &topics, &forgotten)
            request.forgottenTopicsData = forgotten.topics
        }
        request.topics = topics.topics
        return request
    }

    /// Everything that is wanted, as if nothing had been said before.
    private mutating func listAll(into topics: inout TopicList<FetchRequest.FetchTopic>) {
        for index in slots.indices {
            slots[index].isChanged = false
            slots[index].sent = slots[index].wanted
        }
        for index in changed where slots[index].wanted == nil { vacate(index) }
        changed.removeAll(keepingCapacity: true)
        for index in fairOrder {
            if let wanted = slots[index].wanted { topics.add(FetchRequest.FetchPartition(wanted), of: wanted) }
        }
    }

    /// Partitions that have waited longest for records first: a broker fills its answer from the front, and one before
    /// Kafka 4.2 reads a single partition from tiered storage for it. Within a session it is the broker that takes turns.
    private var fairOrder: [Int] {
        guard !served.isEmpty else { return Array(slots.indices) }
        let last = slots.map { slot in slot.wanted.flatMap { served[$0.topicPartition] } ?? 0 }
        return slots.indices.sorted { (last[$0], $0) < (last[$1], $1) }
    }

    private mutating func listChanges(
        into topics: inout TopicList<FetchRequest.FetchTopic>,
        _ forgotten: inout TopicList<FetchRequest.ForgottenTopic>
    ) {
        for index in changed {
            let slot = slots[index]
            slots[index].isChanged = false
            slots[index].sent = slot.wanted
            if let wanted = slot.wanted {
                if wanted != slot.sent { topics.add(FetchRequest.FetchPartition(wanted), of: wanted) }
            } else {
                // A partition removed and wanted again in between has a new slot, which is asked for just as well.
                if let sent = slot.sent, !isWanted(sent) { forgotten.add(sent.partition, of: sent) }
                vacate(index)
            }
        }
        changed.removeAll(keepingCapacity: true)
    }

    private func isWanted(_ position: FetchPosition) -> Bool {
        guard let wanted = self.position(of: position.topicPartition) else { return false }
        return !sessionUsesIDs || wanted.topicID == position.topicID
    }

    private mutating func vacate(_ index: Int) {
        slots[index] = Slot()
        vacant.append(index)
    }

    // Answers

    /// Takes in the answer, and yields what it says about partitions that are still wanted.
    ///
    /// - Throws: the answer's own error. After those that concern the session the next request begins a new one, so
    ///   the caller just asks again.
    public mutating func accept(_ response: FetchResponse) throws(KafkaError) -> [FetchedPartition] {
        isAwaitingAnswer = false
        silenceTells = false
        guard response.errorCode == .none else {
            switch (response.errorCode, phase) {
            case (.fetchSessionIDNotFound, _): phase = .starting(closing: 0)
            case (_, .running(let id, _)): phase = .starting(closing: id)
            case (_, .starting): break
            }
            throw KafkaError(
                .broker(response.errorCode, message: nil), during: .request(.fetch), cluster: origin.cluster,
                broker: origin.broker)
        }
        advance(response)
        return partitions(of: response)
    }

    private mutating func advance(_ response: FetchResponse) {
        switch phase {
        case .starting:
            // A full answer speaks of every partition, or the broker's session does not hold what we think it does.
            let isComplete = response.responses.reduce(0) { $0 + $1.partitions.count } >= sentCount
            if response.sessionID == 0 {
                phase = .starting(closing: 0)
            } else if isComplete {
                phase = .running(id: response.sessionID, epoch: 1)
            } else {
                phase = .starting(closing: response.sessionID)
            }
        case .running(let id, let epoch):
            silenceTells = response.sessionID == id
            phase =
                response.sessionID == id
                ? .running(id: id, epoch: epoch == .max ? 1 : epoch + 1) : .starting(closing: 0)
        }
    }

    private var sentCount: Int { slots.count { $0.sent != nil } }

    private mutating func partitions(of response: FetchResponse) -> [FetchedPartition] {
        var fetched: [FetchedPartition] = []
        var isWithoutSession = false
        if case .starting = phase { isWithoutSession = true }
        if isWithoutSession { answersWithoutSession += 1 }
        for topic in response.responses {
            guard let name = sessionUsesIDs ? namesByID[topic.topicID] : topic.topic else { continue }
            for data in topic.partitions {
                guard let index = indexes[TopicPartition(name, data.partitionIndex)], let asked = slots[index].sent,
                    !sessionUsesIDs || asked.topicID == topic.topicID
                else { continue }
                let partition = FetchedPartition(data, asked: asked)
                if isWithoutSession, partition.records != nil {
                    served[partition.topicPartition] = answersWithoutSession
                }
                fetched.append(partition)
            }
        }
        return fetched
    }

    /// The request was not answered: the connection broke, or the time ran out. The next request begins a new session.
    public mutating func broken() {
        isAwaitingAnswer = false
        silenceTells = false
        if case .running(let id, _) = phase { phase = .starting(closing: id) }
    }
}
