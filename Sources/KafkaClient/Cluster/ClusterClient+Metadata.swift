import KafkaWire
import Logging
import NIOCore

extension ClusterClient {
    /// The brokers, topics and leaders of the cluster.
    ///
    /// Topics are never created by asking. Calls at the same time share one request where one answers all.
    /// - Parameter age: how old the answer may be; zero asks the cluster. Questions to it are at least
    ///   `metadataMinimumAge` apart, so the call may wait for that long.
    public func metadata(
        _ topics: TopicRequest, allowingAge age: Duration = .zero
    ) async throws(KafkaError) -> ClusterMetadata {
        let oldest = NIODeadline.now() - TimeAmount(age)
        while true {
            guard !isClosed else { throw error(.closed, during: .request(.metadata)) }
            if cache.answers(topics, readSince: oldest) { return cache.snapshot }
            guard refreshWaiters != nil else {
                try await refresh(topics)
                return cache.snapshot
            }
            let slot = Promise<Void, KafkaError>()
            refreshWaiters?.append(slot)
            do throws(KafkaError) {
                try await slot.value(cancelled: error(.cancelled, during: .request(.metadata)))
            } catch  where error.reason == .cancelled && !Task.isCancelled {
                continue
            }
        }
    }

    /// The metadata known now, without asking.
    public var knownMetadata: ClusterMetadata { cache.snapshot }

    /// Says that metadata of this generation turned out to be wrong, so that the next call asks the cluster.
    /// Reports about earlier generations are ignored: what they found wrong has been read again since.
    public func invalidateMetadata(generation: UInt64) {
        cache.invalidate(generation: generation)
    }

    private func refresh(_ topics: TopicRequest) async throws(KafkaError) {
        refreshWaiters = []
        let result: Result<Void, KafkaError>
        do throws(KafkaError) {
            if let last = cache.lastAnswerAt {
                let next = last + TimeAmount(settings.metadataMinimumAge)
                try await pause(Duration(next - .now()), during: .request(.metadata))
            }
            try await askForMetadata(topics)
            result = .success(())
            unansweredSince = nil
        } catch {
            result = .failure(error)
            rebootstrapIfDue(after: error)
        }
        let waiters = refreshWaiters ?? []
        refreshWaiters = nil
        for waiter in waiters { waiter.set(result) }
        return try result.get()
    }

    private func askForMetadata(_ topics: TopicRequest) async throws(KafkaError) {
        var request = MetadataRequest()
        request.allowAutoTopicCreation = false
        switch topics {
        case .all: request.topics = nil
        case .none: request.topics = []
        case .named(let names):
            request.topics = names.map { name in
                var topic = MetadataRequest.MetadataRequestTopic()
                topic.name = name
                return topic
            }
        }
        let response = try await askUntilAnswered(request)
        try checkIdentity(response)
        cache.apply(response, for: topics, at: .now())
        for connection in pool.removeObsolete(cache.snapshot.brokers) {
            connection.handler.value.close(because: .connection(.abandoned(because: "the broker has left or moved")))
        }
    }

    /// A broker that says it cannot tell at the moment is asked a few times: a program that starts must not end for that.
    private func askUntilAnswered(_ request: MetadataRequest) async throws(KafkaError) -> MetadataResponse {
        var refusals = 0
        while true {
            let response = try await sendToAnyone(request)
            guard response.errorCode != .none else { return response }
            let refusal = error(.broker(response.errorCode, message: nil), during: .request(.metadata))
            refusals += 1
            guard refusal.isRetriable, refusals <= Self.metadataRetries else { throw refusal }
            if response.errorCode == .rebootstrapRequired { rebootstrap(because: "a broker asks for it") }
            try await pause(
                settings.retryBackoff.delay(after: refusals, using: &random), during: .request(.metadata))
        }
    }

    private static var metadataRetries: Int { 5 }

    /// The time that one broker has for an answer that any other could give as well.
    private static var patienceWithOne: Duration { .seconds(10) }

    /// Sends a harmless request to any broker that answers: a broker that fails is left out and another is asked.
    func sendToAnyone<Request: KafkaRequest>(_ request: Request) async throws(KafkaError) -> Request.Response {
        var failures = 0
        while true {
            do {
                return try await send(
                    request, to: .any, timeout: min(settings.requestTimeout, Self.patienceWithOne))
            } catch {
                failures += 1
                // Each failure has closed a connection; when no broker is left, connecting fails and says so.
                let brokers = max(cache.snapshot.brokers.count, settings.bootstrapServers.count)
                guard error.isRetriable, error.operation == .request(Request.apiKey), failures <= brokers else {
                    throw error
                }
                logger.debug("asking another broker", metadata: ["reason": "\(error)"])
            }
        }
    }
}
