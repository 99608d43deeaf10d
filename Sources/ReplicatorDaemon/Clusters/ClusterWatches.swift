package import KafkaClient

/// The clusters that are polled, as the configuration has them now.
package actor ClusterWatches {
    /// In the order of their names.
    package private(set) var all: [ClusterWatch] = []
    private let make: @Sendable (ClusterSettings) -> ClusterWatch
    private nonisolated let arrivals: AsyncStream<ClusterWatch>
    private nonisolated let arrival: AsyncStream<ClusterWatch>.Continuation

    package init(_ clusters: [ClusterSettings], make: @escaping @Sendable (ClusterSettings) -> ClusterWatch) {
        self.make = make
        (arrivals, arrival) = AsyncStream.makeStream()
        for cluster in clusters.sorted(by: { $0.name < $1.name }) {
            let watch = make(cluster)
            all.append(watch)
            arrival.yield(watch)
        }
    }

    /// - Parameter changed: names of clusters whose settings are new.
    /// - Returns: names of those that are not polled any more.
    func update(to clusters: [ClusterSettings], changed: Set<String>) async -> [String] {
        let before = Dictionary(all.map { ($0.name, $0) }) { first, _ in first }
        var now: [ClusterWatch] = []
        var fresh: [ClusterWatch] = []
        for cluster in clusters.sorted(by: { $0.name < $1.name }) {
            if let watch = before[cluster.name], !changed.contains(cluster.name) {
                now.append(watch)
            } else {
                let watch = make(cluster)
                now.append(watch)
                fresh.append(watch)
            }
        }
        all = now
        for watch in before.values where !now.contains(where: { $0 === watch }) { await watch.retire() }
        for watch in fresh { arrival.yield(watch) }
        return before.keys.filter { name in !now.contains { $0.name == name } }.sorted()
    }

    /// Polls until the task is cancelled.
    nonisolated func run() async {
        await withDiscardingTaskGroup { group in
            for await watch in arrivals { group.addTask { await watch.run() } }
        }
    }
}
