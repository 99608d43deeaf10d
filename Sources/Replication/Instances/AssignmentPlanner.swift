/// The division of a flow's parts among its instances: complete, no part twice, sticky, balanced by load, in two steps.
///
/// Who has a part keeps it unless moving it improves the balance enough. A part that moves is in nobody's assignment as
/// long as its owner claims it; the owner lets go of it and joins again, and the next generation gives it away.
package struct AssignmentPlanner: Sendable {
    package struct Member: Hashable, Sendable {
        /// The id that the coordinator has given it.
        package var id: String
        package var rack: String?
        /// Generation that `owned` goes back to.
        package var generation: Int32
        package var owned: [FlowPart: Double]

        package init(id: String, rack: String? = nil, generation: Int32 = -1, owned: [FlowPart: Double] = [:]) {
            self.id = id
            self.rack = rack
            self.generation = generation
            self.owned = owned
        }
    }

    package struct Plan: Hashable, Sendable {
        /// Of each member, by its id.
        package var assignments: [String: Set<FlowPart>]
        /// Parts that wait for the members that claim them to let go.
        package var withheld: Set<FlowPart>
    }

    /// Deviation from the mean from which on parts are moved, and down to which, as shares of the mean.
    private static let begins = 0.15
    private static let ends = 0.05
    /// Load of a part beside what passes through it, as a share of the mean load of all parts: idle ones are divided by
    /// number.
    private static let idleShare = 0.1

    private let parts: Set<FlowPart>
    private let racks: [FlowPart: String]

    /// - Parameters:
    ///   - parts: everything that is to be divided.
    ///   - racks: where a partition is best read, as far as that is known.
    package init(parts: Set<FlowPart>, racks: [FlowPart: String] = [:]) {
        self.parts = parts
        self.racks = racks
    }

    package func plan(for members: [Member]) -> Plan {
        guard !members.isEmpty else { return Plan(assignments: [:], withheld: []) }
        // The order must not depend on the order of joining.
        let members = members.sorted { $0.id < $1.id }
        let claims = claims(of: members)
        let weights = weights(members)
        var division = Division(members: members.count)
        var free: [(part: FlowPart, weight: Double)] = []
        for part in parts {
            let weight = weights[part] ?? 1
            if let claim = claims[part] {
                division.give(part, weight, to: claim.owner)
            } else {
                free.append((part, weight))
            }
        }
        for (part, weight) in free.sorted(by: { ($1.weight, $0.part) < ($0.weight, $1.part) }) {
            division.give(part, weight, to: division.leastLoaded(preferring: rackMates(of: part, members), within: weight))
        }
        balance(&division, members)
        return handOver(division, claims, members)
    }

    /// A part that members have, or believe to have.
    private struct Claim {
        /// The one whose claim is the newest: the others were silent when it was given away.
        var owner: Int
        var generation: Int32
        /// Two claims are equally new, which no assignment leads to: both have to let go.
        var isDisputed = false
    }

    private func claims(of members: [Member]) -> [FlowPart: Claim] {
        var claims: [FlowPart: Claim] = [:]
        for (number, member) in members.enumerated() {
            for part in member.owned.keys where parts.contains(part) {
                guard let known = claims[part], known.generation >= member.generation else {
                    claims[part] = Claim(owner: number, generation: member.generation)
                    continue
                }
                if known.generation == member.generation { claims[part]?.isDisputed = true }
            }
        }
        return claims
    }

    /// What another member has is left out of everybody's assignment until that one lets go of it.
    private func handOver(_ division: Division, _ claims: [FlowPart: Claim], _ members: [Member]) -> Plan {
        var plan = Plan(assignments: [:], withheld: [])
        for (number, member) in members.enumerated() {
            var given: Set<FlowPart> = []
            for part in division.parts(of: number) {
                if let claim = claims[part], claim.owner != number || claim.isDisputed {
                    plan.withheld.insert(part)
                } else {
                    given.insert(part)
                }
            }
            plan.assignments[member.id] = given
        }
        return plan
    }

    private func weights(_ members: [Member]) -> [FlowPart: Double] {
        var loads: [FlowPart: Double] = [:]
        for member in members {
            for (part, load) in member.owned where parts.contains(part) { loads[part] = max(loads[part] ?? 0, load) }
        }
        let mean = loads.values.reduce(0, +) / Double(max(1, parts.count))
        let least = max(1, mean * Self.idleShare)
        var weights: [FlowPart: Double] = [:]
        weights.reserveCapacity(parts.count)
        // Nothing is known of a part that nobody has: the mean is the best guess.
        for part in parts { weights[part] = (loads[part] ?? mean) + least }
        return weights
    }

    private func rackMates(of part: FlowPart, _ members: [Member]) -> [Int] {
        guard let rack = racks[part] else { return [] }
        return members.indices.filter { members[$0].rack == rack }
    }

    /// Moves parts from the most to the least loaded, as long as that brings both nearer to the mean.
    private func balance(_ division: inout Division, _ members: [Member]) {
        guard members.count > 1, division.mean > 0, division.largestDeviation > Self.begins * division.mean else {
            return
        }
        // Each move narrows a gap; more of them than parts would go in circles.
        for _ in 0..<parts.count {
            let (most, least) = division.extremes
            let gap = division.load(of: most) - division.load(of: least)
            guard gap > Self.ends * division.mean else { return }
            let (from, to) = (members[most].rack, members[least].rack)
            let isMoved = division.move(from: most, to: least) { part in
                guard let rack = racks[part] else { return false }
                return rack == to && rack != from
            }
            guard isMoved else { return }
        }
    }
}

