public import KafkaClient

/// State of a flow, for `/api/status` and `replicator status`.
public struct FlowStatus: Sendable, Codable {
    public enum State: String, Hashable, Sendable, Codable, CaseIterable, CustomStringConvertible {
        case starting, running, draining, stopped
        /// It cannot start, and is tried again.
        case waiting
        /// Its copies keep their offsets, and it is the opposite flow's turn: it begins or continues after a failover.
        case resting

        public var description: String { rawValue }
    }

    public struct Partition: Sendable, Codable {
        public enum State: String, Hashable, Sendable, Codable, CustomStringConvertible {
            case active, paused, failed

            public var description: String { rawValue }
        }

        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        public var state: State
        /// Reason of the failure.
        public var reason: String?
        /// The obstacle of its records for now, on either side; nil while nothing is known to be.
        public var obstacle: String?
        /// Every source offset below it has passed.
        public var sourceOffset: Int64
        /// The source's high watermark when it was last seen; -1 before.
        public var sourceEnd: Int64
        /// Offset behind the last record written to the target; -1 before the first.
        public var targetOffset: Int64
        /// The source offset that the target's log is brought to with what no consumer sees, before the next record can follow,
        /// where copies keep their offsets; `targetOffset` tells how far it is. Nil while no more than a few are missing.
        public var fillsUpTo: Int64?
        /// Seconds since the source last said where its log ends; nil before.
        public var sourceEndAge: Int?
        /// Source offsets that have not passed yet; nil, and `null` in JSON, while nobody knows.
        @ExplicitNull public var lag: Int64?
        /// Reason why the lag is not known.
        public var lagUnknown: String?
        /// Records that the target has got: of all source offsets that have passed, those that were not skipped.
        public var written: Int64
        /// Bytes that the batches read since the flow was started last take at the source.
        public var readBytes: Int64
        /// Bytes of batches that the target has acknowledged since the flow was started last.
        public var writtenBytes: Int64
        /// Source offsets that have passed without a record on the target, by reason.
        public var skipped: [String: Int64]
        /// Target offsets among ours that hold something else: other writers' records, markers.
        public var foreign: Int64
        /// Records that are on the target twice, since its log was cut while they were on their way. Counted again when
        /// they were cut off since.
        public var doubled: Int64
        /// Findings about the copies that it was adopted with; nil where the flow has made all of them.
        public var adopted: AdoptedCopies?
        /// Time without progress although there is something to copy; nil when it does, or nobody watches.
        public var stuckForSeconds: Int?
        /// Bytes read that the target has yet to acknowledge.
        public var bufferedBytes: Int
        /// Broker that it is read from; nil while there is none.
        public var sourceLeader: Int32?
        /// Broker that it is written to; nil while there is none.
        public var targetLeader: Int32?
        /// Id of the instance that copies it; nil while nobody is known to.
        public var instance: String?
        /// Milliseconds since 1970; when that instance took it over, as far as known here.
        public var instanceSince: Int64?
    }

    /// A process that takes part in the flow.
    public struct Instance: Hashable, Sendable, Codable {
        public var instance: String
        /// Address of its HTTP endpoint; nil where it has announced none.
        public var address: String?
        public var isSelf: Bool
        /// Milliseconds since 1970; when it got its present part, as far as known here.
        public var since: Int64
        /// Nil while it is not known.
        public var partitions: Int?
        /// Names of the tasks that exist once per flow and that it has: `topics`, `metadata`, `groups`. Nil while it is
        /// not known.
        public var tasks: [String]?
        /// Reason why nothing is known of it; nil when something is.
        public var reason: String?

        public init(
            instance: String, address: String? = nil, isSelf: Bool, since: Int64, partitions: Int? = nil,
            tasks: [String]? = nil, reason: String? = nil
        ) {
            self.instance = instance
            self.address = address
            self.isSelf = isSelf
            self.since = since
            self.partitions = partitions
            self.tasks = tasks
            self.reason = reason
        }
    }

    /// Place of this process in the group of those that share the flow.
    public struct Membership: Hashable, Sendable, Codable {
        public enum State: String, Hashable, Sendable, Codable, CaseIterable, CustomStringConvertible {
            /// It has not joined yet; a lone one copies already.
            case joining
            case member
            /// The group's coordinator has not been heard of for a session: nothing is written.
            case lost
            /// The group does not take it until a person acts.
            case refused

            public var description: String { rawValue }
        }

