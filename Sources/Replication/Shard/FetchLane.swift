/// One of the ways in which the partitions of a source broker are fetched side by side: a connection and a fetch session
/// of its own.
///
/// Partitions whose end has been reached share the first one, so that what is new there never waits behind what others
/// have to catch up on. Those with a backlog are spread over the others: a connection has one fetch on its way at a
/// time, and TCP lets only so many bytes of it travel at once.
package struct FetchLane: Hashable, Sendable {
    package let broker: Int32
    package let number: Int

    package init(broker: Int32, number: Int) {
        self.broker = broker
        self.number = number
    }

    /// The lane of partitions without a backlog.
    package static func tails(_ broker: Int32) -> FetchLane { FetchLane(broker: broker, number: 0) }

    /// Lanes for backlogs at a broker that is far away.
    static let mostBacklogs = 3

    static func all(of broker: Int32) -> [FetchLane] {
        (0...mostBacklogs).map { FetchLane(broker: broker, number: $0) }
    }

    package var isForTails: Bool { number == 0 }
}

/// The lanes that partitions are fetched in. Pure: partitions are known by their numbers in the shard.
///
/// A partition leaves the lane of tails with the answer that does not reach its log's end. Once it does, it stays where it
/// is until that lane asks again: the fetch that waits there for news does not know the partition yet.
package struct FetchLanes: Sendable {
    /// Lanes of those that have a backlog; all others are tails.
    private var backlogs: [Int: FetchLane] = [:]
    private var counts: [FetchLane: Int] = [:]
    /// Partitions that have reached the end, until their broker's lane of tails takes them.
    private var returning: [Int32: Set<Int>] = [:]

    package init() {}

    package func lane(of partition: Int, at broker: Int32) -> FetchLane {
        guard let lane = backlogs[partition], lane.broker == broker else { return .tails(broker) }
        return lane
    }

    /// Lanes with a backlog, of all brokers.
    package var backlogLanes: Int { counts.count }

    /// An answer was taken in.
    ///
    /// - Parameters:
    ///   - hasBacklog: more of the log could have been read at the time.
    ///   - lanes: for backlogs at this broker.
    package mutating func answered(_ partition: Int, at broker: Int32, hasBacklog: Bool, lanes: Int) {
        if let lane = backlogs[partition], lane.broker != broker { leave(partition) }
        guard hasBacklog else {
            if backlogs[partition] != nil { returning[broker, default: []].insert(partition) }
            return
        }
        returning[broker]?.remove(partition)
        guard backlogs[partition] == nil else { return }
        let candidates = (1...max(1, lanes)).map { FetchLane(broker: broker, number: $0) }
        guard let lane = candidates.min(by: { counts[$0] ?? 0 < counts[$1] ?? 0 }) else { return }
        backlogs[partition] = lane
        counts[lane, default: 0] += 1
    }

    /// Tells whether partitions wait for the lane of tails.
    package func hasReturning(to broker: Int32) -> Bool { returning[broker]?.isEmpty == false }

    /// The lane of tails takes the partitions that have reached the end.
    ///
    /// - Returns: them.
    package mutating func takeReturning(to broker: Int32) -> Set<Int> {
        let partitions = returning.removeValue(forKey: broker) ?? []
        for partition in partitions { leave(partition) }
        return partitions
    }

    /// The partition is not fetched any more, or from another broker.
    package mutating func leave(_ partition: Int) {
        guard let lane = backlogs.removeValue(forKey: partition) else { return }
        returning[lane.broker]?.remove(partition)
        let left = (counts[lane] ?? 1) - 1
        counts[lane] = left > 0 ? left : nil
    }
}
