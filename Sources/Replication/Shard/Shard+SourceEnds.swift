internal import KafkaClient
internal import NIOCore

// Ends of source logs that fetches do not tell: of partitions that are paused, failed, refused, or without news.
extension Shard {
    /// Partitions whose end has not been heard of for a while, by the source broker that leads them. Those without a
    /// leader are told so.
    func sourceEndsDue(at now: NIODeadline) -> [Int32: [TopicPartition]] {
        var due: [Int32: [TopicPartition]] = [:]
        var leaderless: [TopicPartition] = []
        scheduler.forEach { partition in
            guard partition.needsSourceEnd(at: now) else { return }
            if partition.hasSourceLeader, let leader = partition.sourceLeader?.broker {
                due[leader, default: []].append(partition.source)
            } else {
                leaderless.append(partition.source)
            }
        }
        for partition in leaderless {
            guard let index = scheduler.index(ofSource: partition) else { continue }
            scheduler.inform(index) { $0.sourceEndRefused("the partition has no leader on \(source.settings.name)") }
        }
        return due
    }

    /// Takes in what a broker has answered about ends.
    ///
    /// - Returns: whether leaders have moved.
    func foundSourceEnds(_ ends: Outcomes<TopicPartition, Int64>, askedAt: NIODeadline) -> Bool {
        let now = NIODeadline.now()
        var areLeadersStale = false
        for (partition, outcome) in ends {
            guard let index = scheduler.index(ofSource: partition) else { continue }
            switch outcome {
            case .success(let offset):
                scheduler.inform(index) { $0.foundSourceEnd(offset, askedAt: askedAt, at: now) }
            case .failure(let error):
                if error.remedy == .refreshMetadata { areLeadersStale = true }
                scheduler.inform(index) { $0.sourceEndRefused("\(error)") }
            }
        }
        return areLeadersStale
    }

    /// Partitions that wait before a transaction that nobody ends.
    var behindTransactions: [TopicPartition] {
        var found: [TopicPartition] = []
        scheduler.forEach { partition in if partition.isBehindTransaction { found.append(partition.source) } }
        return found
    }

    func found(_ transactions: [TopicPartition: OpenTransaction]) {
        for (partition, transaction) in transactions {
            guard let index = scheduler.index(ofSource: partition) else { continue }
            scheduler.inform(index) { $0.foundOpenTransaction(transaction) }
        }
    }

    /// Lag of the selected topics.
    func lags(at now: NIODeadline) -> TopicLags {
        var lags = TopicLags()
        scheduler.forEach { partition in
            if partition.isSelected { lags.add(partition.lag(at: now), of: partition.source.topic) }
        }
        return lags
    }

    /// Numbers of partitions that an operator has paused, by topic; nothing for topics without any.
    var pausedPartitions: [String: Int] {
        var paused: [String: Int] = [:]
        scheduler.forEach { partition in
            if partition.isPaused, partition.isSelected { paused[partition.source.topic, default: 0] += 1 }
        }
        return paused
    }
}
