import KafkaWire

/// A partition of a fetch, by what the client calls it.
struct FetchKey: Hashable {
    /// Empty when the request names topics by id.
    let topic: String
    let topicID: KafkaUUID
    let partition: Int32
}

/// The part of a client's request about one partition.
struct FetchTarget {
    let key: FetchKey
    var request: FetchRequest.FetchPartition
}

/// The partitions a client fetches again and again, so that neither side repeats what has not changed (KIP-227).
struct FetchSession {
    /// The state of a partition that a client was last told; it is told again when this changes.
    private struct Known {
        var target: FetchTarget
        var highWatermark: Int64 = -1
        var logStartOffset: Int64 = -1
        /// False until the partition was in an answer, and after every error.
        var isKnown = false
    }

    let id: Int32
    let usesTopicIDs: Bool
    /// The epoch that the client's next request must carry.
    private(set) var nextEpoch: Int32 = 1
    /// Time of its last use, in steady milliseconds.
    var lastUsed: Int64
    private var known: [FetchKey: Known] = [:]
    private var order: [FetchKey] = []
    /// The place at which the next answer begins, so that a partition with much data does not starve those behind it.
    private var start = 0

    init(id: Int32, usesTopicIDs: Bool, now: Int64) {
        self.id = id
        self.usesTopicIDs = usesTopicIDs
        lastUsed = now
    }

    var isEmpty: Bool { known.isEmpty }

    /// Adds or replaces partitions, and drops those the client forgets.
    mutating func update(_ targets: [FetchTarget], forgotten: [FetchKey]) {
        for target in targets {
            if known[target.key] == nil {
                order.append(target.key)
                known[target.key] = Known(target: target)
            } else {
                known[target.key]?.target = target
            }
        }
        let gone = forgotten.filter { known.removeValue(forKey: $0) != nil }
        if !gone.isEmpty { order.removeAll { known[$0] == nil } }
        if start >= order.count { start = 0 }
    }

    mutating func advance(now: Int64) {
        nextEpoch = nextEpoch == .max ? 1 : nextEpoch + 1
        lastUsed = now
    }

    /// All partitions, those after the last one that had data first.
    var targets: [FetchTarget] {
        (order[start...] + order[..<start]).compactMap { known[$0]?.target }
    }

    /// Returns true if the client must be told about a partition; remembers it as told.
    mutating func mustTell(_ key: FetchKey, _ data: FetchResponse.PartitionData) -> Bool {
        guard var entry = known[key] else { return true }
        let hasRecords = data.records?.readableBytes ?? 0 > 0
        let isError = data.errorCode != .none
        let isNews =
            !entry.isKnown || isError || hasRecords || entry.highWatermark != data.highWatermark
            || entry.logStartOffset != data.logStartOffset || data.divergingEpoch.epoch >= 0
            || data.preferredReadReplica >= 0
        entry.isKnown = !isError
        entry.highWatermark = data.highWatermark
        entry.logStartOffset = data.logStartOffset
        known[key] = entry
        return isNews
    }

    /// The next answer begins behind this partition.
    mutating func moveStart(behind key: FetchKey) {
        guard order.count > 1 else { return }
        // Found within a few steps in the common case: the first partitions of the present order have the data.
        for step in 0..<order.count where order[(start + step) % order.count] == key {
            start = (start + step + 1) % order.count
            return
        }
    }
}

/// The fetch sessions of one node.
struct FetchSessionCache {
    private let slots: Int
    private var sessions: [Int32: FetchSession] = [:]

    init(slots: Int = 1000) {
        self.slots = slots
    }

    var count: Int { sessions.count }

    /// A new session, or nil when there is no room: the client then fetches without one.
    mutating func create(usesTopicIDs: Bool, now: Int64) -> FetchSession? {
        guard slots > 0 else { return nil }
        if sessions.count >= slots {
            guard let oldest = sessions.values.min(by: { $0.lastUsed < $1.lastUsed }),
                now - oldest.lastUsed > Self.evictionAge
            else { return nil }
            sessions[oldest.id] = nil
        }
        var id = Int32.random(in: 1 ... .max)
        while sessions[id] != nil { id = .random(in: 1 ... .max) }
        let session = FetchSession(id: id, usesTopicIDs: usesTopicIDs, now: now)
        sessions[id] = session
        return session
    }

    /// A session unused for this long makes room for a new one (Kafka's MIN_INCREMENTAL_FETCH_SESSION_EVICTION_MS).
    private static let evictionAge: Int64 = 120_000

    subscript(id: Int32) -> FetchSession? {
        get { sessions[id] }
        set { sessions[id] = newValue }
    }
}

/// The relation of a request to the sessions of its node.
enum FetchMode {
    /// Everything is in the request, nothing is remembered.
    case sessionless
    /// The session with this id; an answer to its first request tells everything.
    case session(Int32, isFull: Bool)
}

extension FetchSessionCache {
    /// Finds, opens or closes the session that a request asks for.
    ///
    /// - Returns: the mode and the partitions to read, in order.
    mutating func admit(
        _ request: FetchRequest, usesTopicIDs: Bool, now: Int64
    ) throws(FetchSessionRefusal) -> (FetchMode, [FetchTarget]) {
        let targets = request.targets
        let isFinal = request.sessionEpoch == -1
        guard !isFinal, request.sessionEpoch != 0 else {
            if request.sessionID != 0 { sessions[request.sessionID] = nil }
            guard !isFinal, var session = create(usesTopicIDs: usesTopicIDs, now: now) else {
                return (.sessionless, targets)
            }
            session.update(targets, forgotten: [])
            sessions[session.id] = session
            return (.session(session.id, isFull: true), session.targets)
        }
        guard var session = sessions[request.sessionID] else { throw .init(code: .fetchSessionIDNotFound) }
        guard session.nextEpoch == request.sessionEpoch else { throw .init(code: .invalidFetchSessionEpoch) }
        guard session.usesTopicIDs == usesTopicIDs else { throw .init(code: .fetchSessionTopicIDError) }
        session.update(targets, forgotten: request.forgottenKeys)
        guard !session.isEmpty else {
            sessions[session.id] = nil
            return (.sessionless, [])
        }
        session.advance(now: now)
        sessions[session.id] = session
        return (.session(session.id, isFull: false), session.targets)
    }
}

/// A request that does not fit its session; the client opens a new one.
struct FetchSessionRefusal: Error {
    let code: ErrorCode
}

extension FetchRequest {
    fileprivate var targets: [FetchTarget] {
        topics.flatMap { topic in
            topic.partitions.map { partition in
                let key = FetchKey(topic: topic.topic, topicID: topic.topicID, partition: partition.partition)
                return FetchTarget(key: key, request: partition)
            }
        }
    }

    fileprivate var forgottenKeys: [FetchKey] {
        forgottenTopicsData.flatMap { topic in
            topic.partitions.map { FetchKey(topic: topic.topic, topicID: topic.topicID, partition: $0) }
        }
    }
}
