internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Reads with a consumer group's positions, and commits what it has read, until it is stopped or the cluster fails.
actor CanaryConsumer {
    private let canary: Canary
    private let client: ClusterClient
    private var positions: [TopicPartition: Int64] = [:]
    private var isStopped = false
    /// Everything read, in order.
    private(set) var read: [CanaryID] = []
    /// Number of them that the group had committed last.
    private(set) var committedCount = 0
    private(set) var firstRecord: ContinuousClock.Instant?

    init(canary: Canary, client: ClusterClient) {
        self.canary = canary
        self.client = client
    }

    var count: Int { read.count }

    /// Records that the group will not read again.
    var committed: [CanaryID] { Array(read.prefix(committedCount)) }

    /// True if it has been stopped: it does not begin again.
    var isSpent: Bool { isStopped }

    func stop() { isStopped = true }

    /// Tells whether it has read everything up to these ends.
    func hasReached(_ ends: [TopicPartition: Int64]) -> Bool {
        ends.allSatisfy { (positions[$0.key] ?? -1) >= $0.value }
    }

    /// Begins where the group has committed, else at the first record there is.
    func run() async {
        do throws(KafkaError) {
            try await begin()
            while !isStopped, !Task.isCancelled {
                let before = read.count
                for partition in canary.topicPartitions { try await poll(partition) }
                if read.count > before { try await commit() }
            }
        } catch {
            // The cluster is gone: whoever started this sees it by what was read.
            isStopped = true
        }
    }

    private func begin() async throws(KafkaError) {
        let committed = try await client.committedOffsets(of: canary.group, canary.topicPartitions)
        let queries = Dictionary(canary.topicPartitions.map { ($0, OffsetQuery.earliest) }) { first, _ in first }
        let earliest = await client.offsets(queries)
        for partition in canary.topicPartitions {
            if let position = try committed[partition]?.get() {
                positions[partition] = position.offset
            } else {
                positions[partition] = try earliest[partition]?.get().offset ?? 0
            }
        }
    }

    private func poll(_ partition: TopicPartition) async throws(KafkaError) {
        guard let position = positions[partition] else { return }
        let fetched = try await client.read(
            FetchPosition(topic: partition.topic, partition: partition.partition, fetchOffset: position),
            maxWait: .milliseconds(20), purpose: .fetch(0))
        guard let records = fetched.records else { return }
        var entries = LogEntryReader(records.contiguous)
        do {
            while case .batch(let batch)? = try entries.next() {
                if !batch.header.isControl {
                    var reader = try RecordStream(batch, limit: RecordStream.ordinaryLimit)
                    while let record = try reader.next() {
                        guard record.offset >= position, let id = CanaryID(record) else { continue }
                        read.append(id)
                    }
                }
                positions[partition] = max(positions[partition] ?? 0, batch.header.nextOffset)
            }
        } catch {
            throw KafkaError(
                .unexpectedAnswer("\(error)"), during: .request(.fetch), cluster: client.settings.name)
        }
        if firstRecord == nil, !read.isEmpty { firstRecord = .now }
    }

    private func commit() async throws(KafkaError) {
        let count = read.count
        let offsets = positions.mapValues { CommittedOffset(offset: $0, leaderEpoch: -1, metadata: "drill") }
        for outcome in await client.commitOffsets(of: canary.group, offsets).values { try outcome.get() }
        committedCount = count
    }
}
