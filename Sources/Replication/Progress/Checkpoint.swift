internal import FoundationEssentials
internal import KafkaWire
internal import PlainText

/// Progress of one partition.
package struct Checkpoint: Hashable, Sendable, Codable {
    /// Every source offset below it is on the target, or was skipped for a counted reason.
    package var sourceOffset: Int64
    /// Everything of ours below this target offset is accounted for; -1 when nothing is known.
    package var targetOffset: Int64
    /// Leader epoch of the last source batch read; -1 when unknown.
    package var sourceLeaderEpoch: Int32
    /// Id of the source topic, as 32 hexadecimal digits; zero for brokers without topic ids.
    package var sourceTopicID: String
    /// Id of the topic of the same name that was copied before that one; nil for none, or when written by a version
    /// without.
    package var formerSourceTopicID: String?
    /// The part of the offset map that is not in a block of segments; nil when written by a version without maps.
    package var map: OffsetMap.Edge?
    /// Epochs in use by producer id, for clusters that do not tell; nil when written by a version without.
    package var producers: [String: Int16]?
    /// The next sequence of each producer id behind `targetOffset`, by id; nil when written by a version without.
    package var following: [ProducerStamp]?
    /// Id of the target topic; nil when written by a version without.
    package var targetTopicID: String?
    /// Id of the topic of the same name that was the target before that one; nil for none, or when written by a version
    /// without.
    package var formerTargetTopicID: String?
    /// Leader epoch of the target's log when it was last read: everything below `targetOffset` is of that one or an
    /// earlier one, unless the leader has changed unnoticed since. -1 when unknown; nil when written by a version
    /// without.
    package var targetLeaderEpoch: Int32?
    /// Nil when written by a version that did not account.
    package var accounting: Accounting?
    /// The preparation that has recorded it before the flow was started: it counts once the flow's identity names that.
    /// Nil for one that counts as it is.
    package var prepared: String?
    /// Source offset below which records are copied also where they have been on the target: its log ended in front of them
    /// when the partition began, or has lost them since, and copies keep their offsets. Nil for none.
    package var refillsBelow: Int64?

    package init(
        sourceOffset: Int64, targetOffset: Int64, sourceLeaderEpoch: Int32, sourceTopicID: String,
        formerSourceTopicID: String? = nil, map: OffsetMap.Edge? = nil, producers: [String: Int16]? = nil,
        following: [ProducerStamp]? = nil,
        targetTopicID: String? = nil, targetLeaderEpoch: Int32? = nil, accounting: Accounting? = nil
    ) {
        self.sourceOffset = sourceOffset
        self.targetOffset = targetOffset
        self.sourceLeaderEpoch = sourceLeaderEpoch
        self.sourceTopicID = sourceTopicID
        self.formerSourceTopicID = formerSourceTopicID
        self.map = map
        self.producers = producers
        self.following = following
        self.targetTopicID = targetTopicID
        self.targetLeaderEpoch = targetLeaderEpoch
        self.accounting = accounting
    }
}

extension Checkpoint {
    /// Producer ids of a flow are few.
    private static let mostProducers = 10_000

    /// - Throws: when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        try StateCheck.offset(sourceOffset, "its source offset")
        try StateCheck.offset(targetOffset, "its target offset", allowsNone: true)
        try StateCheck.epoch(sourceLeaderEpoch, "its source leader epoch")
        try StateCheck.epoch(targetLeaderEpoch ?? -1, "its target leader epoch")
        try map?.check()
        try accounting?.check()
        try StateCheck.mark(prepared)
        try StateCheck.offset(refillsBelow ?? 0, "the end of what it fills again")
        guard (producers ?? [:]).count <= Self.mostProducers, (following ?? []).count <= Self.mostProducers else {
            throw ImpossibleState("it names more producers than a flow has")
        }
        for (id, epoch) in producers ?? [:] {
            guard let number = Int64(id), number >= 0, epoch >= 0 else {
                throw ImpossibleState("its producer \(id) has epoch \(epoch)")
            }
        }
        for stamp in following ?? [] {
            guard stamp.id >= 0, stamp.epoch >= 0, stamp.sequence >= 0 else {
                throw ImpossibleState(
                    "its producer \(stamp.id) has epoch \(stamp.epoch) and sequence \(stamp.sequence)")
            }
        }
    }
}

extension OffsetMap.Edge {
    private static let mostLost = 1_000

