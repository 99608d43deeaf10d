internal import KafkaClient
internal import NIOCore

// Ends of source logs that fetches do not tell: of partitions that are paused, failed, refused, or without news.
extension Shard {
    /// Partitions whose end has not been heard of for a while, by the source broker that leads them. Those without a
    /// leader are told so.
    func sourceEndsDue(at now: NIODeadline) -> [Int32: [TopicPartition]] {
        var due: [Int32: [TopicPartition]] = [:]
        for index in scheduler.takeEndsDue(at: now) {
            if scheduler[index].hasSourceLeader, let leader = scheduler[index].sourceLeader?.broker {
                due[leader, default: []].append(scheduler[index].source)
            } else {
                scheduler.inform(index) {
                    $0.sourceEndRefused("the partition has no leader on \(source.settings.name)")
                }
            }
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

    /// Lag of the selected topics, and of how many partitions an operator has paused.
    func lags(at now: NIODeadline) -> TopicLags {
        var lags = TopicLags()
        scheduler.forEach { partition in
            guard partition.isSelected else { return }
            lags.add(partition.lag(at: now), isPaused: partition.isPaused, of: partition.source.topic)
        }
        return lags
    }
}
