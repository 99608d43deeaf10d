internal import KafkaClient

/// The share that an instance may take of the flow's limit. No I/O.
///
/// Each instance's claim is a record in the progress topic, whose order decides: a claim is granted when all claims
/// together, as they are where it comes by, do not exceed the limit. An instance that takes less does so before saying
/// it; one that wants more says so first and takes it when its own record comes by. So all together never take more
/// than the limit, whatever each has read so far. The claim of an instance that has died counts until its
/// report is taken away, see ``SharedControl/departed(at:)``.
package struct LimitClaims: Hashable, Sendable {
    private let instance: String
    /// Nil for none.
    package private(set) var limit: Int?
    /// Claims as they were last written, granted or not.
    private var claims: [String: Int] = [:]
    /// Bytes per second that each would read; nil for as many as it may.
    private var demands: [String: Int?] = [:]
    /// Bytes per second that this instance may read; nil for no limit.
    package private(set) var granted: Int?
    /// Number of the claim that was handed out last, for the report that carries it.
    package private(set) var number: Int
    /// True if a claim has been handed out: until it comes by, older ones of this instance do not count any more. What
    /// was let go of between the two may have been taken by others.
    private var hasHandedOut = false

    /// Change of a share that is worth a record, as a part of the limit.
    private static let worthwhile = 0.05
    /// Part of an equal share that one that reads nothing keeps, so that it can begin to.
    private static let leastShare = 4

    /// - Parameters:
    ///   - instance: the one that this is about.
    ///   - number: of its first claim; one that an earlier process of the same name has not used.
    package init(instance: String, limit: Int?, firstNumber number: Int = .random(in: 0..<1 << 50)) {
        self.instance = instance
        self.number = number
        self.limit = limit
        granted = limit == nil ? nil : 0
    }

    /// Takes in what all have reported by now. An instance that is gone has no report any more.
    package mutating func follow(_ reports: [String: InstanceReport]) {
        claims = reports.compactMapValues(\.claim)
        demands = reports.mapValues(\.demand)
        guard let limit, let present = granted else { return }
        guard let claim = claims[instance] else {
            granted = 0
            return
        }
        guard !hasHandedOut || reports[instance]?.claimNumber == number else { return }
        granted = claims.values.reduce(0, +) <= limit ? claim : min(present, claim)
    }

    /// Takes in another limit of the flow. A lower one holds at once, by what all have said so far.
    package mutating func change(limit new: Int?) {
        guard limit != new else { return }
        let present = granted
        limit = new
        guard let new else {
            granted = nil
            return
        }
        // Without a limit nobody has said how much it takes: what all have reported decides.
        granted = min(present ?? new, fairShare(of: new))
    }

    /// The claim to be written with the next report, and whether that is worth a report of its own.
    ///
    /// - Parameter demand: bytes per second that this instance would read; nil for as many as it may.
    package mutating func next(demand: Int?) -> (claim: Int?, isDue: Bool) {
        demands[instance] = .some(demand)
        guard let limit, let present = granted else { return (nil, claims[instance] != nil) }
        let wanted = fairShare(of: limit)
        let free = max(0, limit - claims.filter { $0.key != instance }.values.reduce(0, +))
        let claim = wanted > present ? max(present, min(wanted, free)) : wanted
        let step = max(1, Int(Double(limit) * Self.worthwhile))
        let isWorthIt = abs(claim - present) >= step || (present == 0) != (claim == 0)
        guard isWorthIt else { return handOut(present) }
        // Less is taken before it is said.
        if claim < present { granted = claim }
        return handOut(claim)
    }

    private mutating func handOut(_ claim: Int) -> (claim: Int?, isDue: Bool) {
        guard claims[instance] != claim else { return (claim, false) }
        number += 1
        hasHandedOut = true
        return (claim, true)
    }

    private func fairShare(of limit: Int) -> Int {
        var all = demands
        all[instance] = all[instance] ?? .some(nil)
        let names = all.keys.sorted()
        let least = limit / (names.count * Self.leastShare)
        let shares = Self.divide(limit, among: names.map { all[$0].flatMap { $0 }.map { max($0, least) } })
        return names.firstIndex(of: instance).map { shares[$0] } ?? 0
    }

    /// Max-min division: an instance that wants less than an equal share gets that, the others share the rest equally.
    /// If something is left, all get an equal part of it, so that each has room to grow.
    ///
    /// - Parameter demands: nil for as much as there is.
    /// - Returns: shares in the same order, whose sum is the limit at most.
    package static func divide(_ limit: Int, among demands: [Int?]) -> [Int] {
        guard !demands.isEmpty else { return [] }
        var shares = Array(repeating: 0, count: demands.count)
        var rest = limit
        var count = demands.count
        for index in demands.indices.sorted(by: { (demands[$0] ?? .max, $0) < (demands[$1] ?? .max, $1) }) {
            shares[index] = min(demands[index] ?? .max, rest / count)
            rest -= shares[index]
            count -= 1
        }
        let surplus = rest / demands.count
        return shares.map { $0 + surplus }
    }
}