/// Parts by member, each member's sorted by weight.
private struct Division {
    private struct Weighted {
        var part: FlowPart
        var weight: Double
    }

    private var byMember: [[Weighted]]
    private var loads: [Double]
    private var isSorted = false

    /// Neighbours of the best weight among which a part of the right rack is looked for.
    private static let window = 8

    init(members: Int) {
        byMember = Array(repeating: [], count: members)
        loads = Array(repeating: 0, count: members)
    }

    mutating func give(_ part: FlowPart, _ weight: Double, to member: Int) {
        byMember[member].append(Weighted(part: part, weight: weight))
        loads[member] += weight
    }

    func parts(of member: Int) -> some Sequence<FlowPart> { byMember[member].lazy.map(\.part) }

    func load(of member: Int) -> Double { loads[member] }

    var mean: Double { loads.reduce(0, +) / Double(loads.count) }

    var largestDeviation: Double {
        let mean = mean
        return loads.map { abs($0 - mean) }.max() ?? 0
    }

    var extremes: (most: Int, least: Int) {
        var (most, least) = (0, 0)
        for member in loads.indices {
            if loads[member] > loads[most] { most = member }
            if loads[member] < loads[least] { least = member }
        }
        return (most, least)
    }

    /// The member with the least load; one of those preferred where it has no more than `within` above that.
    func leastLoaded(preferring preferred: [Int], within: Double) -> Int {
        let least = extremes.least
        let near = preferred.filter { loads[$0] <= loads[least] + within }
        return near.min { (loads[$0], $0) < (loads[$1], $1) } ?? least
    }

    /// Moves the part that brings two members closest together, if any brings them closer.
    ///
    /// - Parameter isPreferred: among those that do so about equally well.
    mutating func move(from giver: Int, to taker: Int, _ isPreferred: (FlowPart) -> Bool) -> Bool {
        sort()
        let gap = loads[giver] - loads[taker]
        let candidates = byMember[giver]
        // A weight above the whole gap would only change who has more.
        let end = Self.firstIndex(in: candidates) { $0.weight >= gap }
        guard end > 0 else { return false }
        let half = Self.firstIndex(in: candidates) { $0.weight >= gap / 2 }
        var best = min(half, end - 1)
        if best > 0, gap / 2 - candidates[best - 1].weight < abs(candidates[best].weight - gap / 2) { best -= 1 }
        let window = max(0, best - Self.window)...min(end - 1, best + Self.window)
        if let preferred = window.first(where: {
            isPreferred(candidates[$0].part) && abs(candidates[$0].weight - candidates[best].weight) <= 0.2 * gap
        }) {
            best = preferred
        }
        let moved = byMember[giver].remove(at: best)
        loads[giver] -= moved.weight
        loads[taker] += moved.weight
        let place = Self.firstIndex(in: byMember[taker]) { Self.comes(moved, before: $0) }
        byMember[taker].insert(moved, at: place)
        return true
    }

    private mutating func sort() {
        guard !isSorted else { return }
        isSorted = true
        for member in byMember.indices { byMember[member].sort(by: Self.comes(_:before:)) }
    }

    private static func comes(_ left: Weighted, before right: Weighted) -> Bool {
        (left.weight, left.part) < (right.weight, right.part)
    }

    /// Index of the first element that meets a condition which all behind it meet too.
    private static func firstIndex(in elements: [Weighted], where isMet: (Weighted) -> Bool) -> Int {
        var (low, high) = (0, elements.count)
        while low < high {
            let middle = (low + high) / 2
            if isMet(elements[middle]) { high = middle } else { low = middle + 1 }
        }
        return low
    }
}
