internal import KafkaClient
internal import Replication

/// Phase of a migration.
public enum MigrationPhase: String, Hashable, Sendable, Codable {
    /// The records that the source held at the start are being copied.
    case copying
    /// Everything is there; what comes in is followed until the cut-over.
    case following
    /// The source's ends are fixed, the rest is on its way.
    case draining
    case verifying
    case done
    /// Stopped before its end; another run continues where this one stopped.
    case interrupted
}

/// Progress of a migration.
public struct MigrationProgress: Hashable, Sendable {
    public var phase: MigrationPhase
    public var partitions: Int
    /// Source offsets that have passed, of all there are.
    public var passed: Int64 = 0
    public var total: Int64 = 0
    /// Records that the target has got in this run.
    public var records: Int64 = 0
    /// Bytes that what was read in this run takes at the source.
    public var bytes: Int64 = 0
    /// Bytes that everything selected takes at the source; nil while, or where, that is not told.
    public var sourceBytes: Int64?
    /// Rate of the last ten seconds; nil before a second has passed.
    public var recordsPerSecond: Double?
    public var bytesPerSecond: Double?
    /// Time until everything that the source holds now has passed; nil where that cannot be told.
    public var secondsLeft: Double?
    /// Reason for which it waits, in words; nil while records move.
    public var waitsFor: String?
}

/// Result of a migration: the work of this run, and whether the copy is equal.
public struct MigrationReport: Hashable, Sendable, Codable {
    public var flow: String
    public var source: String
    public var target: String
    public var phase = MigrationPhase.copying
    public var seconds = 0.0
    public var topics = 0
    public var partitions = 0
    /// Source offsets that this run has copied or skipped.
    public var copiedOffsets: Int64 = 0
    /// Records that the target has got in this run.
    public var copiedRecords: Int64 = 0
    /// Bytes that what was read in this run takes at the source.
    public var copiedBytes: Int64 = 0
    /// Bytes that everything selected takes at the source; nil where the source does not tell (it wants DESCRIBE on the
    /// cluster), or a part lies in tiered storage.
    public var sourceBytes: Int64?
    /// Source offsets that lie in tiered storage alone; they are among those to copy.
    public var tieredOffsets: Int64 = 0
    /// Source offsets that have no record on the target, by reason, of all runs.
    public var skippedOffsets: [String: Int64] = [:]
    /// Source offsets behind those that were copied and compared: the topic is still written to.
    public var writtenAfterCutOver: Int64 = 0
    /// Positions of consumer groups that are not in step on the target, in words.
    public var groupsNotInStep: [String] = []
    /// Groups of which only a part is on the target, in words: share groups, by their start offsets.
    public var groupsNotCarried: [String] = []
    /// Groups not in step were accepted beforehand.
    public var leavesGroups = false
    /// Accounts of every selected topic and partition, and of those that rules exclude. Empty before they are known.
    public var accounts: [Account] = []
    /// Topics of which copies are gone from the target that the source still has, in words.
    public var goneOnTarget: [String] = []
    public var verification: VerificationReport?

    /// True if everything is copied, still there and found equal, nothing that is selected is left, and every group can
    /// continue at the target, unless groups were to be left.
    public var isComplete: Bool {
        phase == .done && (verification?.isEqual ?? false) && (groupsNotInStep.isEmpty || leavesGroups)
            && writtenAfterCutOver == 0 && !accounts.isEmpty && !accounts.contains(where: \.isLeft)
            && goneOnTarget.isEmpty
    }

    init(_ settings: FlowSettings) {
        flow = settings.name
        source = settings.source.name
        target = settings.target.name
    }
}
