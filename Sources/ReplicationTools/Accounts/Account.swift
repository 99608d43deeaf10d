/// Account of a topic that a flow's expressions name, or of one of its partitions: whether the target has what the source
/// has, and if not, why.
public struct Account: Hashable, Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable, CaseIterable {
        /// Every committed record of the source is on the target, or was skipped for a counted reason.
        case complete
        /// Offsets of the source have not passed yet.
        case behind
        /// The flow has stopped it.
        case stopped
        /// Records were removed from the source before they were copied.
        case expired
        /// The source's log was cut below what was copied of it.
        case truncated
        /// The source's topic is another one than the copied one, under the same name.
        case recreated
        /// The source has no such topic or partition any more.
        case deleted
        /// The target has no such topic or partition any more.
        case copyGone
        /// Records lie behind the beginning of an open transaction, and may yet be committed or aborted.
        case openTransaction
        /// A partition without a leader: what it holds cannot be told.
        case leaderless
        /// The flow has not begun with it.
        case waiting
        /// The target refuses to create it.
        case uncreatable
        /// The source does not let us see it.
        case withheld
        /// An expression comes to no answer about its name.
        case undecided
        /// A rule keeps it from being copied, although an allow expression matches its name.
        case excluded
        /// The source cannot be asked.
        case unknown
    }

    public var topic: String
    /// Nil for the topic as a whole.
    public var partition: Int32?
    /// Nil where it has none.
    public var targetTopic: String?
    public var state: State
    /// Never empty.
    public var reason: String
    /// Every source offset below it is on the target, or was skipped; nil where nothing was copied.
    public var copiedBelow: Int64?
    /// Log end offset of the source; nil where it cannot be told.
    public var sourceEnd: Int64?
    /// Committed records that only the source has; nil where they were not counted.
    public var records: Int64?

    /// True if the target lacks something, or may lack something, that no rule has excluded.
    public var isLeft: Bool { state != .complete && state != .excluded }

    /// True if it is no more than what a source that is lost takes with it.
    public var isLossOfSource: Bool {
        switch state {
        case .complete, .excluded, .behind, .openTransaction, .leaderless, .unknown: true
        case .stopped, .expired, .truncated, .recreated, .deleted, .copyGone, .waiting, .uncreatable, .withheld,
            .undecided:
            false
        }
    }

    /// True if the source may hold records of it that could not be read, and so are in no list.
    public var isUnread: Bool {
        switch state {
        case .openTransaction, .leaderless, .withheld, .undecided, .unknown: true
        case .complete, .behind, .stopped, .expired, .truncated, .recreated, .deleted, .copyGone, .waiting,
            .uncreatable, .excluded:
            false
        }
    }

    /// Topic and partition, as people write them.
    public var name: String { partition.map { "\(topic)-\($0)" } ?? topic }

    package init(topic: String, partition: Int32?, targetTopic: String?, state: State, reason: String) {
        precondition(!reason.isEmpty, "an account has a reason")
        self.topic = topic
        self.partition = partition
        self.targetTopic = targetTopic
        self.state = state
        self.reason = reason
    }
}

extension [Account] {
    /// Accounts that are left, each in words.
    package var left: [String] { filter(\.isLeft).map { "\($0.name) is \($0.state.rawValue): \($0.reason)" } }

    /// By topic and partition.
    package func inOrder() -> [Account] {
        sorted { ($0.topic, $0.partition ?? -1) < ($1.topic, $1.partition ?? -1) }
    }
}
