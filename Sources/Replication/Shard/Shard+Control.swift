internal import KafkaClient
internal import Logging
internal import NIOCore

// Limits on a shard's speed, by operators and brokers.
extension Shard {
    func apply(_ pauses: Pauses) {
        scheduler.sendAll { $0.setPaused(pauses.covers($0.source)) }
        perform()
    }

    /// Partitions of other topics are not read any more, until they are selected again.
    func select(topics: Set<String>) {
        scheduler.sendAll { $0.setSelected(topics.contains($0.source.topic)) }
        perform()
    }

    /// Policies as the configuration has them now.
    func apply(_ policies: FlowPolicies) {
        scheduler.apply(policies)
        perform()
    }

    /// Tries partitions that have failed again.
    ///
    /// - Returns: how many had failed.
    func retry(_ scope: PauseScope) -> Int {
        let count = scheduler.retry { scope.covers($0) }
        perform()
        return count
    }

    /// - Parameter cleanups: of target topics, by name.
    func apply(_ cleanups: [String: CleanupPolicy]) {
        scheduler.sendAll { partition in
            cleanups[partition.target.topic].map { partition.hasOtherCleanup($0) } ?? false
        } _: { partition in
            if let cleanup = cleanups[partition.target.topic] { partition.setCleanup(cleanup) }
        }
        perform()
    }

    /// Partitions that have stopped and cannot be tried again.
    func withoutPosition(_ scope: PauseScope) -> Int { scheduler.withoutPosition { scope.covers($0) } }

    /// Tells whether the flow's limit lets a source broker be asked; otherwise its links pause until it does.
    func mayRead(from broker: Int32) -> Bool {
        let pause = rateLimit.wait()
        guard pause > .zero else { return true }
        hold(source: broker, for: pause, \.limitedUntil)
        return false
    }

    func limitChanged() {
        liftLimits()
        notifySources()
    }

    /// A broker answers at once and says for how long it will not listen (KIP-219): nothing is asked of it meanwhile.
    func obey(throttleMilliseconds: Int32, source broker: Int32) {
        guard throttleMilliseconds > 0 else { return }
        let milliseconds = bounded(throttleMilliseconds, link(source: broker), "source", broker)
        sourceThrottle.record(milliseconds: milliseconds)
        hold(source: broker, for: .milliseconds(Int64(milliseconds)), \.throttledUntil)
    }

    func obey(throttleMilliseconds: Int32, target broker: Int32) {
        guard throttleMilliseconds > 0 else { return }
        let milliseconds = bounded(throttleMilliseconds, link(target: broker), "target", broker)
        targetThrottle.record(milliseconds: milliseconds)
        hold(target: broker, for: .milliseconds(Int64(milliseconds)))
    }

    /// No broker gets more silence at a time than it can have a reason for; who asks for more is told of once.
    private func bounded(_ asked: Int32, _ link: BrokerLink, _ side: String, _ broker: Int32) -> Int32 {
        let (milliseconds, isExcessive) = ThrottleTime.bounded(milliseconds: asked)
        if isExcessive, link.throttledUntil == .distantPast {
            logger.warning(
                "\(side) broker asks for more silence than it gets",
                metadata: [
                    "broker": "\(broker)", "askedMilliseconds": "\(asked)", "givenMilliseconds": "\(milliseconds)",
                ])
        }
        return milliseconds
    }
}
