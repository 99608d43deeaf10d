/// Reason why source offsets have no record on the target. Raw values are metric labels.
public enum SkipReason: String, Hashable, Sendable, CaseIterable {
    /// A transaction marker.
    case control
    /// Written by a transaction that was aborted.
    case aborted
    /// Removed by log compaction before it was read.
    case compacted
    /// Came from the target, directly or round a ring.
    case loop
    /// Deleted by retention before it was read.
    case expired
    /// Cut off by the source itself.
    case truncated
    /// Refused by the target, set aside by policy.
    case quarantined
    /// Not wanted.
    case filtered
}

/// Reason why a batch could not be copied as it was. Raw values are metric labels.
public enum RewriteReason: String, Hashable, Sendable, CaseIterable {
    /// Written before Kafka 0.11 in message format 0 or 1.
    case messageFormat
    /// The append time of a LogAppendTime topic becomes the records' own timestamp.
    case logAppendTime
    /// The batch begins before the offset that replication is at.
    case startsBeforePosition
    /// Compaction has left holes; brokers accept only dense batches (`LogValidator`).
    case holes
    /// Each record gets a header that says where it came from.
    case loopHeader
    /// Another codec is configured.
    case codec
    /// Small batches were put together while they waited.
    case merge
}
