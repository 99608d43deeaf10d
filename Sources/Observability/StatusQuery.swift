/// The part of the state that a request for it is about.
public struct StatusQuery: Sendable, Hashable {
    public enum Scope: Sendable, Hashable {
        /// The flows as wholes: the other instances are asked.
        case flow
        /// The part of this instance: nobody is asked.
        case instance
    }

    public var partitions: PartitionSelection
    public var scope: Scope

    public init(partitions: PartitionSelection = .all, scope: Scope = .flow) {
        self.partitions = partitions
        self.scope = scope
    }
}

/// Answer to the question of `/readyz`.
public struct Readiness: Sendable, Hashable {
    /// Reasons why this instance is not ready; empty when it is.
    public var obstacles: [String]
    /// State of the flows, in words, where they are shared with other instances.
    public var remarks: [String]

    public init(obstacles: [String], remarks: [String] = []) {
        self.obstacles = obstacles
        self.remarks = remarks
    }
}
