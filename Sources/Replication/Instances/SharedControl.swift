internal import KafkaClient
package import NIOCore

/// Wishes of operators that concern the whole flow: pauses, requests to try again, and the limit, as all instances obey
/// them. No I/O: what is to be recorded is returned, and what is recorded is taken in with ``follow(_:)``.
package struct SharedControl: Sendable {
    /// News for the instance from what others have recorded.
    package struct Change: Hashable, Sendable {
        package var arePausesNew = false
        package var retries: [PauseScope: RetryCommand] = [:]
        package var isRateNew = false
        package var areReportsNew = false
        /// Milliseconds for which the source had not answered another instance when that told so: the least of them.
        package var sourceSilence: Int64?

        package init() {}
    }

    private let instance: String
    private let address: String?
    package private(set) var pauses = Pauses()
    private var claims: LimitClaims
    /// The limit that this instance's configuration names.
    private var configured: Int?
    private var recorded = RecordedControl()
    private var isOpen = false
    private var generation: Int32 = -1
    private var peers: Set<String> = []
    private var reported: Int64 = 0
    private let session: Duration
    /// Reports of others that were there when the group gave their parts away.
    private var leftBehind: [String: InstanceReport] = [:]
    /// Reports of instances that are not in the group, since when they are as they are.
    private var unchanged: [String: (report: InstanceReport, since: NIODeadline)] = [:]

    /// Milliseconds between reports while there are several instances.
    private static let interval: Int64 = 10_000
    /// Share of what an instance may read from which on it would read more if it could.
    private static let busy = 0.8
    /// Limits of instances that are kept, so that those who are started again can tell whether theirs has changed.
    private static let keptLimits = 64

    /// - Parameters:
    ///   - limit: bytes per second of the flow, as the configuration has it; nil for none.
    ///   - session: time after which an instance that is not in the group and says nothing is gone.
    package init(instance: String, address: String?, limit: Int?, session: Duration) {
        self.session = session
        self.instance = instance
        self.address = address
        configured = limit
        claims = LimitClaims(instance: instance, limit: limit)
    }

    /// Bytes per second that this instance may read; nil for as many as it can.
    package var rate: Int? { claims.granted }

    /// The flow's limit; nil for none.
    package var limit: Int? { claims.limit }

    /// True if other instances share the flow, as far as is known here.
    package var isShared: Bool { peers.count > 1 }

    // The topic.

    /// Takes in what is recorded when the flow starts.
    ///
    /// - Returns: what is to be recorded: pauses of before, and the limit when this instance's own has changed.
    package mutating func open(_ found: RecordedControl, now: Int64) -> [InstanceRecord] {
        isOpen = true
        recorded = found
        for scope in found.pauses.keys { _ = pauses.pause(scope) }
        let early = pauses.scopes.filter { found.pauses[$0] == nil }
        claims.change(limit: limit(of: found))
        claims.follow(found.reports)
        return early.map { pause($0, now) } + unrecorded
    }

    /// Takes in what is recorded by now.
    package mutating func follow(_ found: RecordedControl) -> Change {
        guard isOpen else { return Change() }
        var change = Change()
        let (before, rate) = (pauses.scopes, rate)
        for scope in recorded.pauses.keys where found.pauses[scope] == nil { _ = pauses.resume(scope) }
        for scope in found.pauses.keys { _ = pauses.pause(scope) }
        change.arePausesNew = pauses.scopes != before
        change.retries = found.retries.filter { $1 != recorded.retries[$0] && $1.by != instance }
        change.areReportsNew = found.reports != recorded.reports
        for (name, report) in found.reports where name != instance && report != recorded.reports[name] {
            guard peers.contains(name), let silence = report.sourceSilence else { continue }
            change.sourceSilence = min(change.sourceSilence ?? silence, silence)
        }
        recorded = found
        claims.change(limit: limit(of: found))
        claims.follow(found.reports)
        change.isRateNew = self.rate != rate
        return change
    }

    /// Takes in who shares the flow.
    package mutating func assigned(peers names: [String], generation: Int32) {
        peers = Set(names)
        self.generation = generation
        // A report of a later generation is of one that has joined since, or of a group that is no more.
        leftBehind = recorded.reports.filter { !peers.contains($0.key) && $0.value.generation < generation }
    }

    /// Takes reports of instances that are gone away, and so frees their shares of the limit. One of the instances does so.
    ///
    /// An instance is gone that the group has given the parts of to others, or that is not in the group and has said
    /// nothing for a session.
    ///
    /// - Parameter now: on ``SessionClock``.
    /// - Returns: what is to be recorded; the same until it is.
    package mutating func departed(at now: NIODeadline) -> [InstanceRecord] {
        guard isOpen, peers.min() == instance else {
            unchanged = [:]
            return []
        }
        let others = recorded.reports.filter { !peers.contains($0.key) }
        unchanged = unchanged.filter { others[$0.key] == $0.value.report }
        for (name, report) in others where unchanged[name] == nil { unchanged[name] = (report, now) }
        return unchanged.filter { leftBehind[$0.key] == $0.value.report || now - $0.value.since >= patience }.keys
            .sorted().map { .report($0, nil) }
    }

    /// Time until ``departed(at:)`` may find another that is gone; nil while nobody is waited for.
    package func nextDeparture(at now: NIODeadline) -> Duration? {
        let rests = unchanged.values.map { patience - (now - $0.since) }.filter { $0 > .zero }
        return rests.min().map { Duration.nanoseconds($0.nanoseconds) }
    }

    private var patience: TimeAmount { TimeAmount(session) }

    /// The record that takes this instance's report away once it reads no more; nil where there is none.
    package var farewell: InstanceRecord? { recorded.reports[instance] == nil ? nil : .report(instance, nil) }

    // Operators.

    /// - Returns: whether that was news, and what is to be recorded.
    package mutating func pause(_ scope: PauseScope, now: Int64) -> (isNews: Bool, records: [InstanceRecord]) {
        let before = pauses.scopes
        guard pauses.pause(scope) else { return (false, []) }
        guard isOpen else { return (true, []) }
        let contained = before.subtracting(pauses.scopes)
        return (true, [pause(scope, now)] + contained.map { .pause($0, nil) })
    }

    package mutating func resume(_ scope: PauseScope) -> (result: Pauses.Resumption, records: [InstanceRecord]) {
        let before = pauses.scopes
        let result = pauses.resume(scope)
        return (result, isOpen ? before.subtracting(pauses.scopes).map { .pause($0, nil) } : [])
    }

    /// - Parameter id: unlike that of any other request.
    package func retry(_ scope: PauseScope, id: String) -> [InstanceRecord] {
        isOpen && isShared ? [.retry(scope, RetryCommand(id: id, by: instance))] : []
    }

    /// Takes in another limit of this instance's configuration.
    package mutating func configure(limit: Int?) -> [InstanceRecord] {
        guard limit != configured else { return [] }
        configured = limit
        guard isOpen else {
            claims.change(limit: limit)
            return []
        }
        return limitRecords()
    }

    // Traffic.

    /// The limit of this instance's configuration, should it not have been recorded yet.
    package var unrecorded: [InstanceRecord] {
        isOpen && recorded.limits[instance] != LimitRecord(bytesPerSecond: configured) ? limitRecords() : []
    }

    /// The report of this instance; nil while none is due.
    ///
    /// - Parameter sourceSilence: milliseconds for which the source has not answered here; nil where that is not known.
    package mutating func report(
        _ traffic: PartLoads.Traffic, sourceSilence: Int64? = nil, now: Int64
    ) -> InstanceRecord? {
        guard isOpen else { return nil }
        let read = Self.whole(traffic.bytesPerSecond)
        // One that reads nearly all that it may would perhaps read more.
        let isBusy = rate.map { traffic.bytesPerSecond >= Self.busy * Double($0) } ?? true
        let demand = isBusy ? nil : min(read + read / 4, InstanceReport.largest)
        let (claim, isClaimDue) = claims.next(demand: demand)
        let isTimely = !(0..<Self.interval).contains(now - reported)
        guard isClaimDue || (isShared && isTimely) else { return nil }
        reported = now
        return .report(
            instance,
            InstanceReport(
                address: address, generation: generation, bytesPerSecond: read,
                requestsPerSecond: Self.whole(traffic.requestsPerSecond), demand: demand, claim: claim,
                claimNumber: claims.number, sourceSilence: sourceSilence, time: now))
    }

    /// Load of each instance that shares the flow, as ``PartLoads/Traffic/load`` has it; nil while one has not reported.
    package var loads: [Double]? {
        let reports = peers.compactMap { recorded.reports[$0] }
        guard reports.count == peers.count else { return nil }
        return reports.map {
            PartLoads.Traffic(
                bytesPerSecond: Double($0.bytesPerSecond), requestsPerSecond: Double($0.requestsPerSecond)
            ).load
        }
    }

    private func pause(_ scope: PauseScope, _ now: Int64) -> InstanceRecord {
        .pause(scope, PauseRecord(since: now, by: instance))
    }

    private func limit(of found: RecordedControl) -> Int? {
        found.limit.map(\.bytesPerSecond) ?? configured
    }

    /// Records of the limit, with tombstones for claims that no instance has used for long.
    private func limitRecords() -> [InstanceRecord] {
        var records: [InstanceRecord] = [.limit(instance, LimitRecord(bytesPerSecond: configured))]
        guard recorded.limits.count >= Self.keptLimits else { return records }
        records += recorded.limits.keys.filter { $0 != instance && !peers.contains($0) }.sorted().map {
            .limit($0, nil)
        }
        return records
    }

    private static func whole(_ rate: Double) -> Int {
        guard rate.isFinite else { return 0 }
        return Int(min(max(rate, 0), Double(InstanceReport.largest)))
    }
}
