// Messages of operators and instances to all instances of a flow, through its progress topic.

/// A part of the flow is paused.
package struct PauseRecord: Hashable, Sendable, Codable {
    /// Milliseconds since 1970.
    package var since: Int64
    /// Instance that was asked.
    package var by: String

    package init(since: Int64, by: String) {
        self.since = since
        self.by = by
    }
}

/// A request to try again what has failed. Each instance obeys it once, when it comes by: one that starts tries
/// everything anyhow.
package struct RetryCommand: Hashable, Sendable, Codable {
    package var id: String
    /// Instance that was asked.
    package var by: String

    package init(id: String, by: String) {
        self.id = id
        self.by = by
    }
}

/// The limit that an instance's configuration names. Of all instances' the newest record is the flow's: an instance
/// writes one when its own has changed.
package struct LimitRecord: Hashable, Sendable, Codable {
    /// Nil for no limit.
    package var bytesPerSecond: Int?

    package init(bytesPerSecond: Int?) { self.bytesPerSecond = bytesPerSecond }
}

/// The traffic of an instance, and its claim on the flow's limit.
package struct InstanceReport: Hashable, Sendable, Codable {
    /// Address of its HTTP endpoint; nil where it has none.
    package var address: String?
    /// Generation of the group that its parts go back to; -1 before the first.
    package var generation: Int32
    package var bytesPerSecond: Int
    package var requestsPerSecond: Int
    /// Bytes per second that it would read; nil for as many as it may.
    package var demand: Int?
    /// Bytes per second of the flow's limit that it takes for itself; nil while there is no limit.
    package var claim: Int?
    /// Tells the instance's own claims apart.
    package var claimNumber: Int?
    /// Milliseconds for which the source has not answered it; nil where it does not tell.
    package var sourceSilence: Int64?
    /// Milliseconds since 1970.
    package var time: Int64

    package init(
        address: String?, generation: Int32, bytesPerSecond: Int, requestsPerSecond: Int, demand: Int?, claim: Int?,
        claimNumber: Int?, sourceSilence: Int64? = nil, time: Int64
    ) {
        self.address = address
        self.generation = generation
        self.bytesPerSecond = bytesPerSecond
        self.requestsPerSecond = requestsPerSecond
        self.demand = demand
        self.claim = claim
        self.claimNumber = claimNumber
        self.sourceSilence = sourceSilence
        self.time = time
    }

    func check() throws(ImpossibleState) {
        let numbers = [bytesPerSecond, requestsPerSecond, demand ?? 0, claim ?? 0]
        guard numbers.allSatisfy({ (0...Self.largest).contains($0) }) else {
            throw ImpossibleState("a rate in it is negative, or larger than there can be")
        }
        if let sourceSilence, !(0...Int64(Self.largest)).contains(sourceSilence) {
            throw ImpossibleState("the source has been silent for \(sourceSilence) ms")
        }
    }

    /// Far more than a machine moves; sums of many stay far from the end of the numbers.
    package static let largest = 1 << 50
}

/// Everything of the kind that a progress topic holds.
package struct RecordedControl: Hashable, Sendable {
    package private(set) var pauses: [PauseScope: PauseRecord] = [:]
    package private(set) var retries: [PauseScope: RetryCommand] = [:]
    package private(set) var limits: [String: LimitRecord] = [:]
    /// Instance whose record of ``limits`` is the newest.
    package private(set) var limitSource: String?
    package private(set) var reports: [String: InstanceReport] = [:]

    package init() {}

    /// The flow's limit, as it was changed last; nil before anything was recorded.
    package var limit: LimitRecord? { limitSource.flatMap { limits[$0] } }

    package mutating func take(_ record: InstanceRecord) {
        switch record {
        case .pause(let scope, let pause): pauses[scope] = pause
        case .retry(let scope, let command): retries[scope] = command
        case .limit(let instance, let limit):
            limits[instance] = limit
            if limit != nil { limitSource = instance }
            if limit == nil, limitSource == instance { limitSource = nil }
        case .report(let instance, let report): reports[instance] = report
        }
    }

    /// Records from which this can be taken in again: the newest limit comes last.
    package var records: [InstanceRecord] {
        var records = pauses.map { InstanceRecord.pause($0, $1) }
        records += retries.map { .retry($0, $1) }
        for (instance, limit) in limits where instance != limitSource { records.append(.limit(instance, limit)) }
        if let limitSource, let limit { records.append(.limit(limitSource, limit)) }
        return records + reports.map { .report($0, $1) }
    }
}

/// One record of the kind. Nil takes away what was said before.
package enum InstanceRecord: Hashable, Sendable {
    /// Key `pause/flow`, `pause/topic/<topic>` or `pause/partition/<topic>/<number>`.
    case pause(PauseScope, PauseRecord?)
    /// Key `retry/` with the scope as in `pause/`.
    case retry(PauseScope, RetryCommand?)
    /// Key `limit/<instance>`.
    case limit(String, LimitRecord?)
    /// Key `instance/<instance>`.
    case report(String, InstanceReport?)

    package enum Key: Hashable, Sendable {
        case pause(PauseScope)
        case retry(PauseScope)
        case limit(String)
        case report(String)

        /// Nil for keys that are of another kind.
        package init?(_ parts: [Substring]) {
            // An instance's id may hold slashes.
            let rest = parts.dropFirst().joined(separator: "/")
            switch (parts.first, parts.count) {
            case ("limit", 2...) where !rest.isEmpty: self = .limit(rest)
            case ("instance", 2...) where !rest.isEmpty: self = .report(rest)
            case ("pause", 2...):
                guard let scope = Self.scope(parts.dropFirst()) else { return nil }
                self = .pause(scope)
            case ("retry", 2...):
                guard let scope = Self.scope(parts.dropFirst()) else { return nil }
                self = .retry(scope)
            default: return nil
            }
        }

        private static func scope(_ parts: ArraySlice<Substring>) -> PauseScope? {
            let names = parts.dropFirst().map(String.init)
            switch (parts.first, names.count) {
            case ("flow", 0): return .flow
            case ("topic", 1) where !names[0].isEmpty: return .topic(names[0])
            case ("partition", 2) where !names[0].isEmpty:
                guard let number = Int32(names[1]), number >= 0 else { return nil }
                return .partition(names[0], number)
            default: return nil
            }
        }

        package var text: String {
            switch self {
            case .pause(let scope): "pause/\(Self.text(scope))"
            case .retry(let scope): "retry/\(Self.text(scope))"
            case .limit(let instance): "limit/\(instance)"
            case .report(let instance): "instance/\(instance)"
            }
        }

        private static func text(_ scope: PauseScope) -> String {
            switch scope {
            case .flow: "flow"
            case .topic(let topic): "topic/\(topic)"
            case .partition(let topic, let partition): "partition/\(topic)/\(partition)"
            }
        }
    }

    package var key: Key {
        switch self {
        case .pause(let scope, _): .pause(scope)
        case .retry(let scope, _): .retry(scope)
        case .limit(let instance, _): .limit(instance)
        case .report(let instance, _): .report(instance)
        }
    }
}
