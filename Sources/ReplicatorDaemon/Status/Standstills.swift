package import Logging
internal import Observability
package import Replication

/// Partitions of all flows that make no progress although there is something to copy, as of the last poll.
package struct Standstills: Sendable {
    /// Log message about partitions of a flow that have come to a standstill.
    package struct Warning: Sendable {
        package var message: String
        package var metadata: Logger.Metadata
    }

    private var watchdog: ProgressWatchdog
    private var known: [String: [ProgressWatchdog.Stuck]] = [:]
    /// Flows with standstills that have been told, and not their end.
    private var told: Set<String> = []
    /// Reasons that have been told of them: what comes to a standstill later for the same one is no news.
    private var toldReasons: [String: Set<String>] = [:]

    /// - Parameter patience: how long lag without progress is nothing to worry about.
    package init(patience: Duration) {
        watchdog = ProgressWatchdog(patience: patience)
    }

    /// - Parameter patience: as at the beginning, from now on.
    package mutating func worry(after patience: Duration) {
        watchdog.patience = patience
    }

    /// Forgets flows other than these.
    package mutating func keep(_ flows: Set<String>) {
        known = known.filter { flows.contains($0.key) }
        told.formIntersection(flows)
        toldReasons = toldReasons.filter { flows.contains($0.key) }
    }

    /// Takes in the state of every flow.
    ///
    /// - Returns: one warning for each flow with partitions that have come to a standstill since; each is told once.
    package mutating func update(_ statuses: [FlowStatus], at now: ContinuousClock.Instant) -> [Warning] {
        let found = Dictionary(grouping: watchdog.observe(statuses.flatMap(Self.observations), at: now), by: \.flow)
        let warnings = statuses.compactMap { status -> Warning? in
            let stuck = found[status.name] ?? []
            guard !stuck.isEmpty else { return nil }
            let before = Set((known[status.name] ?? []).map(\.place))
            let reasons = Self.reasons(status)
            let old = toldReasons[status.name] ?? []
            let fresh = stuck.filter { one in
                guard !before.contains(one.place) else { return false }
                return reasons[one.topic]?[one.partition].map { !old.contains($0) } ?? true
            }
            toldReasons[status.name] = old.union(stuck.compactMap { reasons[$0.topic]?[$0.partition] })
            return Self.warning(fresh, status)
        }
        known = found
        told.formUnion(found.filter { !$0.value.isEmpty }.keys)
        return warnings
    }

    /// Names of flows in which everything makes progress again, since the last call.
    package mutating func takeEnded() -> [String] {
        let ended = told.filter { known[$0]?.isEmpty ?? true }.sorted()
        told.subtract(ended)
        for flow in ended { toldReasons[flow] = nil }
        return ended
    }

    /// Obstacles, by topic and partition.
    private static func reasons(_ status: FlowStatus) -> [String: [Int32: String]] {
        var reasons: [String: [Int32: String]] = [:]
        for partition in status.partitions {
            reasons[partition.topic, default: [:]][partition.partition] = partition.obstacle ?? partition.lagUnknown
        }
        return reasons
    }

    private static func observations(_ flow: FlowStatus) -> [ProgressWatchdog.Observation] {
        flow.partitions.map {
            ProgressWatchdog.Observation(
                flow: flow.name, topic: $0.topic, partition: $0.partition, offset: $0.progress, lag: $0.lag,
                isMeantToMove: $0.state == .active && flow.state == .running)
        }
    }

    private static func warning(_ fresh: [ProgressWatchdog.Stuck], _ status: FlowStatus) -> Warning? {
        guard let first = fresh.first else { return nil }
        let partition = status.partitions.first { $0.topic == first.topic && $0.partition == first.partition }
        var metadata: Logger.Metadata = [
            "flow": "\(status.name)", "topic": "\(first.topic)", "partition": "\(first.partition)",
            "offset": "\(first.offset)", "lag": "\(first.lag.map { "\($0)" } ?? "unknown")",
        ]
        metadata["reason"] = (partition?.obstacle ?? partition?.lagUnknown).map { "\($0)" }
        let subject = fresh.count == 1 ? "partition makes" : "\(fresh.count) partitions make"
        let why =
            first.lag == nil
            ? "and how far behind is not known" : "although there is something to copy"
        return Warning(message: "\(subject) no progress \(why)", metadata: metadata)
    }

    /// The status with the times for which its partitions have made no progress.
    package func marking(_ status: FlowStatus, at now: ContinuousClock.Instant) -> FlowStatus {
        guard let found = known[status.name], !found.isEmpty else { return status }
        var status = status
        var since: [String: [Int32: ContinuousClock.Instant]] = [:]
        for one in found { since[one.topic, default: [:]][one.partition] = one.since }
        for index in status.partitions.indices where status.partitions[index].state == .active {
            let partition = status.partitions[index]
            status.partitions[index].stuckForSeconds = since[partition.topic]?[partition.partition].map {
                Int(($0.duration(to: now)) / .seconds(1))
            }
        }
        return status
    }
}

extension FlowStatus.Partition {
    /// A number that changes as long as the partition moves: also while its copy's log is only brought to an offset.
    fileprivate var progress: Int64 {
        fillsUpTo == nil ? sourceOffset : sourceOffset.addingReportingOverflow(targetOffset).partialValue
    }
}
