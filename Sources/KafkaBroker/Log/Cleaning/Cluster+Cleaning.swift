import Logging
import NIOCore

/// A log that is being compacted, step by step.
struct ClusterCleaning {
    let partition: Partition
    let round: LogCleaning

    func abandon() { round.abandon() }
}

/// Schedule of compaction (Kafka's `LogCleaner`): one log at a time, the dirtiest first, with room for requests between the
/// steps.
extension Cluster {
    /// The bytes that are read between two looks at what else there is to do.
    private static let cleaningStep = 1 << 20
    /// The memory of a key, as Kafka counts it.
    private static let bytesPerKey = 24

    private var keyCapacity: Int { configs.number("log.cleaner.dedupe.buffer.size") / Self.bytesPerKey }

    /// Begins with the dirtiest log that is due, if none is being compacted.
    func cleanLogs() {
        guard cleaning == nil, configs.flag("log.cleaner.enable") else { return }
        let now = clock.wallTime()
        var dirtiest: (partition: Partition, range: CleanableRange)?
        for topic in topics.values {
            for partition in topic.partitions {
                do throws(LogError) {
                    guard let range = try partition.log.dueCleaning(now: now) else { continue }
                    if range.dirtyRatio > dirtiest?.range.dirtyRatio ?? -1 { dirtiest = (partition, range) }
                } catch {
                    reportCleaning(partition, error)
                }
            }
        }
        guard let (partition, range) = dirtiest else { return }
        let round = LogCleaning(partition.log, range.offsets, keyCapacity: keyCapacity, now: now)
        cleaning = ClusterCleaning(partition: partition, round: round)
        goOnCleaning()
    }

    private func goOnCleaning() {
        loop.scheduleTask(in: .nanoseconds(0)) { [weak self] in
            guard let self, let current = cleaning else { return }
            do throws(LogError) {
                guard try !current.round.advance(budget: Self.cleaningStep) else { return goOnCleaning() }
                cleaning = nil
                reportCleaned(current.partition, current.round)
                current.partition.changed()
                cleanLogs()
            } catch {
                // Tried again after `log.cleaner.backoff.ms`.
                cleaning = nil
                reportCleaning(current.partition, error)
            }
        }
    }

    /// Compacts a partition at once. See ``EmbeddedCluster/compact(topic:partition:)``.
    func compact(_ partition: Partition) throws(BrokerError) -> (before: Int, after: Int) {
        let log = partition.log
        guard log.config.isCompacted else {
            throw .notPossible("\(log.name) is not compacted: its cleanup.policy does not say so")
        }
        cleaning?.abandon()
        cleaning = nil
        let before = log.size
        let now = clock.wallTime()
        do throws(LogError) {
            try log.compact(keyCapacity: keyCapacity, now: now)
        } catch {
            throw .storage("\(error)")
        }
        partition.changed()
        return (before, log.size)
    }

    private func reportCleaned(_ partition: Partition, _ round: LogCleaning) {
        logger.info(
            "log compacted",
            metadata: [
                "partition": "\(partition.log.name)", "before": "\(round.bytes.before)",
                "after": "\(round.bytes.after)",
            ])
    }

    private func reportCleaning(_ partition: Partition, _ error: LogError) {
        logger.error(
            "compaction failed", metadata: ["partition": "\(partition.log.name)", "reason": "\(error)"])
    }
}

extension EmbeddedCluster {
    /// Compacts a partition of a compacted topic at once, however little of it is dirty: everything up to the last stable
    /// offset that is older than `min.compaction.lag.ms`. The active segment is closed first.
    ///
    /// - Returns: the partition's size in bytes before and after.
    @discardableResult
    public func compact(topic: String, partition: Int32) async throws -> (before: Int, after: Int) {
        try await onLoop { try $0.compact($0.partitionForFault(topic, partition)) }
    }
}
