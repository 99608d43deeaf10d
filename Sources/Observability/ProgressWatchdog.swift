/// Notices partitions that make no progress although they have lag, or nobody knows whether they have. No clock: time
/// comes in.
public struct ProgressWatchdog: Sendable {
    /// One look at one partition.
    public struct Observation: Sendable {
        public var flow: String
        public var topic: String
        public var partition: Int32
        /// Completed source offset.
        public var offset: Int64
        /// Nil when it is not known.
        public var lag: Int64?
        /// True if it is meant to move: not paused, not stopped.
        public var isMeantToMove: Bool

        public init(
            flow: String, topic: String, partition: Int32, offset: Int64, lag: Int64?, isMeantToMove: Bool
        ) {
            self.flow = flow
            self.topic = topic
            self.partition = partition
            self.offset = offset
            self.lag = lag
            self.isMeantToMove = isMeantToMove
        }
    }

    /// A partition that makes no progress although there is something to do.
    public struct Stuck: Sendable, Hashable {
        public var flow: String
        public var topic: String
        public var partition: Int32
        public var offset: Int64
        /// Nil when it is not known.
        public var lag: Int64?
        public var since: ContinuousClock.Instant

        /// The standstill itself, whatever its lag has grown to.
        public var place: Place { Place(topic: topic, partition: partition, since: since) }

        public struct Place: Sendable, Hashable {
            let topic: String
            let partition: Int32
            let since: ContinuousClock.Instant
        }
    }

    private struct Key: Hashable {
        let flow: String
        let topic: String
        let partition: Int32
    }

    private struct Mark {
        var offset: Int64
        var since: ContinuousClock.Instant
        var seen: Int
    }

    package var patience: Duration
    /// Only partitions that had lag at the last look.
    private var marks: [Key: Mark] = [:]
    private var round = 0

    /// - Parameter patience: how long lag without progress is nothing to worry about.
    public init(patience: Duration) {
        self.patience = patience
    }

    /// Takes in the present state of every partition.
    ///
    /// - Returns: those that have made no progress for longer than the patience lasts.
    public mutating func observe(_ partitions: [Observation], at now: ContinuousClock.Instant) -> [Stuck] {
        round += 1
        var stuck: [Stuck] = []
        for look in partitions where look.lag != 0 && look.isMeantToMove {
            let key = Key(flow: look.flow, topic: look.topic, partition: look.partition)
            var mark = marks[key] ?? Mark(offset: look.offset, since: now, seen: round)
            if mark.offset != look.offset { mark = Mark(offset: look.offset, since: now, seen: round) }
            mark.seen = round
            marks[key] = mark
            guard now - mark.since >= patience else { continue }
            stuck.append(
                Stuck(
                    flow: look.flow, topic: look.topic, partition: look.partition, offset: look.offset,
                    lag: look.lag, since: mark.since))
        }
        marks = marks.filter { $0.value.seen == round }
        return stuck
    }
}