        public var instance: String
        /// Generation of the group that its parts go back to; -1 before the first.
        public var generation: Int32
        public var state: State
        /// Reason why it is no member; nil while it is, or nothing speaks against it.
        public var reason: String?
        /// Milliseconds since 1970; when this state began.
        public var since: Int64

        public init(instance: String, generation: Int32, state: State, reason: String? = nil, since: Int64) {
            self.instance = instance
            self.generation = generation
            self.state = state
            self.reason = reason
            self.since = since
        }
    }

    /// A consumer group whose positions are kept in step.
    public struct Group: Sendable, Codable {
        public enum State: String, Hashable, Sendable, Codable, CustomStringConvertible {
            case synced
            /// The group has members that read on the target.
            case activeMembers
            /// It is in front of records on the target that it cannot have read at the source; see ``GroupPartition``.
            case held
            case refused, failed
            /// States of ``GroupPartition``.
            case beyondEnd, beyondCopies
            /// A share group, and one of the clusters does not tell or take where those begin.
            case notCovered

            public var description: String { rawValue }
        }

        public var group: String
        public var targetGroup: String
        public var kind: GroupKind
        /// The worst of its partitions.
        public var state: State
        /// Reason why it is not in step.
        public var reason: String?
        /// Parts of what its cluster knows of the group that are not carried over; nil where offsets say it all.
        public var notCarried: String?
        public var partitions: [GroupPartition]
    }

    /// A selected topic of which something, or all, is not copied: it is tried again.
    public struct WaitingTopic: Hashable, Sendable, Codable {
        public var topic: String
        public var targetTopic: String
        /// Partitions that are not copied; 0 when not even their number is known.
        public var partitions: Int
        public var reason: String
        /// Milliseconds since 1970; when it began.
        public var since: Int64

        public init(topic: String, targetTopic: String, partitions: Int, reason: String, since: Int64) {
            self.topic = topic
            self.targetTopic = targetTopic
            self.partitions = partitions
            self.reason = reason
            self.since = since
        }
    }

    /// A topic that the flow's expressions ask for, and that is never copied.
    public struct ExcludedTopic: Hashable, Sendable, Codable {
        public var topic: String
        /// The expression of `topics.allow` that is about this topic, or about such topics only.
        public var expression: String
        /// The rule that excludes it, in words.
        public var reason: String
    }

    /// A group's position in one partition.
    public struct GroupPartition: Sendable, Codable {
        public enum State: String, Hashable, Sendable, Codable, CustomStringConvertible {
            case synced
            /// The target's position is further.
            case further
            /// The target's position is the first record that the group has not read; behind it are copies of some
            /// that it has.
            case held
            case activeMembers, refused, pending
            /// The target's position lies beyond the end of the log there.
            case beyondEnd
            /// The target's position lies beyond everything that was copied, although the group has copied records left
            /// to read at the source.
            case beyondCopies

            public var description: String { rawValue }
        }

        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// Committed offset at the source: the next one that the group reads.
        public var sourceOffset: Int64
        /// The same position on the target; nil when it is not known.
        public var translatedOffset: Int64?
        /// Committed offset on the target; nil for none.
        public var targetOffset: Int64?
        public var state: State
        /// Reason of a refusal, or of a position beyond what is there.
        public var reason: String?
        /// Source offsets before the group's position that have not passed yet.
        public var aheadBy: Int64
    }

    public var name: String
    public var source: String
    public var target: String
    public var state: State
    /// Reason why the flow as a whole does not do its work; nil while it does.
    public var reason: String?
    /// Parts that an operator has paused, in words.
    public var paused: [String]
    /// The flow's own limit; nil for none.
    public var bytesPerSecondLimit: Int?
    public var partitions: [Partition]
    /// Nil for none.
    public var waiting: [WaitingTopic]?
    /// Topics that are asked for and never copied; nil for none.
    public var excluded: [ExcludedTopic]?
    public var groups: [Group] = []
    /// Reason why what is told of the groups is not of now: they cannot be looked at; nil when it is.
    public var groupsReason: String?
    /// The processes that share the flow, this one included; nil before that is known.
    public var instances: [Instance]?
    /// Nil before the flow asks to be let into its group.
    public var membership: Membership?
    /// Tasks that exist once per flow and that this instance has; nil before it has joined.
    public var tasks: [String]?
}

extension KeyedDecodingContainer {
    /// An instance of an earlier version does not tell the kind of a group, and one of a later version may name others.
    fileprivate func decode(_ type: GroupKind.Type, forKey key: Key) throws -> GroupKind {
        try decodeIfPresent(String.self, forKey: key).flatMap { GroupKind(rawValue: $0) } ?? .unknown
    }
}
