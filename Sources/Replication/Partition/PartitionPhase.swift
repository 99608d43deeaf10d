/// State of a partition towards its target's log.
///
/// ```
///                                            ┌───────── the log was truncated ─────────┐
///   recovering ──── recovered ───▶ streaming ── outcome lost, leader changed ──▶ unknownOutcome
///     ▲  ▲                            │  ▲                                         │   │
///     │  └── source log replaced ─────┘  └─────────────── recovered ───────────────┘   │
///     └──────────── checkpointed ── awaitingCheckpoint ◀── records are missing ────────┘
///
///   any ── cannot be put right ──▶ failed
/// ```
package enum PartitionPhase: Hashable, Sendable {
    /// The target may hold what no checkpoint accounts for: its log is read first. Nothing is read or sent.
    case recovering(Recovering)
    /// Everything of ours below the known end of the target's log is accounted for: batches are sent.
    case streaming(renewsEpoch: Bool = false)
    /// Batches without an answer may be in the target's log or not, or the log may have been truncated: nothing is sent
    /// before that is known.
    case unknownOutcome(UnknownOutcome)
    /// The target's log has lost records, or holds some out of order, and no checkpoint says so yet. Until one does
    /// nothing is written there, not even a fence: once the log has grown again beyond the old checkpoint, nobody could
    /// tell after a crash.
    case awaitingCheckpoint(Recovering)
    /// Left alone until an operator or a restart.
    case failed(PartitionFailure, isIdle: Bool)

    package struct Recovering: Hashable, Sendable {
        /// The source's log is not the one that was copied: its topic was recreated, or its end truncated.
        package var isSourceReplaced = false
        package var truncation: TargetTruncation?
        /// The source holds another record there than the one that was copied, and before it perhaps, too.
        package var divergence: Int64?

        package init(
            isSourceReplaced: Bool = false, truncation: TargetTruncation? = nil, divergence: Int64? = nil
        ) {
            self.isSourceReplaced = isSourceReplaced
            self.truncation = truncation
            self.divergence = divergence
        }
    }

    package struct UnknownOutcome: Hashable, Sendable {
        /// The next attempt belongs to a new epoch.
        package var renewsEpoch = false
        /// A batch was appended below the known end of the log.
        package var truncation: TargetTruncation?

        package init(renewsEpoch: Bool = false, truncation: TargetTruncation? = nil) {
            self.renewsEpoch = renewsEpoch
            self.truncation = truncation
        }
    }
}

/// A truncation of the target's log at offset `target`; its lost copies begin at offset `source`.
package struct TargetTruncation: Hashable, Sendable {
    package var target: Int64
    package var source: Int64

    package init(target: Int64, source: Int64) {
        self.target = target
        self.source = source
    }
}

/// State of reading a partition's source.
package enum SourceReading: Hashable, Sendable {
    case reading
    /// The source has refused the position, for a reason yet to be found.
    case outOfRange
    /// The next batch cannot be taken in before this is known.
    case waiting(OriginRules.Need)
    /// Nothing more can be read: the target still gets what was read before, then the partition fails.
    case draining(PartitionFailure)
}

/// Reason why batches are not written yet and have to be sent again.
enum Setback: Hashable, Sendable {
    /// No answer came, or one that tells nothing.
    case unknownOutcome(backsOff: Bool)
    /// Sequences and epoch are of no use any more.
    case staleEpoch
    /// The broker takes it later.
    case refused
    /// The broker never takes it; it is bisected once nothing is in flight.
    case rejected(ProduceVerdict.Rejection)

    var backsOff: Bool {
        switch self {
        case .unknownOutcome(let backsOff): backsOff
        case .refused: true
        case .staleEpoch, .rejected: false
        }
    }
}
