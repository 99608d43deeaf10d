/// The two clusters of a drill, and what can be done to them.
public protocol DrillClusters: Sendable {
    /// Takes the source away as a power failure would.
    func killSource() async throws
    /// The source comes back, with what it had.
    func reviveSource() async throws
    /// The target falls silent; connections stay open and nothing is answered.
    func silenceTarget() async throws
    func unsilenceTarget() async throws
}

/// Settings of a drill.
public struct DrillSettings: Sendable {
    public var scenario = DrillScenario.activePassive
    public var recordsPerSecond = 2000
    /// Length of each phase in which producers and consumers work undisturbed.
    public var phase: Duration = .seconds(4)
    public var partitions: Int32 = 3
    public var topic = "drill.orders"
    public var group = "drill.readers"
    /// Time that any condition is waited for.
    public var patience: Duration = .seconds(60)

    public init() {}
}
