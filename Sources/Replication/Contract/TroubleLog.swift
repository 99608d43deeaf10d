internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import Synchronization

/// Tells the log once when a trouble begins and once when it is over, however many parts of a flow meet it and however
/// often.
final class TroubleLog: Sendable {
    enum Trouble: Hashable, Sendable {
        /// A broker of a cluster cannot be used.
        case broker(String, Int32)
        /// The clusters cannot be asked for their topics.
        case discovery
        /// A topic that holds the flow's state is gone, and cannot be filled again.
        case memory
        /// Settings, access rules or quotas cannot be looked at or changed, since a cluster does not answer.
        case metadata
        /// Consumer groups cannot be looked at, since a cluster does not answer.
        case groups
        /// Positions of one consumer group cannot be read or committed.
        case group(ExactName)
        /// Checkpoints do not reach the target.
        case progress
        /// Nobody tells where records come from.
        case origins
        /// A producer id whose epochs are used up has no successor.
        case producerIDs
        /// A target says of a partition what cannot be true.
        case answers(TopicPartition)
        /// The group in which instances share the flow is not to be reached, or does not take this one.
        case membership
        /// This instance does not hear the source, while others that share the flow do.
        case sight
    }

    /// In place of a shard: the start of the flow, when there is none yet. The first shard that has no such trouble
    /// ends it.
    static let start = -1

    private let logger: Logger
    /// The parts of the flow that are in each trouble.
    private let open = Mutex<[Trouble: Set<Int>]>([:])

    init(logger: Logger) {
        self.logger = logger
    }

    /// - Parameters:
    ///   - shard: the part that meets it.
    ///   - error: the reason, for the log.
    func began(_ trouble: Trouble, shard: Int = 0, _ error: String) {
        let isNews = open.withLock { open in
            let isNews = open[trouble, default: []].isEmpty
            open[trouble, default: []].insert(shard)
            return isNews
        }
        guard isNews else { return }
        logger.warning("\(trouble.beginning)", metadata: trouble.place.merging(["error": "\(error)"]) { $1 })
    }

    /// - Parameter reason: why nothing more will be heard of it, where that is its end.
    func ended(_ trouble: Trouble, shard: Int = 0, _ reason: String? = nil) {
        let isOver = open.withLock { open in
            guard open[trouble] != nil else { return false }
            let hadAtStart = open[trouble]?.remove(Self.start) != nil
            guard open[trouble]?.remove(shard) != nil || hadAtStart else { return false }
            guard open[trouble]?.isEmpty == true else { return false }
            open[trouble] = nil
            return true
        }
        guard isOver else { return }
        if let reason {
            logger.info(
                "broker is not needed any more", metadata: trouble.place.merging(["reason": "\(reason)"]) { $1 })
        } else {
            logger.info("\(trouble.end)", metadata: trouble.place)
        }
    }

    /// Forgets a trouble with nobody being told: what it was about is gone.
    func forget(shard: Int) {
        open.withLock { open in
            for trouble in open.keys { open[trouble]?.remove(shard) }
            open = open.filter { !$0.value.isEmpty }
        }
    }

    /// The same for troubles that nothing is heard of any more.
    func forget(where isGone: (Trouble) -> Bool) {
        open.withLock { open in open = open.filter { !isGone($0.key) } }
    }
}

extension TroubleLog.Trouble {
    fileprivate var beginning: String {
        switch self {
        case .broker: "broker cannot be used, trying again"
        case .discovery: "discovery failed, trying again"
        case .memory: "a topic that holds the flow's state is gone and cannot be filled again, trying again"
        case .metadata: "metadata cannot be kept in step, trying again"
        case .groups: "groups cannot be looked at, trying again"
        case .group: "group offsets cannot be synchronised, trying again"
        case .progress: "cannot record progress, trying again"
        case .origins: "cannot find out where records come from, trying again"
        case .producerIDs: "cannot get another producer id, trying again"
        case .answers: "an answer cannot be true, reading the target's log"
        case .membership: "this instance is no member of its group: it gives up its partitions, and writes nothing"
        case .sight: "the source answers other instances and not this one: they copy what it had"
        }
    }

    fileprivate var end: String {
        switch self {
        case .broker: "broker can be used again"
        case .discovery: "discovery works again"
        case .memory: "the flow's state is recorded again"
        case .metadata: "metadata is kept in step again"
        case .groups: "groups can be looked at again"
        case .group: "group offsets are synchronised again"
        case .progress: "progress is recorded again"
        case .origins: "it can be found out again where records come from"
        case .producerIDs: "got another producer id"
        case .answers: "answers about the partition make sense again"
        case .membership: "this instance is a member of its group again"
        case .sight: "the source answers this instance again: it copies its part"
        }
    }

    fileprivate var place: Logger.Metadata {
        switch self {
        case .broker(let cluster, let broker): ["cluster": "\(cluster)", "broker": "\(broker)"]
        case .group(let group): ["group": "\(group.text)"]
        case .answers(let partition): ["topic": "\(partition.topic)", "partition": "\(partition.partition)"]
        case .discovery, .memory, .metadata, .groups, .progress, .origins, .producerIDs, .membership, .sight: [:]
        }
    }
}
