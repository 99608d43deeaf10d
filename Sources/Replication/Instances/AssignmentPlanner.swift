/// The division of a flow's parts among its instances: complete, no part twice, sticky, balanced by load, in two steps.
///
/// A member keeps its part unless moving it improves the balance enough. A part that moves is in nobody's assignment as
/// long as its owner claims it; the owner lets go of it and joins again, and the next generation gives it away.
package struct AssignmentPlanner: Sendable {
    package struct Member: Hashable, Sendable {
        /// The id that the coordinator has given it.
        package var id: String
        package var rack: String?
        /// Generation that `owned` goes back to.
        package var generation: Int32
        /// The parts that it claims, with the load of each; nil where that is not known.
        package var owned: [FlowPart: Double?]
        /// Parts that it has been told to give away, and still has.
        package var releasing: Set<FlowPart>
        /// It is about to go: what it has goes to others, and it gets nothing.
        package var isLeaving: Bool
        /// It cannot read the source: it gets nothing as long as another can.
        package var isBlind: Bool

        package init(
            id: String, rack: String? = nil, generation: Int32 = -1, owned: [FlowPart: Double?] = [:],
            releasing: Set<FlowPart> = [], isLeaving: Bool = false, isBlind: Bool = false
        ) {
            self.id = id
            self.rack = rack
            self.generation = generation
            self.owned = owned
            self.releasing = releasing
            self.isLeaving = isLeaving
            self.isBlind = isBlind
        }
    }

    package struct Plan: Hashable, Sendable {
        /// Assignments by the member's id.
        package var assignments: [String: Set<FlowPart>]
        /// Parts that wait for the members that claim them to let go.
        package var withheld: Set<FlowPart>
    }

    /// Load of a part beside what passes through it, as a share of the mean load of all parts: idle ones are divided by
    /// number.
    private static let idleShare = 0.1

    private let parts: Set<FlowPart>
    private let racks: [FlowPart: String]
    private let remembered: [FlowPart: Double]

    /// - Parameters:
    ///   - parts: everything that is to be divided.
    ///   - racks: where a partition is best read, as far as that is known.
    ///   - remembered: loads of before, for what nobody has at the moment; see ``loads(told:)``.
    package init(parts: Set<FlowPart>, racks: [FlowPart: String] = [:], remembered: [FlowPart: Double] = [:]) {
        self.parts = parts
        self.racks = racks
        self.remembered = remembered
    }

    /// The load of each part as far as it is known by now, to be remembered for the next plan: between two generations a
    /// part that moves is nobody's, as is one whose owner has died.
    package func loads(told members: [Member]) -> [FlowPart: Double] {
        var loads = remembered.filter { parts.contains($0.key) }
        var told: [FlowPart: Double] = [:]
        for member in members {
            for (part, load) in member.owned where parts.contains(part) {
                if let load { told[part] = max(told[part] ?? 0, load) }
            }
        }
        loads.merge(told) { $1 }
        return loads
    }

    package func plan(for members: [Member]) -> Plan {
        // The order must not depend on the order of joining.
        let members = members.sorted { $0.id < $1.id }
        let claims = claims(of: members)
        var staying = members.indices.filter { !members[$0].isLeaving }
        if staying.contains(where: { !members[$0].isBlind }) { staying.removeAll { members[$0].isBlind } }
        var division = PartDivision(racks: staying.map { members[$0].rack })
        let places = Dictionary(uniqueKeysWithValues: staying.enumerated().map { ($1, $0) })
        let weights = weights(members, among: staying.count)
        var free: [PartDivision.Weighted] = []
        for part in parts.sorted() {
            let weighted = PartDivision.Weighted(part: part, weight: weights[part] ?? 1, rack: racks[part])
            if let claim = claims[part], let place = places[claim.owner], !members[claim.owner].releasing.contains(part)
            {
                division.give(weighted, to: place)
            } else {
                free.append(weighted)
            }
        }
        if !staying.isEmpty {
            division.distribute(free)
            division.balance()
        }
        return handOver(division, claims, members, staying)
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

    /// Leaves a partition that another member has out of every assignment until that member gives it up.
    private func handOver(
        _ division: PartDivision, _ claims: [FlowPart: Claim], _ members: [Member], _ staying: [Int]
    ) -> Plan {
        var plan = Plan(
            assignments: Dictionary(members.map { ($0.id, []) }) { first, _ in first },
            withheld: staying.isEmpty ? parts : [])
        for (place, number) in staying.enumerated() {
            var given: Set<FlowPart> = []
            for part in division.parts(of: place) {
                if let claim = claims[part], claim.owner != number || claim.isDisputed {
                    plan.withheld.insert(part)
                } else {
                    given.insert(part)
                }
            }
            plan.assignments[members[number].id] = given
        }
        return plan
    }

    /// Weights of all parts. One that outweighs a fair share counts as that share: its member can only be spared everything
    /// else, and the others are compared with each other.
    private func weights(_ members: [Member], among count: Int) -> [FlowPart: Double] {
        let loads = loads(told: members)
        // Of what nothing is known the mean is the best guess.
        let mean = loads.isEmpty ? 0 : loads.values.reduce(0, +) / Double(loads.count)
        let least = max(1, mean * Self.idleShare)
        var weights: [FlowPart: Double] = [:]
        weights.reserveCapacity(parts.count)
        for part in parts { weights[part] = (loads[part] ?? mean) + least }
        let most = Self.fairShare(Array(weights.values), among: count)
        for (part, weight) in weights where weight > most { weights[part] = most }
        return weights
    }

    /// The mean of what is left for the others when each part above it has a member of its own.
    private static func fairShare(_ weights: [Double], among count: Int) -> Double {
        // With a member for each, there is no rest to be shared.
        guard count > 0, weights.count > count else { return weights.max() ?? 0 }
        let heaviest = weights.sorted(by: >).prefix(count)
        var (rest, members) = (weights.reduce(0, +), count)
        for weight in heaviest {
            guard members > 1, weight * Double(members) > rest else { break }
            rest -= weight
            members -= 1
        }
        return rest / Double(members)
    }
}
