public import KafkaClient

/// Positions of a consumer group on both clusters, for `replicator offsets` and `replicator plan`.
public struct OffsetReport: Sendable, Codable, Equatable {
    public var flow: String
    public var group: String
    public var targetGroup: String
    public var kind: GroupKind
    /// True if the group has no members on the target: only then are its positions there touched. Nil when the
    /// target does not tell (before Kafka 2.6) and refuses commits instead.
    public var isIdleOnTarget: Bool?
    /// The group could not be asked about, or its positions not be committed.
    public var failure: String?
    public var partitions: [Partition]

    public struct Partition: Sendable, Codable, Equatable {
        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// The next offset that the group reads at the source.
        public var sourceOffset: Int64
        /// The same place on the target; nil when it is not known.
        public var translatedOffset: Int64?
        /// Committed offset on the target; nil for none.
        public var targetOffset: Int64?
        /// Source offsets from the group's position to the end; nil when the end is not known.
        public var sourceLag: Int64?
        /// Target offsets from the translated position to the end; nil when either is not known.
        public var targetLag: Int64?
        /// Source offsets before the group's position that have not passed yet.
        public var aheadBy: Int64
        /// True if the next record is the same on both sides in key, value and timestamp; nil when there is none to
        /// compare.
        public var isSameRecord: Bool?
        public var state: FlowStatus.GroupPartition.State
        /// Reason for a refusal, or the difference of the records.
        public var reason: String?
    }

    /// True if every position has an exact counterpart, no record differs from its copy, and no position on the target is
    /// one to which reading cannot have led.
    public var isExact: Bool {
        failure == nil
            && partitions.allSatisfy {
                ![.refused, .beyondEnd, .beyondCopies].contains($0.state) && $0.isSameRecord != false && $0.aheadBy == 0
            }
    }
}

extension OffsetReport {
    /// Findings without a comparison of records.
    package init(
        _ finding: GroupFinding, flow: String, sourceEnds: [TopicPartition: Int64], targetEnds: [TopicPartition: Int64]
    ) {
        self.flow = flow
        group = finding.group
        targetGroup = finding.targetGroup
        kind = finding.kind
        isIdleOnTarget = finding.hasMembersOnTarget.map { !$0 }
        failure = finding.failure ?? finding.notCovered
        partitions = finding.partitions.map { partition in
            Partition(
                FlowStatus.GroupPartition(partition), sourceEnd: sourceEnds[partition.source],
                targetEnd: targetEnds[partition.target])
        }
    }
}

extension OffsetReport.Partition {
    fileprivate init(_ status: FlowStatus.GroupPartition, sourceEnd: Int64?, targetEnd: Int64?) {
        self.init(
            topic: status.topic, partition: status.partition, targetTopic: status.targetTopic,
            sourceOffset: status.sourceOffset, translatedOffset: status.translatedOffset,
            targetOffset: status.targetOffset, sourceLag: sourceEnd.map { max(0, $0 - status.sourceOffset) },
            targetLag: targetEnd.flatMap { end in status.translatedOffset.map { max(0, end - $0) } },
            aheadBy: status.aheadBy, isSameRecord: nil, state: status.state, reason: status.reason)
    }
}
