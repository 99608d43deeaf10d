import KafkaWire

/// The quotas of a cluster, and how far clients have used them.
struct ClientQuotas {
    private(set) var values: [QuotaEntity: [QuotaKey: Double]] = [:]
    private var meters: [Sensor: RateMeter] = [:]
    private var buckets: [Sensor: TokenBucket] = [:]
    private var lastSweep: Int64 = 0
    private let sampleCount: Int
    private let sampleLength: Int64

    /// The clients that are measured together: clients that share a limit share a meter.
    private struct Sensor: Hashable {
        let key: QuotaKey
        /// Nil when all users of the limit are one.
        let user: ExactName?
        let clientID: ExactName?
    }

    /// More meters than this are only kept for clients seen in the last few seconds.
    private static let meterLimit = 1000

    init(_ configs: ConfigStore) {
        sampleCount = configs.number("quota.window.num")
        sampleLength = Int64(configs.number("quota.window.size.seconds")) * 1000
    }

    /// Without quotas there is nothing to measure.
    var isEmpty: Bool { values.isEmpty }

    /// Sets or (with nil) removes a quota.
    mutating func set(_ value: Double?, _ key: QuotaKey, of entity: QuotaEntity) {
        values[entity, default: [:]][key] = value
        if values[entity]?.isEmpty == true { values[entity] = nil }
        // A new limit is measured from its beginning.
        meters = meters.filter { $0.key.key != key }
        buckets = buckets.filter { $0.key.key != key }
    }

    private func limit(_ key: QuotaKey, user: String, clientID: String) -> (Double, Sensor)? {
        for entity in QuotaEntity.candidates(user: user, clientID: clientID) {
            guard let limit = values[entity]?[key] else { continue }
            let sensor = Sensor(
                key: key, user: entity.user == nil ? nil : ExactName(user),
                clientID: entity.clientID == nil ? nil : ExactName(clientID))
            return (limit, sensor)
        }
        return nil
    }

    /// Counts what a client used of a rate.
    ///
    /// - Parameters:
    ///   - longest: the longest wait, in milliseconds.
    ///   - isTakenBackWhenOver: what goes over the limit is not served and does not count.
    /// - Returns: how long the client has to wait, in milliseconds.
    mutating func record(
        _ amount: Double, _ key: QuotaKey, user: String, clientID: String, now: Int64, longest: Int64 = .max,
        isTakenBackWhenOver: Bool = false
    ) -> Int64 {
        guard let (limit, sensor) = limit(key, user: user, clientID: clientID) else { return 0 }
        forgetIdleClients(now)
        var meter = meters[sensor] ?? RateMeter(sampleCount: sampleCount, sampleLength: sampleLength)
        meter.record(amount, now: now)
        let wait = min(meter.throttle(limit: limit, now: now), longest)
        if wait > 0, isTakenBackWhenOver { meter.record(-amount, now: now) }
        meters[sensor] = meter
        return wait
    }

    /// The most that one answer may carry for a client to get it at all; nil without a limit.
    func mostAtOnce(_ key: QuotaKey, user: String, clientID: String) -> Int? {
        guard let (limit, _) = limit(key, user: user, clientID: clientID) else { return nil }
        return Int(min(limit * Double(max(sampleCount - 1, 1)) * Double(sampleLength) / 1000, Double(Int32.max)))
    }

    /// Counts changes that a client makes.
    ///
    /// - Parameter isStrict: when the client is over its limit already, nothing is counted.
    /// - Returns: whether the change may be made, and how long the client has to wait, in milliseconds.
    mutating func recordMutations(
        _ count: Int, user: String, clientID: String, now: Int64, isStrict: Bool
    ) -> (isPermitted: Bool, wait: Int64) {
        guard let (rate, sensor) = limit(.controllerMutationRate, user: user, clientID: clientID) else {
            return (true, 0)
        }
        let burst = rate * Double(sampleCount) * Double(sampleLength) / 1000
        forgetIdleClients(now)
        var bucket = buckets[sensor] ?? TokenBucket(rate: rate, burst: burst, now: now)
        bucket.refill(now: now)
        let isPermitted = !isStrict || bucket.wait == 0
        if isPermitted { bucket.take(Double(count)) }
        buckets[sensor] = bucket
        return (isPermitted, bucket.wait)
    }

    /// Clients may make up names without end; what tells nothing new is let go, once per sample.
    private mutating func forgetIdleClients(_ now: Int64) {
        guard meters.count + buckets.count > Self.meterLimit, now - lastSweep >= sampleLength else { return }
        lastSweep = now
        meters = meters.filter { !$0.value.isIdle(now: now) }
        buckets = buckets.filter { !$0.value.isFull(now: now) }
    }
}
