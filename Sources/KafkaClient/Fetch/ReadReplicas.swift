import KafkaWire
public import NIOCore

/// The replicas that partitions are read from in place of their leaders (KIP-392).
///
/// A leader that is told the client's rack may name a replica there and give no records. The partition is then read
/// from that replica until its lease ends, so that a nearer one is found in time, or until the replica fails it. Both
/// bring it back to its leader. A leader would name a replica that has failed again at once, and the two would send
/// the reader to and fro: until a pause is over, longer with each failure in a row, no rack is told, and leaders give
/// the records themselves.
///
/// Pure: the time is an argument, and the random generator comes from the caller.
public struct ReadReplicas: Sendable {
    private struct Lease {
        let replica: Int32
        let end: NIODeadline
    }

    private struct Failures {
        var count = 0
        var pauseEnd = NIODeadline.distantPast
    }

    /// The time that a partition is read from a replica before its leader is asked again.
    private let lifetime: Duration
    private let backoff: Backoff
    private var leases: [TopicPartition: Lease] = [:]
    /// Failures in a row of the replicas that a partition's leader named.
    private var failures: [TopicPartition: Failures] = [:]
    /// No lease ends before this.
    private var earliestEnd = NIODeadline.distantFuture
    /// No pause ends after this.
    private var latestPauseEnd = NIODeadline.distantPast

    /// - Parameter lifetime: how long a replica is read from; the metadata's maximum age, as in the Java consumer.
    public init(lifetime: Duration) {
        self.lifetime = lifetime
        backoff = Backoff(initial: min(.seconds(1), lifetime), maximum: lifetime)
    }

    /// True if every partition is read from its leader.
    public var isEmpty: Bool { leases.isEmpty }

    /// The replica that the partition is read from; nil when that is its leader.
    public func replica(of partition: TopicPartition) -> Int32? {
        leases.isEmpty ? nil : leases[partition]?.replica
    }

    /// Partitions that are read from this replica.
    public func partitions(at replica: Int32) -> [TopicPartition] {
        leases.filter { $0.value.replica == replica }.map(\.key)
    }

    /// Tells whether fetches may tell the client's rack: not shortly after a replica has failed.
    public func mayTellRack(at now: NIODeadline) -> Bool { latestPauseEnd <= now }

    /// The broker that a partition is read from after an answer.
    public enum Effect: Hashable, Sendable {
        /// The same as before; what the answer says counts.
        case none
        /// This replica, which its leader has named; the answer has no records.
        case moved(to: Int32)
        /// Its leader again, and the answer does not count. A replica may lag behind, so neither an offset that
        /// it does not have nor epochs that part say anything about the partition's log.
        case returned
    }

    /// Takes in what a broker has said of a partition.
    public mutating func answered(
        _ answer: FetchedPartition, by broker: Int32, at now: NIODeadline,
        using random: inout some RandomNumberGenerator
    ) -> Effect {
        let partition = answer.topicPartition
        if broker == replica(of: partition) {
            guard answer.errorCode == .none, answer.divergingEpoch == nil else {
                failed(partition, at: now, using: &random)
                return .returned
            }
            failures[partition] = nil
        }
        guard answer.errorCode == .none, let named = answer.preferredReadReplica, named != broker,
            named != replica(of: partition), failures[partition]?.pauseEnd ?? .distantPast <= now
        else { return .none }
        lease(named, to: partition, at: now)
        return .moved(to: named)
    }

    private mutating func lease(_ replica: Int32, to partition: TopicPartition, at now: NIODeadline) {
        let end = now + TimeAmount(lifetime)
        leases[partition] = Lease(replica: replica, end: end)
        earliestEnd = min(earliestEnd, end)
    }

    /// Reads the partition from its leader again: the leader has changed, or the replica is none any more.
    public mutating func leave(_ partition: TopicPartition) {
        guard !leases.isEmpty else { return }
        leases[partition] = nil
        failures[partition] = nil
    }

    /// The same after the replica could not serve the partition, or could not be reached. Nothing without a replica.
    public mutating func failed(
        _ partition: TopicPartition, at now: NIODeadline, using random: inout some RandomNumberGenerator
    ) {
        guard leases.removeValue(forKey: partition) != nil else { return }
        var known = failures[partition] ?? Failures()
        known.count += 1
        known.pauseEnd = now + TimeAmount(backoff.delay(after: known.count, using: &random))
        failures[partition] = known
        latestPauseEnd = max(latestPauseEnd, known.pauseEnd)
    }

    /// Ends the leases that are over.
    ///
    /// - Returns: the partitions whose leaders are to be asked again, and the replicas that they were read from.
    public mutating func endLeases(at now: NIODeadline) -> [(partition: TopicPartition, replica: Int32)] {
        guard earliestEnd <= now else { return [] }
        let ended = leases.filter { $0.value.end <= now }
        for partition in ended.keys { leave(partition) }
        earliestEnd = leases.values.map(\.end).min() ?? .distantFuture
        return ended.map { ($0.key, $0.value.replica) }
    }
}
