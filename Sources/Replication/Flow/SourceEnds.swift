internal import KafkaClient
internal import NIOCore

/// Asks the source every few seconds where the logs of partitions end that fetches say nothing of, so that lag is known
/// whatever keeps a partition from being read. One request per broker at a time, of bounded size.
actor SourceEnds {
    private let source: ClusterClient
    private let shards: [Shard]
    /// Brokers that have yet to answer.
    private var asking: Set<Int32> = []
    private var transactionsAskedAt: ContinuousClock.Instant?

    static let interval: Duration = .seconds(1)
    private static let timeout: Duration = .seconds(5)
    /// Partitions named in one request.
    private static let batch = 2_000
    /// Interval at which leaders are asked who holds a transaction open.
    private static let transactionInterval: Duration = .seconds(5)

    init(source: ClusterClient, shards: [Shard]) {
        self.source = source
        self.shards = shards
    }

    /// Asks until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            repeat {
                for (broker, questions) in await due() where asking.insert(broker).inserted {
                    group.addTask { await self.ask(broker, questions) }
                }
                if transactionsAskedAt.map({ ContinuousClock.now - $0 >= Self.transactionInterval }) ?? true {
                    transactionsAskedAt = .now
                    group.addTask { await self.findTransactions() }
                }
            } while (try? await Task.sleep(for: Self.interval)) != nil
        }
    }

    private struct Question: Sendable {
        let shard: Shard
        let partitions: [TopicPartition]
    }

    private func due() async -> [Int32: [Question]] {
        var due: [Int32: [Question]] = [:]
        let now = NIODeadline.now()
        for shard in shards {
            for (broker, partitions) in await shard.sourceEndsDue(at: now) where !asking.contains(broker) {
                due[broker, default: []] += partitions.chunked(by: Self.batch).map {
                    Question(shard: shard, partitions: $0)
                }
            }
        }
        return due
    }

    private func ask(_ broker: Int32, _ questions: [Question]) async {
        defer { asking.remove(broker) }
        var failure: KafkaError?
        for question in questions {
            let askedAt = NIODeadline.now()
            let ends: Outcomes<TopicPartition, Int64>
            if let failure {
                // A broker that cannot be asked cannot answer the rest either.
                ends = Dictionary(question.partitions.map { ($0, .failure(failure)) }) { first, _ in first }
            } else {
                ends = await source.ends(of: question.partitions, at: broker, timeout: Self.timeout)
                failure = ends.values.lazy.compactMap(\.brokerFailure).first
            }
            guard !Task.isCancelled else { return }
            if await question.shard.foundSourceEnds(ends, askedAt: askedAt) { await question.shard.refreshLeaders() }
        }
    }

    /// Finds the transactions that partitions wait for.
    private func findTransactions() async {
        for shard in shards {
            let waiting = await shard.behindTransactions
            guard !waiting.isEmpty else { continue }
            var found: [TopicPartition: OpenTransaction] = [:]
            for (partition, outcome) in await source.describeProducers(Array(waiting.prefix(Self.batch))) {
                guard case .success(let producers) = outcome else { continue }
                found[partition] = producers.compactMap { OpenTransaction($0) }.min { $0.startOffset < $1.startOffset }
            }
            await shard.found(found)
        }
    }
}

extension Result where Success == Int64, Failure == KafkaError {
    /// An error of the broker as a whole, without the partition that was asked for.
    fileprivate var brokerFailure: KafkaError? {
        guard case .failure(var error) = self, error.code == nil else { return nil }
        error.topic = nil
        error.partition = nil
        return error
    }
}

extension OpenTransaction {
    /// - Returns: nil when the producer has no transaction open.
    fileprivate init?(_ producer: ActiveProducer) {
        guard let start = producer.transactionStartOffset else { return nil }
        self.init(
            producerID: producer.producerID, epoch: producer.epoch, startOffset: start,
            lastTimestamp: producer.lastTimestamp)
    }
}
