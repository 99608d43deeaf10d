internal import KafkaClient

/// A selected topic of which a discovery found that not all can be copied.
package struct TopicRefusal: Sendable {
    package let topic: String
    package let targetTopic: String
    /// Partitions that are not copied.
    package let partitions: Int
    /// Nil when nothing was tried this time: it is as before.
    package let reason: String?
    /// Likely to pass by itself within moments.
    package var isPassing = false

    package init(topic: String, targetTopic: String, partitions: Int, reason: String?, isPassing: Bool = false) {
        self.topic = topic
        self.targetTopic = targetTopic
        self.partitions = partitions
        self.reason = reason
        self.isPassing = isPassing
    }
}

/// Topics that are selected and cannot be copied for now, and when each is tried again. No clock: time comes in.
package struct WaitingTopics: Sendable {
    private struct Entry {
        var status: FlowStatus.WaitingTopic
        var failures = 1
        var isTold = false
        var heldUntil: ContinuousClock.Instant
    }

    package struct News: Sendable {
        package var began: [FlowStatus.WaitingTopic] = []
        /// Names of topics that are copied now.
        package var ended: [String] = []
    }

    private var entries: [String: Entry] = [:]

    package init() {}

    /// By name.
    package var all: [FlowStatus.WaitingTopic] { entries.values.map(\.status).sorted { $0.topic < $1.topic } }

    package var names: Set<String> { Set(entries.keys) }

    /// Topics that are not to be tried yet.
    package func held(at now: ContinuousClock.Instant) -> Set<String> {
        Set(entries.filter { $0.value.heldUntil > now }.keys)
    }

    /// Has everything tried again at the next discovery.
    package mutating func release(at now: ContinuousClock.Instant) {
        for topic in entries.keys { entries[topic]?.heldUntil = now }
    }

    /// Takes in what a discovery has found.
    ///
    /// - Parameters:
    ///   - retryAfter: the pause after a first failure; it doubles with each.
    ///   - time: milliseconds since 1970.
    package mutating func update(
        _ refused: [TopicRefusal], at now: ContinuousClock.Instant, retryAfter: Duration, time: Int64
    ) -> News {
        var news = News()
        let open = Set(refused.map(\.topic))
        for (topic, entry) in entries where !open.contains(topic) {
            if entry.isTold { news.ended.append(topic) }
            entries[topic] = nil
        }
        for refusal in refused {
            var entry = entries[refusal.topic]
            if let reason = refusal.reason {
                entry?.failures += 1
                entry?.status.reason = reason
            }
            var next =
                entry
                ?? Entry(
                    status: FlowStatus.WaitingTopic(
                        topic: refusal.topic, targetTopic: refusal.targetTopic, partitions: refusal.partitions,
                        reason: refusal.reason ?? "it has not been tried yet", since: time),
                    heldUntil: now)
            next.status.partitions = refusal.partitions
            if refusal.reason != nil, !refusal.isPassing {
                var random = SystemRandomNumberGenerator()
                let pauses = Backoff(initial: retryAfter, maximum: min(retryAfter * 64, .seconds(300)), jitter: 0)
                next.heldUntil = now + pauses.delay(after: next.failures, using: &random)
            }
            if !next.isTold, !refusal.isPassing || next.failures > 1 {
                next.isTold = true
                news.began.append(next.status)
            }
            entries[refusal.topic] = next
        }
        news.ended.sort()
        return news
    }
}
