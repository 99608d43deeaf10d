/// Reason why a partition has stopped. Raw values are metric labels.
package enum FailureReason: String, Hashable, Sendable, CaseIterable {
    /// Records that were to be read next are gone from the source.
    case outOfRange
    /// The source's log was truncated below what had been read.
    case truncated
    /// The accounts of a partition do not add up: the program is wrong.
    case imbalance
    /// Records carry the loop header of another replicator.
    case foreignLoop
    /// The source topic is another one under the same name.
    case recreated
    /// The source's answer cannot be decoded.
    case unreadable
    /// With `offsets: preserve`: the target's offsets are not the source's any more, or would not be.
    case offsetsDiffer
    case refusedBySource
    case refusedByTarget
    case notAuthorized
    /// Another instance writes for the same flow.
    case fenced
    /// The flow was stopped before the target had taken everything.
    case abandoned
}

/// A failure that stops a partition, with an explanation for people.
package struct PartitionFailure: Hashable, Sendable {
    package var reason: FailureReason
    package var explanation: String

    package init(_ reason: FailureReason, _ explanation: String) {
        self.reason = reason
        self.explanation = explanation
    }
}

/// Source offsets that are not copied although they hold records, by policy.
package struct Quarantined: Hashable, Sendable {
    package var offsets: Range<Int64>
    package var reason: String

    package init(offsets: Range<Int64>, reason: String) {
        self.offsets = offsets
        self.reason = reason
    }
}
