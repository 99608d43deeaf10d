public import Replication

/// Changes that a flow would make on its target now, and remarks on what it would leave alone.
public struct FlowPlan: Sendable, Codable, Equatable {
    /// A change; values are nil where there is nothing before or after.
    public struct Change: Sendable, Codable, Equatable {
        /// `topic`, `partitions`, `config`, `groupConfig`, `acl`, `quota` or `group`.
        public var kind: String
        /// `create`, `change` or `remove`.
        public var change: String
        public var subject: String
        public var from: String?
        public var to: String?
        /// Only after `--apply`: why it could not be made; nil when it was.
        public var error: String?
    }

    public struct Note: Sendable, Codable, Equatable {
        public var kind: String
        public var subject: String
        public var message: String
    }

    /// A user with SCRAM credentials on the source.
    public struct User: Sendable, Codable, Equatable {
        public var name: String
        /// Mechanisms such as `SCRAM-SHA-512 (8192 iterations)`.
        public var mechanisms: [String]
        /// The target has SCRAM credentials for a user of that name, or of the name that the principal mapping gives.
        /// Nil when the target does not tell.
        public var isOnTarget: Bool?
    }

    public var flow: String
    public var source: String
    public var target: String
    /// Number of source topics that the flow copies, and of all that there are.
    public var selectedTopics: Int
    public var sourceTopics: Int
    /// True if the changes below were made.
    public var applied: Bool
    public var changes: [Change]
    public var notes: [Note]
    /// Consumer groups with positions in what the flow copies, and each of these positions; nil when the flow leaves
    /// groups alone, or they cannot be looked at.
    public var groups: [OffsetReport]?
    /// Nil when the source does not tell.
    public var users: [User]?

    /// Nothing is to be done, or everything was done.
    public var isInStep: Bool { applied ? changes.allSatisfy { $0.error == nil } : changes.isEmpty }
}

extension FlowPlan.Change {
    init(_ action: SyncAction, error: String? = nil) {
        kind = action.kind.rawValue
        change = action.change.rawValue
        subject = action.subject
        from = action.before
        to = action.after
        self.error = error
    }
}

extension FlowPlan.Note {
    init(_ note: SyncNote) {
        kind = note.kind.rawValue
        subject = note.subject
        message = note.message
    }
}
