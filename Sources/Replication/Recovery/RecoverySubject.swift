package import KafkaClient
internal import KafkaWire

/// State of a partition when its recovery begins.
package struct RecoverySubject: Sendable {
    package let source: TopicPartition
    package let target: TopicPartition
    let cause: RecoveryCause
    let delivery: DeliveryGuarantee
    /// Where the tail begins; -1 when nothing was ever accounted for.
    let from: Int64
    /// Highest epoch known of each of our producer ids.
    let knownEpochs: [Int64: Int16]
    /// Sequence of each id that would follow at ``from``.
    let following: [TargetTail.ProducerStamp]
    /// Leader epoch of the target's log when it was last read.
    let leaderEpoch: Int32
    let metadataEpoch: Int32
    /// The target's log is known to be truncated there.
    let truncation: Int64?
    /// Epochs are renewed also where older ones cannot be fenced.
    let renewsEpoch: Bool
    /// The source's log is not the one that was copied.
    let isSourceReplaced: Bool
    let sourceTopicID: KafkaUUID
    let completedOffset: Int64
    let cursor: SourceCursor
    let rewriter: RecordRewriter
    let map: OffsetMap
}
