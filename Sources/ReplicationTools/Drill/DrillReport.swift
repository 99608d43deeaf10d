/// Emergency that is practised.
public enum DrillScenario: String, Hashable, Sendable, CaseIterable, Codable {
    /// The source dies, consumers and producers fail over, the source comes back, they fail back.
    case activePassive = "active-passive"
    /// Both sides produce and consume; one dies and comes back.
    case activeActive = "active-active"
    /// Producers stop first, everything is drained, then they move; and back again in the same way.
    case planned
    /// The source dies and stays away.
    case unplanned
    /// The target cannot be reached for a while.
    case partition
    /// One of several instances that share the flow dies.
    case instance
}

/// Measurements of a drill.
public struct DrillReport: Hashable, Sendable, Codable {
    public struct Event: Hashable, Sendable, Codable {
        /// Seconds since the drill began.
        public var seconds: Double
        public var text: String
    }

    public var scenario: DrillScenario
    /// Records acknowledged to producers on either side.
    public var produced = 0
    /// Records that the source had acknowledged and the target did not have when it failed.
    public var rpoRecords = 0
    /// Age of the oldest of them at that moment, in seconds.
    public var rpoSeconds = 0.0
    /// From the failure to the first record that a consumer read at the target, in seconds.
    public var rtoConsumersSeconds = 0.0
    /// From the failure to the first record that the target acknowledged to a producer, in seconds.
    public var rtoProducersSeconds = 0.0
    /// Records that are more than once in either cluster's log.
    public var doubled = 0
    /// Acknowledged records that are in the surviving clusters' logs in the end neither here nor there.
    public var lost = 0
    /// Records that consumers read again although the group had committed them: the error of offset translation.
    public var rereadAfterCommit = 0
    /// Records read twice in all, those included that were read but not committed when the source failed.
    public var readTwice = 0
    /// Records in the log that the consumers passed over.
    public var missedByConsumers = 0
    /// Longest time without replication, for `partition`: from the cut until everything was there again.
    public var recoverySeconds = 0.0
    /// Partitions of the instance that died, for `instance`.
    public var gapPartitions = 0
    /// From its death until the target had the next record of a partition that it had: the median, in seconds.
    public var gapMedianSeconds = 0.0
    /// The longest of these times, in seconds.
    public var gapLongestSeconds = 0.0
    public var events: [Event] = []

    /// True if the drill went as it should: nothing doubled or passed over, nothing lost but what an unplanned failure
    /// takes with it, and nothing at all where the source came back or was left in order.
    public var isGood: Bool {
        // Where nothing was produced, nothing was practised.
        guard produced > 0, doubled == 0, missedByConsumers == 0 else { return false }
        switch scenario {
        case .planned: return rpoRecords == 0 && lost == 0 && rereadAfterCommit == 0 && readTwice == 0
        case .activePassive, .activeActive, .partition: return lost == 0
        case .unplanned: return lost == rpoRecords
        case .instance: return lost == 0 && gapPartitions > 0
        }
    }

    package init(scenario: DrillScenario) {
        self.scenario = scenario
    }
}
