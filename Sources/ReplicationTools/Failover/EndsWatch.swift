package import KafkaClient

/// Watches the ends of partitions, until they have not moved for long enough to be taken for fixed.
package struct EndsWatch: Sendable {
    /// End of a partition: high watermark and last stable offset.
    package struct End: Hashable, Sendable {
        package var all: Int64
        package var committed: Int64

        package init(all: Int64, committed: Int64) {
            self.all = all
            self.committed = committed
        }

        /// A transaction is open: what is behind its beginning cannot be read yet.
        var isOpen: Bool { committed < all }
    }

    private var last: [TopicPartition: End] = [:]
    private var stoodSince: ContinuousClock.Instant?
    private var recent: [(at: ContinuousClock.Instant, moved: [TopicPartition: Int64])] = []
    private let wanted: Duration

    /// - Parameter wanted: the time for which they must not move.
    package init(for wanted: Duration) {
        self.wanted = wanted
    }

    /// Takes a look in. A partition that was not there before counts as moved.
    package mutating func observe(_ ends: [TopicPartition: End], at now: ContinuousClock.Instant) {
        var moved: [TopicPartition: Int64] = [:]
        for (partition, end) in ends where last[partition] != end {
            moved[partition] = end.all - (last[partition]?.all ?? 0)
        }
        let isFirst = stoodSince == nil
        if isFirst || !moved.isEmpty || last.count != ends.count { stoodSince = now }
        if !isFirst, !moved.isEmpty { recent.append((now, moved)) }
        let oldest = now - wanted
        recent.removeAll { $0.at < oldest }
        last = ends
    }

    /// Partitions that have moved within the last time, with the offsets they have gained.
    package var moving: [(partition: TopicPartition, offsets: Int64)] {
        var sums: [TopicPartition: Int64] = [:]
        for entry in recent { sums.merge(entry.moved) { $0 + $1 } }
        return sums.map { ($0.key, $0.value) }.sorted {
            ($0.partition.topic, $0.partition.partition) < ($1.partition.topic, $1.partition.partition)
        }
    }

    /// Partitions with an open transaction.
    package var open: [TopicPartition] {
        last.filter(\.value.isOpen).keys.sorted { ($0.topic, $0.partition) < ($1.topic, $1.partition) }
    }

    /// The end offsets, once they are fixed; nil before.
    package func fixed(at now: ContinuousClock.Instant) -> [TopicPartition: Int64]? {
        guard let stoodSince, now - stoodSince >= wanted, open.isEmpty else { return nil }
        return last.mapValues(\.all)
    }
}
