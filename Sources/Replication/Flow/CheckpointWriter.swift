internal import KafkaClient

/// Records how far partitions have come: those that their shards say have changed.
actor CheckpointWriter {
    private let progress: ProgressStore
    private let troubles: TroubleLog
    /// Taken from shards and not recorded yet.
    private var pending: [TopicPartition: PartitionProgress] = [:]

    init(progress: ProgressStore, troubles: TroubleLog) {
        self.progress = progress
        self.troubles = troubles
    }

    /// Records what has changed. A target that does not answer is tried again with the next call; the log hears of it
    /// when that begins and when it is over.
    func write(from shards: [Shard]) async {
        for shard in shards {
            for changed in await shard.takeProgress() { pending[changed.source] = changed }
        }
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
            guard !awaited.isEmpty else { return }
            for shard in shards { await shard.checkpointed(awaited) }
        } catch {
            troubles.began(.progress, "\(error)")
        }
    }
}
