internal import FoundationEssentials
package import KafkaClient
internal import KafkaWire
package import NIOCore
package import Replication

/// Memory of a failover, under the key `failover` in the progress topic of its flow, on the target: so that
/// one that was killed can be continued, and that what it did to the source can be undone.
package struct FailoverRecord: Hashable, Sendable, Codable {
    package var version = 1
    package var kind: FailoverKind
    /// The process that began it, or continued it last.
    package var owner: String
    /// Milliseconds since 1970, as the other times.
    package var started: Int64
    /// The last step that was completed; nil before the first.
    package var completed: FailoverStep?
    /// Time at which the target had taken over.
    package var finished: Int64?
    /// Time at which it was undone, or everybody had come back: the next failover is a new one.
    package var closed: Int64?
    /// Time at which the flow was told to write nothing more, where its copies keep their offsets; nil before that.
    package var handedOver: Int64?
    /// Topics of the source that were deleted so that the opposite flow fills them; nil for none.
    package var refilled: [String]?
    /// Rights to write that were, or were about to be, taken from producers at the source.
    package var fence: [FenceRule] = []
    /// Position of each partition when the source was lost, or its end when it was left in order.
    package var snapshot: [PartitionSnapshot] = []

    /// Stored keys; the last one has the name of older versions.
    private enum CodingKeys: String, CodingKey {
        case version, kind, owner, started, completed, finished, closed, fence, handedOver, refilled
        case snapshot = "cut"
    }

    /// True if it was recorded how far each partition had come, be it that there was none.
    package var hasSnapshot: Bool {
        !snapshot.isEmpty || kind == .unplanned && completed != nil && completed != .preflight
    }

    package init(kind: FailoverKind, owner: String, started: Int64) {
        self.kind = kind
        self.owner = owner
        self.started = started
    }

    package static let key = ByteBuffer(string: "failover")

    package func value() throws -> ByteBuffer {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return ByteBuffer(bytes: try encoder.encode(self))
    }

    /// - Throws: when the value was not written by a failover.
    package init(decoding value: ByteBuffer) throws {
        self = try JSONDecoder().decode(FailoverRecord.self, from: Data(value.readableBytesView))
        for time in [started, finished, closed, handedOver] {
            try StateCheck.offset(time ?? 0, "a time", allowsNone: true)
        }
        for partition in snapshot { try partition.check() }
    }
}

extension FailoverRecord {
    /// Beginning of a run, given the memory of the one before.
    package enum Opening: Hashable, Sendable {
        case begins(FailoverRecord)
        /// A run before has not come to its end.
        case goesOn(FailoverRecord)
        /// The target has taken over already.
        case isFinished(FailoverRecord)
    }

    /// - Parameter now: milliseconds since 1970.
    /// - Throws: ``FailoverError/otherKind(flow:recorded:wanted:isFinished:)`` when the memory of an earlier failover forbids
    ///   it.
    package static func open(
        _ recorded: FailoverRecord?, flow: String, kind: FailoverKind, owner: String, now: Int64
    ) throws(FailoverError) -> Opening {
        guard var record = recorded, record.closed == nil else {
            return .begins(FailoverRecord(kind: kind, owner: owner, started: now))
        }
        let isFinished = record.finished != nil
        guard record.kind != kind else {
            guard !isFinished else { return .isFinished(record) }
            record.owner = owner
            return .goesOn(record)
        }
        // The source was lost on the way: what was planned is brought to an end without it.
        guard record.kind == .planned, !isFinished else {
            throw .otherKind(flow: flow, recorded: record.kind, wanted: kind, isFinished: isFinished)
        }
        record.kind = .unplanned
        record.owner = owner
        return .goesOn(record)
    }
}

/// A producer that may not write to a topic of the source any more: `DENY WRITE`.
package struct FenceRule: Hashable, Sendable, Codable {
    package var topic: String
    package var principal: String

    package init(topic: String, principal: String) {
        self.topic = topic
        self.principal = principal
    }

    package var rule: AccessRule { AccessRule(.deny, .write, on: .topic, topic, to: principal) }

    /// The rules that are still wanting, for these topics and principals.
    ///
    /// - Parameters:
    ///   - known: those that are remembered as ours.
    ///   - existing: the cluster's rules. A rule that others made is not ours to take away later.
    package static func missing(
        topics: [String], principals: [String], known: [FenceRule], existing: [AccessRule]
    ) -> [FenceRule] {
        let there = Set(existing)
        let ours = Set(known)
        return topics.sorted().flatMap { topic in
            principals.map { FenceRule(topic: topic, principal: $0) }
        }.filter { !ours.contains($0) && !there.contains($0.rule) }
    }
}

/// Progress of a partition when its source was lost, or left: the records behind it are not on the target.
public struct PartitionSnapshot: Hashable, Sendable, Codable {
    public var topic: String
    public var partition: Int32
    public var targetTopic: String
    /// Everything below this source offset was on the target, or was skipped for a counted reason.
    public var sourceOffset: Int64
    /// Target offset of that checkpoint; -1 before the first record.
    public var targetOffset: Int64
    /// The leader epoch that the target's log was in at that checkpoint; nil when that is not known.
    public var targetLeaderEpoch: Int32?
    /// The next sequence of each of the flow's producer ids at that checkpoint; nil in records of versions without:
    /// then a batch that the target refused in front of the first one that it took is not noticed.
    package var following: [ProducerStamp]?
    /// The leader epoch that the source was last read in at that checkpoint; nil in records of versions without.
    package var sourceLeaderEpoch: Int32?
    /// Id of the source topic, as 32 hexadecimal digits; nil in records of versions without.
    package var sourceTopicID: String?
    /// Id of the target topic, likewise.
    package var targetTopicID: String?
    /// End of the target's log.
    public var targetEnd: Int64
    /// Records of the flow between the two: they are there too, beyond the last checkpoint.
    public var beyondCheckpoint: Int64
    /// The source offset of the last of them, where its loop header tells; nil otherwise.
    public var lastOrigin: Int64?

    /// Every source offset below it is on the target for certain.
    public var copiedBelow: Int64 { max(sourceOffset, lastOrigin.map { $0 + 1 } ?? sourceOffset) }

    /// Nothing is beyond the checkpoint.
    init(_ partition: ForwardPartition, sourceOffset: Int64, targetEnd: Int64) {
        topic = partition.source.topic
        self.partition = partition.source.partition
        targetTopic = partition.target.topic
        self.sourceOffset = sourceOffset
        targetOffset = targetEnd
        self.targetEnd = targetEnd
        beyondCheckpoint = 0
    }

    /// - Throws: ``ImpossibleState`` when it cannot be what was stored.
    func check() throws(ImpossibleState) {
        guard partition >= 0 else { throw ImpossibleState("a partition is \(partition)") }
        for offset in [sourceOffset, targetEnd, beyondCheckpoint] { try StateCheck.offset(offset, "an offset") }
        for offset in [targetOffset, lastOrigin ?? -1] { try StateCheck.offset(offset, "an offset", allowsNone: true) }
        for epoch in [targetLeaderEpoch, sourceLeaderEpoch] { try StateCheck.epoch(epoch ?? -1, "a leader epoch") }
    }

    var source: TopicPartition { TopicPartition(topic, partition) }
    var target: TopicPartition { TopicPartition(targetTopic, partition) }
}
