internal import KafkaClient
internal import Replication

/// Result of `adopt`.
public struct AdoptionReport: Hashable, Sendable, Codable {
    public var flow: String
    public var source: String
    public var target: String
    /// True when the flow has been given these positions: it begins there when it is started.
    public var isRecorded = false
    public var partitions: [PartitionAdoption] = []
    /// Records of both sides that were read.
    public var recordsRead: Int64 = 0
    public var seconds = 0.0

    package init(flow: String, source: String, target: String) {
        self.flow = flow
        self.source = source
        self.target = target
    }

    /// Partitions whose position is not certain.
    public var refused: [PartitionAdoption] { partitions.filter { $0.state == .refused } }
}

/// Result of `adopt` for one partition.
public struct PartitionAdoption: Hashable, Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable {
        /// The copies were found; the flow continues behind the last of them.
        case aligned
        /// The target has never held a record: the flow begins where it would without adoption.
        case nothingCopied
        /// The source holds no records: the flow begins with the next one that is written.
        case nothingLeft
        /// The end of the copies is not certain.
        case refused
    }

    public var topic: String
    public var targetTopic: String
    public var partition: Int32
    public var state = State.refused
    /// Source offset at which the flow begins; nil where it is not certain.
    public var position: Int64?
    /// Source offset from which on the place of each copy is known; nil where none is.
    public var knownFrom: Int64?
    /// Source records from ``knownFrom`` on whose copy was found.
    public var matched: Int64 = 0
    /// Records among them that differ from all others that were looked at.
    public var unique: Int64 = 0
    /// Records that the target holds once more.
    public var doubled: Int64 = 0
    /// Records before the position that the target does not have.
    public var missing: Int64 = 0
    /// Records that it did not have, and that were appended behind the copies.
    public var filled: Int64 = 0
    /// Records of ``missing`` that are to be appended; nil for none.
    public var toFill: Int64?
    /// The reason why missing records are not appended although that was asked for.
    public var unfillable: String?
    /// Records on the target that are like none of the source.
    public var others: Int64 = 0
    /// Records before the position of which it is not known which copy is theirs.
    public var undecided: Int64 = 0
    /// Source records behind the position, which the flow will copy.
    public var behind: Int64 = 0
    /// Parts of records by which copies were told: key, value, headers, timestamp.
    public var evidence: [String] = []
    public var sourceRecords: Int64 = 0
    public var targetRecords: Int64 = 0
    /// Both logs were read from their beginning.
    public var isWhole = false
    /// Source offsets of the first missing records.
    public var missingOffsets: [Int64] = []
    /// Target offsets of the first doubled records.
    public var doubledOffsets: [Int64] = []
    /// The reason why the position is not certain.
    public var reason: String?
    /// Advice that would help.
    public var advice: String?

    package init(topic: String, targetTopic: String, partition: Int32) {
        self.topic = topic
        self.targetTopic = targetTopic
        self.partition = partition
    }

    /// The source partition, as it is written.
    public var name: String { "\(topic)-\(partition)" }

    func refused(_ why: ReasonAgainst) -> PartitionAdoption {
        var refused = self
        refused.state = .refused
        refused.reason = why.reason
        refused.advice = why.advice
        return refused
    }
}

/// Reason why a partition cannot be adopted, and what would help.
struct ReasonAgainst: Hashable, Sendable {
    var reason: String
    var advice: String

    private static let oneMore =
        "write a record that is like no other to the partition, wait until the other replicator has copied it, and run "
        + "adopt again; or begin with new names (naming)"

    init(reason: String, advice: String) {
        self.reason = reason
        self.advice = advice
    }

    /// Nil for a target without an open transaction.
    static func open(_ pair: EndOffsetSnapshot.Pair, _ names: (source: String, target: String)) -> ReasonAgainst? {
        guard pair.beyondStable.target > 0 else { return nil }
        return ReasonAgainst(
            reason: "\(pair.target) on \(names.target) has an open transaction from offset "
                + "\(pair.targetRange.upperBound) on: its records may become copies",
            advice: "wait until it has ended, or end it (kafka-transactions), and run adopt again")
    }

    /// Copies may have been there, and are gone.
    static func unfillable(
        _ pair: EndOffsetSnapshot.Pair, _ names: (source: String, target: String), _ found: PartitionAdoption
    ) -> ReasonAgainst {
        let reason =
            pair.targetRange.lowerBound > 0
            ? "\(pair.target) on \(names.target) begins at offset \(pair.targetRange.lowerBound), so they may have been "
                + "there, and have been removed"
            : "\(pair.target) on \(names.target) is too long to be read whole, so they may lie before what was read"
        return ReasonAgainst(
            reason:
                "\(found.missing) records of \(pair.source) on \(names.source) are not among the copies, and \(reason)",
            advice: "adopt without --fill, which leaves them out and lists them")
    }

    /// Copies of later records may lie before what was read.
    static func hidden(
        _ pair: EndOffsetSnapshot.Pair, _ names: (source: String, target: String), _ position: Int64, at offset: Int64
    ) -> ReasonAgainst {
        ReasonAgainst(
            reason:
                "the copies that were read end at offset \(position) of \(pair.source) on \(names.source), and the record "
                + "at offset \(offset) of \(pair.target) on \(names.target), before them, is as new as what comes then: "
                + "an earlier run may have copied more",
            advice:
                "wait until the other replicator has come to the source's end, and run adopt again; or begin with new "
                + "names (naming)")
    }

    /// Every copy has expired.
    static func expired(_ pair: EndOffsetSnapshot.Pair, _ names: (source: String, target: String)) -> ReasonAgainst {
        ReasonAgainst(
            reason: "\(pair.target) on \(names.target) had records up to offset \(pair.targetRange.upperBound), and "
                + "retention has removed all of them: nothing tells how far they came",
            advice: oneMore)
    }

    init(
        _ doubt: CopyAlignment.Doubt, _ pair: EndOffsetSnapshot.Pair, _ names: (source: String, target: String),
        _ found: PartitionAdoption
    ) {
        let (ours, theirs) = ("\(pair.source) on \(names.source)", "\(pair.target) on \(names.target)")
        let some = found.isWhole ? "" : "last "
        advice = Self.oneMore
        switch doubt {
        case .nothingAlike:
            reason =
                "none of the \(some)\(found.targetRecords) records of \(theirs) is like one of the \(some)"
                + "\(found.sourceRecords) of \(ours)"
            advice =
                "see that the flow's topics and naming are those of the copy; copies whose keys or values were changed on "
                + "their way cannot be adopted: leave the topic out (topics.deny), or begin with new names (naming)"
        case .nothingUnique:
            reason =
                "the records of \(ours) that \(theirs) has are all like others there: nothing tells which is the copy of "
                + "which"
        case .tooFew(let unique, let position):
            reason =
                "only \(unique) records in a row, up to offset \(position - 1) of \(ours), are like no other: too few "
                + "to be sure that no earlier ones were the same, since the source has lost records"
        case .ambiguousEnd(let offset, let position):
            reason =
                "the record at offset \(offset) of \(theirs) is like several of \(ours), so that the copy may end "
                + "at offset \(position) there, or elsewhere"
        case .alteredEnd(let offset, let position):
            reason =
                "the record at offset \(offset) of \(theirs) has key and value of one behind offset \(position) of "
                + "\(ours), and another timestamp or other headers: it may be its copy"
            advice =
                "`replicator verify` shows what differs; leave the topic out (topics.deny), or begin with new names "
                + "(naming)"
        }
    }
}