    /// - Throws: when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        try StateCheck.offset(start, "the start of its map")
        if let open {
            guard open.count == 3, open[2] > 0 else {
                throw ImpossibleState("the newest stretch of its map is \(open)")
            }
            for number in open { try StateCheck.offset(number, "a number of its map") }
            try StateCheck.offset(open[0] + open[2], "the source end of its map")
            try StateCheck.offset(open[1] + open[2], "the target end of its map")
        }
        guard (lost ?? []).count <= Self.mostLost else { throw ImpossibleState("its map has too many lost ranges") }
        for range in lost ?? [] {
            guard range.count == 2, range[0] < range[1] else {
                throw ImpossibleState("a lost range of its map is \(range)")
            }
            for number in range { try StateCheck.offset(number, "a lost range of its map") }
        }
    }
}

/// Identity of a flow, fixed once and for all: recorded at its first start, compared at each later one.
package struct FlowIdentity: Hashable, Sendable, Codable {
    package var version = 1
    package var sourceClusterID: String
    package var targetClusterID: String
    package var naming: String
    package var startFrom: String
    /// Nil where they are translated.
    package var offsets: String?
    /// Preparations whose checkpoints count; nil for none. It tells nothing of who the flow is.
    package var completed: [String]?

    package init(
        sourceClusterID: String, targetClusterID: String, naming: String, startFrom: String,
        offsets: OffsetChoice = .translate
    ) {
        self.offsets = offsets == .translate ? nil : offsets.rawValue
        self.sourceClusterID = sourceClusterID
        self.targetClusterID = targetClusterID
        self.naming = naming
        self.startFrom = startFrom
    }

    private static let mostCompleted = 10_000

    /// - Throws: when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        try StateCheck.version(version, is: 1)
        guard (completed ?? []).count <= Self.mostCompleted else {
            throw ImpossibleState("it names more preparations than a flow has")
        }
        for mark in completed ?? [] { try StateCheck.mark(mark) }
    }

    /// The first thing that differs, with both values.
    package func difference(from other: FlowIdentity) -> (what: String, recorded: String, configured: String)? {
        if sourceClusterID != other.sourceClusterID {
            return ("source cluster id", sourceClusterID, other.sourceClusterID)
        }
        if targetClusterID != other.targetClusterID {
            return ("target cluster id", targetClusterID, other.targetClusterID)
        }
        if naming != other.naming { return ("naming", naming, other.naming) }
        if startFrom != other.startFrom { return ("startFrom", startFrom, other.startFrom) }
        if offsets != other.offsets {
            let usual = OffsetChoice.translate.rawValue
            return ("offsets", offsets ?? usual, other.offsets ?? usual)
        }
        return nil
    }
}

extension TopicNaming {
    /// The form that is recorded and compared.
    package var recorded: String {
        switch self {
        case .prefix(let alias, let separator): "prefix \(alias)\(separator)"
        case .identical: "identical"
        }
    }

    /// The name on the target of a flow that recorded its naming so; nil for a form that this version does not know.
    static func targetName(of topic: String, recorded: String) -> String? {
        prefix(recorded: recorded).map { $0 + topic }
    }

    /// The recorded form of a naming that puts this text in front of names.
    package static func recorded(prefix: String) -> String {
        prefix.isEmpty ? TopicNaming.identical.recorded : "prefix \(prefix)"
    }

    /// The text that a flow puts in front of names, by the naming that it recorded: empty for identical names; nil
    /// for a form that this version does not know.
    package static func prefix(recorded: String) -> String? {
        if recorded == TopicNaming.identical.recorded { return "" }
        let prefix = "prefix "
        return recorded.hasPrefix(prefix) ? String(recorded.dropFirst(prefix.count)) : nil
    }
}

extension StartPosition {
    package var recorded: String {
        switch self {
        case .earliest: "earliest"
        case .latest: "latest"
        case .timestamp(let milliseconds): "\(milliseconds) ms"
        }
    }
}

extension KafkaUUID {
    /// - Parameter hexadecimal: 32 digits.
    package init?(hexadecimal: String) {
        guard hexadecimal.utf8.count == 32, let high = UInt64(hexadecimal.prefix(16), radix: 16),
            let low = UInt64(hexadecimal.suffix(16), radix: 16)
        else { return nil }
        self.init(high: high, low: low)
    }

    /// 32 hexadecimal digits, as it is recorded.
    package var hexadecimal: String {
        [high, low].map { half in
            let digits = String(half, radix: 16)
            return String(repeating: "0", count: 16 - digits.count) + digits
        }.joined()
    }
}
