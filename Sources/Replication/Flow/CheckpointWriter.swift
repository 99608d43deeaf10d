internal import KafkaClient

/// Records how far partitions have come: those that their shards say have changed.
actor CheckpointWriter {
    private let progress: ProgressStore
    private let troubles: TroubleLog
    private let lease: InstanceLease
    /// Taken from shards and not recorded yet.
    private var pending: [TopicPartition: PartitionProgress] = [:]
    /// Held while a call records: what is recorded later must not be older.
    private let turn = AsyncSemaphore(1)
    /// Changes when everything that was taken is forgotten.
    private var tenure = 0

    init(progress: ProgressStore, troubles: TroubleLog, lease: InstanceLease) {
        self.progress = progress
        self.troubles = troubles
        self.lease = lease
    }

    /// Records what has changed. A target that does not answer is tried again with the next call; the log hears of it
    /// when that begins and when it is over.
    ///
    /// - Parameter released: the last progress of partitions that go to other instances.
    /// - Returns: whether everything is recorded.
    @discardableResult
    func write(from shards: [Shard], released: [PartitionProgress] = []) async -> Bool {
        let tenure = tenure
        guard (try? await turn.wait()) != nil else { return false }
        defer { turn.signal() }
        for shard in shards {
            for changed in await shard.takeProgress() { pending[changed.source] = changed }
        }
        guard tenure == self.tenure, lease.isHeld else {
            // Others may have recorded more by now; what is ours then is told by whoever takes it over.
            pending = [:]
            return false
        }
        for last in released { pending[last.source] = last }
        let recorded = await progress.known
        let news = pending.values.filter { $0.checkpoint != nil && $0.checkpoint != recorded[$0.source] }
        do throws(FlowError) {
            if !news.isEmpty {
                try await progress.store(
                    Dictionary(news.map { ($0.source, $0.checkpoint) }) { first, _ in first }.compactMapValues { $0 },
                    maps: Dictionary(news.map { ($0.source, $0.map) }) { first, _ in first })
            }
            // Without news everything is recorded, also what an earlier attempt was in doubt about.
            troubles.ended(.progress)
            let awaited = pending.values.filter(\.isAwaited).map(\.source)
            pending = [:]
            for shard in shards where !awaited.isEmpty { await shard.checkpointed(awaited) }
            return true
        } catch {
            troubles.began(.progress, "\(error)")
            return false
        }
    }

    /// Forgets partitions that may belong to others by now: what is known here must not be recorded over what they say.
    func forget() {
        pending = [:]
        tenure += 1
    }
}
