internal import KafkaClient
internal import Replication

/// Result of a failover.
public struct FailoverReport: Hashable, Sendable, Codable {
    public enum Outcome: String, Hashable, Sendable, Codable {
        case done
        /// There was nothing to do.
        case skipped
        case failed
        /// In a dry run: what it would do.
        case planned
    }

    public struct Step: Hashable, Sendable, Codable {
        public var step: FailoverStep
        public var outcome: Outcome
        /// Description of the work or the finding.
        public var text: String
        public var seconds: Double

        package init(_ step: FailoverStep, _ outcome: Outcome, _ text: String, seconds: Double) {
            self.step = step
            self.outcome = outcome
            self.text = text
            self.seconds = seconds
        }
    }

    /// Records of one partition that only the source has.
    public struct Tail: Hashable, Sendable, Codable {
        public var topic: String
        public var partition: Int32
        /// Every source offset below it is on the target.
        public var copiedBelow: Int64
        /// Records that never made it; nil while the source cannot be asked.
        public var records: Int64?
        /// Log end offset of the source; nil while the source cannot be asked.
        public var sourceEnd: Int64?
    }

    public var flow: String
    public var source: String
    public var target: String
    public var kind: FailoverKind
    public var isDryRun = false
    /// True if the target has taken over.
    public var isDone = false
    public var seconds = 0.0
    public var steps: [Step] = []
    /// Partitions whose ends were fixed.
    public var partitions = 0
    public var groupsInStep = 0
    public var groupsNotInStep: [String] = []
    /// Groups among them with a position on the target to which reading there cannot have led.
    public var groupsBeyond: [String] = []
    /// Groups of which only a part is on the target, in words: share groups, by their start offsets.
    public var groupsNotCarried: [String] = []
    /// Records compared by the step `verify`.
    public var verified: Int64 = 0
    /// After an unplanned failover: what was left behind, for each partition.
    public var tail: [Tail] = []
    /// Reasons why the opposite flow cannot continue with what the source holds, where offsets are kept; empty where it can.
    public var cannotComeBack: [String] = []
    /// Accounts of every selected topic and partition, and of those that rules exclude. Empty before they are known.
    public var accounts: [Account] = []
    /// Things that are not as they should be and were not accepted: with them a failover ends with exit code 1, although the target
    /// has taken over.
    public var unaccepted: [String] = []
    /// The flow that brings records back; nil when there is none.
    public var opposite: String?

    init(_ settings: FlowSettings, kind: FailoverKind, opposite: FlowSettings?) {
        flow = settings.name
        source = settings.source.name
        target = settings.target.name
        self.kind = kind
        self.opposite = opposite?.name
    }
}

extension FailoverReport {
    /// Decides what was not accepted: a planned failover leaves nothing, an unplanned one no more than what a lost
    /// source takes with it.
    mutating func judge(_ options: FailoverOptions) {
        let accounts = kind == .planned ? accounts : accounts.filter { !$0.isLossOfSource }
        unaccepted = accounts.left + (options.leavesGroups ? [] : groupsBeyond) + cannotComeBack
    }
}

/// Event of a failover under way.
public enum FailoverEvent: Hashable, Sendable {
    /// A step begins.
    case begins(FailoverStep)
    /// Something that happens within a step.
    case note(String)
    case ended(FailoverReport.Step)
}

/// Options of a failover.
public struct FailoverOptions: Hashable, Sendable {
    public var kind: FailoverKind
    /// Principals that are kept from writing at the source, as in `User:orders`.
    public var fence: [String] = []
    /// Time without a change after which the source's ends count as fixed.
    public var still: Duration = .seconds(5)
    /// Time without progress after which a step gives up.
    public var patience: Duration = .seconds(60)
    /// Time without progress, with records left to copy, after which no process counts as running the flow.
    public var takeOverAfter: Duration = .seconds(10)
    /// Number of last records of each partition that are compared.
    public var comparedRecords: Int64 = 10_000
    /// Continues although groups are not in step, or have a position that reading cannot have led to.
    public var leavesGroups = false
    /// Deletes topics of the source that hold what the target never got, so that the opposite flow fills them again.
    public var refills = false

    public init(kind: FailoverKind) {
        self.kind = kind
    }
}
