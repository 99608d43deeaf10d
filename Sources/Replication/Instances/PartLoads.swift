package import KafkaClient

/// Load of each partition that an instance has, smoothed: bytes read and written per second.
package struct PartLoads: Sendable {
    private var volumes: [TopicPartition: Int64] = [:]
    private var rates: [TopicPartition: Double] = [:]
    private var observed: ContinuousClock.Instant?

    /// Weight of what is new.
    private static let weight = 0.5
    /// Looks that follow sooner than this say nothing.
    private static let leastInterval: Duration = .seconds(1)

    package init() {}

    package var isEmpty: Bool { observed == nil }

    package subscript(partition: TopicPartition) -> Double { rates[partition] ?? 0 }

    /// - Parameter volumes: bytes so far, which only grow while a partition is here.
    package mutating func observe(_ volumes: [TopicPartition: Int64], at now: ContinuousClock.Instant) {
        guard let observed else {
            self.volumes = volumes
            self.observed = now
            return
        }
        let time = (now - observed) / .seconds(1)
        guard now - observed >= Self.leastInterval else { return }
        var rates: [TopicPartition: Double] = [:]
        rates.reserveCapacity(volumes.count)
        for (partition, volume) in volumes {
            let before = self.volumes[partition] ?? 0
            let rate = Double(max(0, volume - before)) / time
            rates[partition] = self.rates[partition].map { $0 + Self.weight * (rate - $0) } ?? rate
        }
        self.rates = rates
        self.volumes = volumes
        self.observed = now
    }
}
