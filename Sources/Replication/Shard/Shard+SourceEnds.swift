internal import KafkaClient
internal import NIOCore

// Ends of source logs that fetches do not tell: of partitions that are paused, failed, refused, or without news.
extension Shard {
    /// Partitions whose end has not been heard of for a while, by the source broker that leads them. Those without a
    /// leader are told so.
    func sourceEndsDue(at now: NIODeadline) -> [Int32: [TopicPartition]] {
        var due: [Int32: [TopicPartition]] = [:]
        for (index, partition) in scheduler.partitions.enumerated() where partition.needsSourceEnd(at: now) {
            if partition.hasSourceLeader, let leader = partition.sourceLeader?.broker {
                due[leader, default: []].append(partition.source)
            } else {
                let source = source.settings.name
                scheduler.inform(index) { $0.sourceEndRefused("the partition has no leader on \(source)") }
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

    /// Partitions that stand before a transaction that nobody ends.
    var behindTransactions: [TopicPartition] { scheduler.partitions.filter(\.isBehindTransaction).map(\.source) }

    func found(_ transactions: [TopicPartition: OpenTransaction]) {
        for (partition, transaction) in transactions {
            guard let index = scheduler.index(ofSource: partition) else { continue }
            scheduler.inform(index) { $0.foundOpenTransaction(transaction) }
        }
    }

    /// Lag of the selected topics.
    func lags(at now: NIODeadline) -> TopicLags {
        var lags = TopicLags()
        for partition in scheduler.partitions where partition.isSelected {
            lags.add(partition.lag(at: now), of: partition.source.topic)
        }
        return lags
    }

    /// Numbers of partitions that an operator has paused, by topic; nothing for topics without any.
    var pausedPartitions: [String: Int] {
        var paused: [String: Int] = [:]
        for partition in scheduler.partitions where partition.isPaused && partition.isSelected {
            paused[partition.source.topic, default: 0] += 1
        }
        return paused
    }
}
