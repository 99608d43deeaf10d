package import NIOCore

/// Decides when the traffic of the instances differs so much that a new generation is worth it.
///
/// A new generation costs a record and an answer for each instance, and nothing of what stays. One that changes nothing,
/// because a single partition carries most of the traffic, is asked for less and less often.
package struct RebalanceRule: Sendable {
    /// Deviation from the mean, as a share of it, that is not worth a new generation.
    private static let tolerated = 0.15
    /// Looks in a row at a difference that lasts.
    private static let looks = 3
    private static let leastInterval: TimeAmount = .seconds(60)
    private static let largestInterval: TimeAmount = .minutes(32)
    /// Load below which balance is of no use: bytes per second of all instances together.
    private static let leastLoad = 64.0 * 1_024

    private var seen = 0
    private var asked: NIODeadline?
    private var interval = leastInterval

    package init() {}

    /// Takes in a look at the traffic.
    ///
    /// - Parameter loads: of all instances, each as ``PartLoads/Traffic/load`` has it.
    /// - Returns: whether a new generation is to be asked for now.
    package mutating func isDue(_ loads: [Double], at now: NIODeadline) -> Bool {
        let sum = loads.reduce(0, +)
        let mean = sum / Double(max(1, loads.count))
        guard loads.count > 1, sum >= Self.leastLoad,
            loads.contains(where: { abs($0 - mean) > Self.tolerated * mean })
        else {
            seen = 0
            interval = Self.leastInterval
            return false
        }
        seen += 1
        guard seen >= Self.looks, asked.map({ now - $0 >= interval }) ?? true else { return false }
        seen = 0
        if asked != nil { interval = min(interval * 2, Self.largestInterval) }
        asked = now
        return true
    }
}
