package import Replication

/// A flow in one or two words: what a person is told in its place in a list, a picture or a heading. A flow that runs
/// may still copy nothing.
package enum FlowCondition: String, Sendable, Hashable, Codable, CaseIterable, CustomStringConvertible {
    // The worst first: that is the order of lists.
    case stopped
    case waiting
    case sourceDown = "source down"
    case targetDown = "target down"
    case failed
    case stuck
    case partlyFailed = "partly failed"
    case topicsWait = "topics wait"
    case partlyStuck = "partly stuck"
    /// An instance that has a part of it tells nothing.
    case partlyUnknown = "partly unknown"
    case starting
    case draining
    /// It is the turn of the flow that goes the other way.
    case resting
    case paused
    case partlyPaused = "partly paused"
    case running

    package init(_ status: FlowStatus, _ counts: FlowCounts) {
        switch status.state {
        case .stopped: self = .stopped
        case .waiting: self = .waiting
        case .resting: self = .resting
        case .starting: self = .starting
        case .draining: self = .draining
        case .running: self = Self.running(status, counts)
        }
    }

    private static func running(_ status: FlowStatus, _ counts: FlowCounts) -> FlowCondition {
        if counts.failed > 0, counts.failed == counts.partitions { return .failed }
        if status.reason != nil || counts.stuck > 0 && counts.failed + counts.stuck >= counts.moving { return .stuck }
        if counts.failed > 0 { return .partlyFailed }
        if counts.waitingTopics > 0 { return .topicsWait }
        if counts.stuck > 0 { return .partlyStuck }
        if status.paused.contains("\(PauseScope.flow)") || counts.paused > 0 && counts.paused == counts.partitions {
            return .paused
        }
        return status.paused.isEmpty ? .running : .partlyPaused
    }

    /// The condition when one of the clusters cannot be reached: that explains more than what follows from it.
    ///
    /// - Parameter isDown: given a cluster's name.
    package func considering(_ status: FlowStatus, isDown: (String) -> Bool) -> FlowCondition {
        guard self != .stopped, self != .draining else { return self }
        if isDown(status.source) { return .sourceDown }
        return isDown(status.target) ? .targetDown : self
    }

    /// Place in a list that shows trouble first; from 0 on.
    package var rank: Int { Self.allCases.firstIndex(of: self) ?? 0 }

    package var isTrouble: Bool { ![.running, .paused, .partlyPaused, .draining, .resting].contains(self) }

    package var description: String { rawValue }
}
