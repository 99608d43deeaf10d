internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// Produces numbered records at a steady rate until it is stopped or the cluster fails, and remembers what was
/// acknowledged.
actor CanaryProducer {
    private let origin: String
    private let canary: Canary
    private let logs: [StateTopic]
    private let wallClock: @Sendable () -> Int64
    /// Timestamps of acknowledged records, in milliseconds since 1970.
    private(set) var acknowledged: [CanaryID: Int64] = [:]
    /// Records of which it is not known whether the cluster has them.
    private(set) var inDoubt: Set<CanaryID> = []
    private(set) var firstAcknowledgement: ContinuousClock.Instant?
    private var next: [Int64]
    private var isStopped = false

    /// Time between two batches of a partition.
    private static let tick: Duration = .milliseconds(20)

    init(
        origin: String, canary: Canary, client: ClusterClient,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.origin = origin
        self.canary = canary
        self.wallClock = wallClock
        logs = canary.topicPartitions.map { StateTopic($0.topic, partition: $0.partition, client: client) }
        next = [Int64](repeating: 0, count: Int(canary.partitions))
    }

    func stop() { isStopped = true }

    /// Returns when it is stopped, or when the cluster does not take records any more.
    func run(recordsPerSecond: Int) async {
        let clock = ContinuousClock()
        let perTick = max(1, recordsPerSecond / Int(canary.partitions) / 50)
        var due = clock.now
        while !isStopped {
            for index in logs.indices {
                guard await append(perTick, to: index) else { return }
            }
            due += Self.tick
            guard (try? await clock.sleep(until: due)) != nil else { return }
        }
    }

    private func append(_ count: Int, to index: Int) async -> Bool {
        let time = wallClock()
        let ids = (0..<Int64(count)).map {
            CanaryID(origin: origin, partition: Int32(index), number: next[index] + $0)
        }
        next[index] += Int64(count)
        let records = ids.map { id in
            Record(
                offset: 0, timestamp: time, key: ByteBuffer(string: id.text), value: ByteBuffer(string: id.text),
                headers: [])
        }
        do throws(KafkaError) {
            _ = try await logs[index].append(records)
            if firstAcknowledgement == nil { firstAcknowledgement = .now }
            for id in ids { acknowledged[id] = time }
            return true
        } catch {
            inDoubt.formUnion(ids)
            return false
        }
    }
}
