public import Replication

/// Result of `verify` for one partition.
public struct PartitionVerification: Hashable, Sendable, Codable {
    public var topic: String
    public var targetTopic: String
    public var partition: Int32
    /// Records that are the same on both sides; keys, where compared by key.
    public var equal: Int64 = 0
    public var differences = DifferenceTally()
    /// Bytes read of both sides together.
    public var bytes: Int64 = 0
    /// Records that are the same because their whole batches are, without having been decompressed.
    public var equalInWholeBatches: Int64 = 0
    public var sourceStart: Int64 = 0
    /// Source offset at which the comparison ends: fixed when it began.
    public var sourceEnd: Int64 = 0
    public var targetStart: Int64 = 0
    /// Target offset at which the comparison ended.
    public var targetEnd: Int64 = 0
    /// Records at the source's beginning that the flow was not to copy, or that the target has expired.
    public var beforeTarget: Int64 = 0
    /// Records at the target's beginning that the source has expired.
    public var beforeSource: Int64 = 0
    /// Source offsets from the beginning of an open transaction on, which were not compared.
    public var beyondStable: Int64 = 0
    /// Target offsets from the beginning of an open transaction on, which were not compared.
    public var beyondStableOnTarget: Int64 = 0
    /// Source records that came from the target and rightly stayed behind.
    public var loops: Int64 = 0
    /// Target records that did not come from the source, where others may write; in the end without those that have come
    /// to the source, which are among ``loops``.
    public var foreign: Int64 = 0
    /// Compared by the latest value of each key, since compaction removes records on either side.
    public var isByKey = false
    /// The part of the partition that was compared; nil where everything was.
    public var sample: Sample?
    /// Error that kept the partition from being compared to its end.
    public var failure: String?

    /// The part of a partition that a sampled verification looked at.
    public struct Sample: Hashable, Sendable, Codable {
        /// Stretches of source offsets; 0 where keys were chosen.
        public var ranges = 0
        /// Source offsets looked at; keys, where compared by key.
        public var offsets: Int64 = 0
        /// Source offsets that could have been looked at; 0 where compared by key, since it is not known.
        public var of: Int64 = 0
        /// Stretches that were not found on the target.
        public var unplaced = 0
        /// Stretches whose copies are not where the flow recorded them.
        public var displaced = 0

        public init() {}

        mutating func add(_ range: Range<Int64>) {
            ranges += 1
            offsets += Int64(range.count)
        }
    }

    /// True if what was compared is the same, and nothing kept it from being compared.
    public var isEqual: Bool { differences.total == 0 && failure == nil }

    /// Source offsets that there were to compare.
    var offsets: Int64 { sourceEnd - sourceStart + beyondStable }

    /// Source offsets of which it is known whether the target has their records.
    var comparedOffsets: Int64 {
        guard failure == nil else { return 0 }
        if let sample, !isByKey { return sample.offsets }
        return max(0, sourceEnd - sourceStart - beforeTarget)
    }

    /// Each record that lies on both sides since it came from the target is on either once, and counted once.
    mutating func countReturnedOnce() { foreign = max(0, foreign - loops) }

    package init(topic: String, targetTopic: String, partition: Int32) {
        self.topic = topic
        self.targetTopic = targetTopic
        self.partition = partition
    }
}

/// Result of `verify` for one flow.
public struct VerificationReport: Hashable, Sendable, Codable {
    public var flow: String
    public var source: String
    public var target: String
    /// Ids of the clusters that were compared, whatever they are called; nil where one does not tell.
    public var sourceClusterID: String?
    public var targetClusterID: String?
    /// `full`, `sampled` or `rolling`.
    public var mode: String
    /// Value of `--seed` that makes the same choice again; nil unless sampled.
    public var seed: UInt64?
    /// Share that was asked for, at most 1; nil unless sampled.
    public var share: Double?
    public var partitions: [PartitionVerification]
    /// Topics of which nothing was compared, and why: those that cannot be seen, and those that rules exclude.
    public var notCompared: [Account] = []
    public var coverage = Coverage()
    /// Topics that the flow is asked to copy and never does, so that they were not compared; nil for none.
    public var excluded: [FlowStatus.ExcludedTopic]?

    /// Part of what is selected that was compared.
    public struct Coverage: Hashable, Sendable, Codable {
        public var partitions = 0
        /// Partitions that nothing kept from being compared.
        public var comparedPartitions = 0
        /// Source offsets of all of them, up to the log's end.
        public var offsets: Int64 = 0
        /// Source offsets of which it is known whether the target has their records.
        public var comparedOffsets: Int64 = 0

        public init() {}
    }

    /// True if everything compared is the same, and nothing that is selected was kept from being compared. What was not
    /// to be compared, ``coverage`` tells.
    public var isEqual: Bool {
        partitions.allSatisfy(\.isEqual) && !notCompared.contains(where: \.isLeft) && !isEmpty
    }

    /// True if there was no partition to compare; a rolling verification may wait for the first.
    public var isEmpty: Bool { mode != "rolling" && partitions.isEmpty }

    /// Completes the report from its partitions.
    mutating func sumUp() {
        for index in partitions.indices { partitions[index].countReturnedOnce() }
        partitions.sort { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
        coverage.partitions = partitions.count
        coverage.comparedPartitions = partitions.count { $0.failure == nil }
        coverage.offsets = partitions.reduce(0) { $0 + $1.offsets }
        coverage.comparedOffsets = partitions.reduce(0) { $0 + $1.comparedOffsets }
    }

    public var equal: Int64 { partitions.reduce(0) { $0 + $1.equal } }
    public var bytes: Int64 { partitions.reduce(0) { $0 + $1.bytes } }

    public var differences: DifferenceTally.Counts {
        var sum = DifferenceTally.Counts()
        for partition in partitions { sum.add(partition.differences) }
        return sum
    }
}

/// Progress of a verification.
public struct VerificationProgress: Hashable, Sendable {
    /// Source offsets passed, of all that are to be compared.
    public var compared: Int64
    public var total: Int64
    public var bytes: Int64
    public var differences: Int64
}

extension PartitionVerification {
    /// The same for ranges of both sides: of the source all that was to be compared, of the target what was reached.
    func reaching(_ source: PartitionScan, _ target: PartitionScan) -> PartitionVerification {
        var found = self
        found.sourceStart = source.start
        found.sourceEnd = source.end
        found.targetStart = target.start
        found.targetEnd = target.reached
        return found
    }
}
