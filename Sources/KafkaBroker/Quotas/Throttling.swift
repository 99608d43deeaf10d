import KafkaWire
import NIOCore

/// An answer that can tell its client to wait.
protocol ThrottledResponse: KafkaResponse {
    var throttleTimeMs: Int32 { get set }
}

extension RequestContext {
    /// Kafka bounds the wait for busy threads by one quota window.
    private static let longestRequestThrottle: Int64 = 1000

    /// Counts a request that has been answered; its connection rests if the client is over a quota.
    ///
    /// - Parameter busy: for how long the request kept the thread.
    /// - Returns: how long the client has to wait, in milliseconds.
    func countAgainstQuotas(busy: TimeAmount) -> Int64 {
        guard !cluster.quotas.isEmpty else { return 0 }
        let (user, now) = (principal.name, cluster.clock.steadyTime())
        var wait = cluster.quotas.record(
            Double(busy.nanoseconds) * 100 / 1_000_000_000, .requestPercentage, user: user, clientID: clientID,
            now: now, longest: Self.longestRequestThrottle)
        if header.apiKey == .produce {
            let size = Double(requestSize)
            wait = max(
                wait, cluster.quotas.record(size, .producerByteRate, user: user, clientID: clientID, now: now))
        }
        if wait > 0 { mute(wait) }
        return wait
    }

    /// The most bytes of records that one answer may carry under the client's quota.
    var largestFetch: Int {
        guard !cluster.quotas.isEmpty else { return .max }
        return cluster.quotas.mostAtOnce(.consumerByteRate, user: principal.name, clientID: clientID) ?? .max
    }

    /// Counts the bytes of records about to be sent.
    ///
    /// - Returns: how long the client has to wait for them, in milliseconds. They are not counted then, since they are
    ///   not sent: the client asks for them again.
    func countFetched(_ bytes: Int) -> Int64 {
        guard !cluster.quotas.isEmpty else { return 0 }
        let wait = cluster.quotas.record(
            Double(bytes), .consumerByteRate, user: principal.name, clientID: clientID, now: cluster.clock.steadyTime(),
            isTakenBackWhenOver: true)
        if wait > 0 { mute(wait) }
        return wait
    }
}

extension KafkaResponse {
    /// The same answer, telling the client to wait for so many milliseconds, if it can tell.
    func throttled(by wait: Int64) -> Self {
        guard wait > 0, var told = self as? any ThrottledResponse else { return self }
        told.throttleTimeMs = max(told.throttleTimeMs, Int32(clamping: wait))
        return told as? Self ?? self
    }
}

/// A client's changes of partitions within one request.
struct MutationQuota {
    private let context: RequestContext
    private let isStrict: Bool
    private var wait: Int64 = 0

    /// - Parameter isStrict: the request is of a version that knows THROTTLING_QUOTA_EXCEEDED.
    init(_ context: RequestContext, isStrict: Bool) {
        self.context = context
        self.isStrict = isStrict
    }

    /// Counts partitions that are about to be created or deleted.
    mutating func record(_ partitions: Int) throws(AdminRefusal) {
        guard !context.cluster.quotas.isEmpty else { return }
        let (isPermitted, wait) = context.cluster.quotas.recordMutations(
            partitions, user: context.principal.name, clientID: context.clientID,
            now: context.cluster.clock.steadyTime(),
            isStrict: isStrict)
        self.wait = max(self.wait, wait)
        guard isPermitted else {
            throw AdminRefusal(.throttlingQuotaExceeded, "The throttling quota has been exceeded.")
        }
    }

    /// The answer, telling the client to wait if it has to; its connection rests as long.
    func applied<Response: ThrottledResponse>(to response: Response) -> Response {
        guard wait > 0 else { return response }
        context.mute(wait)
        return response.throttled(by: wait)
    }
}
