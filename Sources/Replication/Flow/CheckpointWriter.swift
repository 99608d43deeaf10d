internal import KafkaClient
internal import Logging

/// Records how far partitions have come: those that their shards say have changed.
actor CheckpointWriter {
    private let progress: ProgressStore
    private let logger: Logger
    /// Taken from shards and not recorded yet.
    private var pending: [TopicPartition: PartitionProgress] = [:]
    private var lags: [TopicPartition: Int64] = [:]
    private var lagByTopic: [String: Int64] = [:]

    init(progress: ProgressStore, logger: Logger) {
        self.progress = progress
        self.logger = logger
    }

    /// Records what has changed. A target that does not answer is tried again with the next call.
    ///
    /// - Returns: the lag of each topic.
    func write(from shards: [Shard]) async -> [String: Int64] {
        for shard in shards {
            for changed in await shard.takeProgress() { take(changed) }
        }
        let recorded = await progress.known
        let news = pending.values.filter { $0.checkpoint != nil && $0.checkpoint != recorded[$0.source] }
        do throws(FlowError) {
            if !news.isEmpty {
                try await progress.store(
                    Dictionary(news.map { ($0.source, $0.checkpoint) }) { first, _ in first }.compactMapValues { $0 },
                    maps: Dictionary(news.map { ($0.source, $0.map) }) { first, _ in first })
            }
            let awaited = pending.values.filter(\.isAwaited).map(\.source)
            pending = [:]
            guard !awaited.isEmpty else { return lagByTopic }
            for shard in shards { await shard.checkpointed(awaited) }
        } catch {
            logger.warning("cannot record progress, trying again", metadata: ["error": "\(error)"])
        }
        return lagByTopic
    }

    private func take(_ changed: PartitionProgress) {
        pending[changed.source] = changed
        lagByTopic[changed.source.topic, default: 0] += changed.lag - (lags[changed.source] ?? 0)
        lags[changed.source] = changed.lag
    }
}
