import KafkaWire
import NIOCore

/// The outcome of each of several things asked for.
public typealias Outcomes<Item: Hashable, Value> = [Item: Result<Value, KafkaError>]

extension ClusterClient {
    /// Asks for `items` until each has a value or an error that time does not heal, or `operationTimeout` is over.
    ///
    /// Between attempts it pauses, and forgets what the errors say is out of date.
    /// - Parameters:
    ///   - patience: in place of `operationTimeout`, where it is shorter.
    ///   - attempt: asks for the items it is given; those that it leaves out count as unanswered. It may set the
    ///     generation of the metadata that it went by.
    func retrying<Item: Hashable & Sendable, Value: Sendable>(
        _ items: some Sequence<Item>, during api: ApiKey, at coordinator: Coordinator? = nil,
        patience: Duration? = nil,
        _ attempt: ([Item], inout UInt64) async -> Outcomes<Item, Value>
    ) async -> Outcomes<Item, Value> {
        let start = NIODeadline.now()
        var outcomes: Outcomes<Item, Value> = [:]
        var pending = Array(Set(items))
        var failures = 0
        while !pending.isEmpty {
            var generation = cache.snapshot.generation
            let answers = await attempt(pending, &generation)
            var open: [Item] = []
            for item in pending {
                let outcome =
                    answers[item] ?? .failure(error(.unexpectedAnswer("it leaves \(item) out"), during: .request(api)))
                outcomes[item] = outcome
                guard case .failure(let error) = outcome, isWorthRetrying(error, since: start, patience) else {
                    continue
                }
                forget(what: error, coordinator, generation)
                open.append(item)
            }
            pending = open
            guard !pending.isEmpty else { break }
            failures += 1
            do {
                try await pause(settings.retryBackoff.delay(after: failures, using: &random), during: .request(api))
            } catch {
                for item in pending { outcomes[item] = .failure(error) }
                break
            }
        }
        return outcomes
    }

    /// The same for a single thing.
    func retrying<Value: Sendable>(
        during api: ApiKey, at coordinator: Coordinator? = nil,
        _ attempt: () async throws(KafkaError) -> Value
    ) async throws(KafkaError) -> Value {
        let outcomes: Outcomes<Int, Value> = await retrying([0], during: api, at: coordinator) { _, _ in
            do throws(KafkaError) { return [0: .success(try await attempt())] } catch { return [0: .failure(error)] }
        }
        guard let outcome = outcomes[0] else { throw error(.cancelled, during: .request(api)) }
        return try outcome.get()
    }

    private func isWorthRetrying(_ error: KafkaError, since start: NIODeadline, _ patience: Duration?) -> Bool {
        guard error.isRetriable, !isClosed else { return false }
        let elapsed = Duration(NIODeadline.now() - start)
        let usual = error.code == .unknownTopicOrPartition ? settings.unknownTopicPatience : settings.operationTimeout
        return elapsed < min(usual, patience ?? usual)
    }

    private func forget(what error: KafkaError, _ coordinator: Coordinator?, _ generation: UInt64) {
        switch error.remedy {
        case .refreshMetadata:
            invalidateMetadata(generation: generation)
            // A coordinator that cannot be reached may have been replaced.
            if let coordinator { forgetCoordinator(coordinator) }
        case .findCoordinator:
            if let coordinator { forgetCoordinator(coordinator) }
        case .retry, .reauthenticate, .renewProducer, .skipPartition, .stop:
            break
        }
    }

    /// Groups partitions by leader and asks all leaders at once, again where a leader has moved.
    func askLeaders<Value: Sendable>(
        _ partitions: some Sequence<TopicPartition>, during api: ApiKey, patience: Duration? = nil,
        ask:
            @escaping @Sendable (isolated ClusterClient, BrokerTarget, [TopicPartition]) async throws(KafkaError) ->
            Outcomes<TopicPartition, Value>
    ) async -> Outcomes<TopicPartition, Value> {
        await retrying(partitions, during: api, patience: patience) { pending, generation in
            var outcomes: Outcomes<TopicPartition, Value> = [:]
            let byLeader: [Int32: [TopicPartition]]
            do throws(KafkaError) {
                let topics = Set(pending.map(\.topic)).sorted()
                let metadata = try await metadata(.named(topics), allowingAge: .seconds(60))
                generation = metadata.generation
                byLeader = leaders(of: pending, in: metadata, during: api, missing: &outcomes)
            } catch {
                return Dictionary(uniqueKeysWithValues: pending.map { ($0, .failure(error)) })
            }
            await withTaskGroup(of: Outcomes<TopicPartition, Value>.self) { group in
                for (leader, partitions) in byLeader {
                    group.addTask { await self.outcomes(of: partitions, at: leader, ask) }
                }
                for await answered in group { outcomes.merge(answered) { _, new in new } }
            }
            return outcomes
        }
    }

    private func outcomes<Value: Sendable>(
        of partitions: [TopicPartition], at leader: Int32,
        _ ask:
            @Sendable (isolated ClusterClient, BrokerTarget, [TopicPartition]) async throws(KafkaError) ->
            Outcomes<TopicPartition, Value>
    ) async -> Outcomes<TopicPartition, Value> {
        do throws(KafkaError) {
            return try await ask(self, .broker(leader), partitions)
        } catch {
            return Dictionary(
                uniqueKeysWithValues: partitions.map {
                    ($0, .failure(error.about(topic: $0.topic, partition: $0.partition)))
                })
        }
    }

    private func leaders<Value>(
        of partitions: [TopicPartition], in metadata: ClusterMetadata, during api: ApiKey,
        missing: inout Outcomes<TopicPartition, Value>
    ) -> [Int32: [TopicPartition]] {
        var byLeader: [Int32: [TopicPartition]] = [:]
        for partition in partitions {
            let topic = metadata.topics[partition.topic]
            if let leader = topic?.partitions[partition.partition]?.leader {
                byLeader[leader, default: []].append(partition)
                continue
            }
            var code = topic?.error ?? .unknownTopicOrPartition
            if code == .none {
                code = topic?.partitions[partition.partition] == nil ? .unknownTopicOrPartition : .leaderNotAvailable
            }
            missing[partition] = .failure(
                error(.broker(code, message: nil), during: .request(api))
                    .about(topic: partition.topic, partition: partition.partition))
        }
        return byLeader
    }
}

extension ErrorCode {
    /// Turns a per-item code of an answer into its outcome.
    ///
    /// - Parameter flaw: a number in the answer that cannot be true, which makes it none.
    func outcome<Value>(
        _ value: @autoclosure () -> Value, message: String? = nil, flaw: @autoclosure () -> String? = nil,
        _ error: (KafkaError.Reason) -> KafkaError
    ) -> Result<Value, KafkaError> {
        guard self == .none else { return .failure(error(.broker(self, message: message))) }
        if let flaw = flaw() { return .failure(error(.unexpectedAnswer("the broker answered \(flaw)"))) }
        return .success(value())
    }
}
