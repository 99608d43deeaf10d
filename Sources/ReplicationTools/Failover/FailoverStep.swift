/// Kind of a failover: with time to do it in order, or without.
public enum FailoverKind: String, Hashable, Sendable, Codable, CaseIterable {
    /// Both clusters answer: nothing is left behind.
    case planned
    /// The source is lost or cannot be waited for: what it alone holds is left behind, and listed.
    case unplanned
}

/// One step of a failover. Each finds out what is left for it to do, so that it may be taken again. Reports and records
/// keep the older names.
public enum FailoverStep: String, Hashable, Sendable, Codable, CaseIterable {
    /// Checks that a failover can be done. Changes nothing.
    case preflight
    /// Takes the right to write at the source from the producers.
    case fence
    /// Waits until the source's ends no longer change, and takes them for fixed.
    case quiesce = "still"
    /// Waits until everything below those ends is on the target.
    case drain
    /// Records the position of every partition when the source was lost.
    case snapshot = "cut"
    /// Commits every selected group's positions on the target.
    case groups
    /// Compares the last records of every partition.
    case verify
    /// Has the opposite flow begin where the target's own records begin.
    case prepareFailback = "opposite"
    /// Gives producers of the target back the right to write that an earlier failover took from them.
    case unfence = "lift"
    /// Records that the target has taken over.
    case complete = "handOver"

    /// The steps of a failover, in order.
    public static func steps(of kind: FailoverKind) -> [FailoverStep] {
        switch kind {
        case .planned: [.preflight, .fence, .quiesce, .drain, .groups, .verify, .prepareFailback, .unfence, .complete]
        case .unplanned: [.preflight, .snapshot, .groups, .prepareFailback, .unfence, .complete]
        }
    }
}
