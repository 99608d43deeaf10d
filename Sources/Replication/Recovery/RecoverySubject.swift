package import KafkaClient
internal import KafkaWire

/// State of a partition when its recovery begins.
package struct RecoverySubject: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    let cause: RecoveryCause
    let delivery: DeliveryGuarantee
    /// Start of the tail; -1 when nothing was ever accounted for.
    let from: Int64
    /// Highest epoch known of each of our producer ids.
    let knownEpochs: [Int64: Int16]
    /// Sequence of each id that would follow at ``from``.
    let following: [ProducerStamp]
    /// Leader epoch of the target's log when it was last read.
    let leaderEpoch: Int32
    let metadataEpoch: Int32
    /// The target's log is known to be truncated there.
    let truncation: Int64?
    /// Epochs are renewed also where older ones cannot be fenced.
    let renewsEpoch: Bool
    /// The source's log is not the one that was copied.
    let isSourceReplaced: Bool
    /// The last copies are to be read, for a comparison with the source.
    var comparesCopies = false
    /// The source is known to hold another record there than the one that was copied: it is searched for the first.
    var divergence: Int64?
    let sourceTopicID: KafkaUUID
    let completedOffset: Int64
    let cursor: SourceCursor
    let rewriter: RecordRewriter
    let map: OffsetMap
    /// The end of the target's log tells where to continue.
    var keepsOffsets = false
}

extension RecoverySubject {
    /// A partition whose flow is gone, by its checkpoint.
    ///
    /// - Parameters:
    ///   - from: the target offset of the checkpoint.
    ///   - leaderEpoch: of the target's log at the checkpoint; -1 when unknown.
    package init(
        source: TopicPartition, target: TopicPartition, from: Int64, following: [ProducerStamp],
        leaderEpoch: Int32, cursor: SourceCursor, rewriter: RecordRewriter
    ) {
        self.init(
            source: source, target: target, cause: .takeover, delivery: .exactlyOnce, from: from, knownEpochs: [:],
            following: following, leaderEpoch: leaderEpoch, metadataEpoch: -1, truncation: nil, renewsEpoch: false,
            isSourceReplaced: false, sourceTopicID: .zero, completedOffset: cursor.position, cursor: cursor,
            rewriter: rewriter, map: OffsetMap(start: cursor.position))
    }
}
