import KafkaClient
import KafkaWire
import Replication
import TestSupport
import Testing

/// Groups of members that come, go, drain and are told of their parts at random moments.
@Suite(.printsSeed) struct AssignmentModelTests {
    /// A coordinator and its members, without a network.
    private struct World {
        struct Member {
            var ownership = PartOwnership()
            var rack: String?
            var isLeaving = false
            /// Assignment that is on its way to it, with its generation.
            var pending: (parts: Set<FlowPart>, generation: Int32)?
        }

        var parts: Set<FlowPart>
        var loads: [FlowPart: Double]
        var racks: [FlowPart: String]
        var members: [String: Member] = [:]
        var generation: Int32 = 0
        var joined = 0
        var isRebalanceWanted = false
        /// What leaders know of loads.
        var remembered: [FlowPart: Double] = [:]

        /// Who has a part, whether it gives it away or not.
        func check() {
            var holders: [FlowPart: String] = [:]
            for (id, member) in members {
                for part in member.ownership.held {
                    #expect(holders[part] == nil, "\(part) belongs to \(holders[part] ?? "") and \(id)")
                    holders[part] = id
                }
            }
        }

        mutating func plan(unknown: (FlowPart) -> Bool = { _ in false }) -> AssignmentPlanner.Plan {
            let told = members.map { id, member in
                AssignmentPlanner.Member(
                    id: id, rack: member.rack, generation: member.ownership.generation,
                    owned: Dictionary(
                        uniqueKeysWithValues: member.ownership.held.map { ($0, unknown($0) ? nil : loads[$0]) }),
                    releasing: member.ownership.releasing, isLeaving: member.isLeaving)
            }
            let planner = AssignmentPlanner(parts: parts, racks: racks, remembered: remembered)
            remembered = planner.loads(told: told)
            return planner.plan(for: told)
        }

        /// All join; what has not reached a member of the generation before never does.
        mutating func rebalance(unknown: (FlowPart) -> Bool = { _ in false }) {
            isRebalanceWanted = false
            let plan = plan(unknown: unknown)
            generation += 1
            var given: Set<FlowPart> = plan.withheld
            for id in members.keys {
                let parts = plan.assignments[id] ?? []
                #expect(given.isDisjoint(with: parts), "a part is assigned twice")
                given.formUnion(parts)
                members[id]?.pending = (parts, generation)
            }
            #expect(members.isEmpty || given == parts, "a part is neither assigned nor waited for")
        }

        mutating func deliver(_ id: String) {
            guard let pending = members[id]?.pending else { return }
            members[id]?.pending = nil
            _ = members[id]?.ownership.assigned(pending.parts, generation: pending.generation)
        }

        mutating func drain(_ id: String, _ drained: Set<FlowPart>) {
            guard let result = members[id]?.ownership.released(drained) else { return }
            if result.isOver { isRebalanceWanted = true }
            if let member = members[id], member.isLeaving, member.ownership.held.isEmpty {
                members[id] = nil
                isRebalanceWanted = true
            }
        }

        /// Everything that is under way comes to its end.
        mutating func settle() -> Int {
            var rounds = 0
            repeat {
                rebalance()
                for id in members.keys.sorted() {
                    deliver(id)
                    drain(id, members[id]?.ownership.releasing ?? [])
                }
                check()
                rounds += 1
                // What was not known of a part's load is by now.
            } while rounds < 10 && (isRebalanceWanted || !plan().withheld.isEmpty)
            return rounds
        }
    }

    private func world(_ random: inout SeededGenerator, isHeavy: Bool) -> World {
        let partitions = Int.random(in: 1...200, using: &random)
        var parts = Set(FlowTask.allCases.map { FlowPart.task($0) })
        for number in 0..<partitions { parts.insert(.partition(TopicPartition("t\(number % 7)", Int32(number / 7)))) }
        var world = World(parts: parts, loads: [:], racks: [:])
        for part in parts.sorted() {
            if Bool.random(using: &random) { world.racks[part] = "r\(Int.random(in: 0..<3, using: &random))" }
        }
        changeLoads(&world, &random, isHeavy: isHeavy)
        return world
    }

    private func changeLoads(_ world: inout World, _ random: inout SeededGenerator, isHeavy: Bool) {
        for part in world.parts.sorted() {
            if case .task = part {
                world.loads[part] = 0
                continue
            }
            let load = Double.random(in: 1_000...3_000, using: &random)
            let factor = isHeavy && Int.random(in: 0..<10, using: &random) == 0 ? 1_000.0 : 1
            world.loads[part] = load * factor
        }
    }

    @Test func `under joins, leaves, deaths and drains no part is twice, and in the end all are there and balanced`() {
        for seed in FuzzSeeds(count: 300) {
            var random = seeded(seed)
            let isHeavy = seed % 2 == 1
            var world = world(&random, isHeavy: isHeavy)
            for _ in 0..<Int.random(in: 5...60, using: &random) { step(&world, &random, isHeavy: isHeavy) }
            if world.members.values.allSatisfy(\.isLeaving) { join(&world, &random) }
            let rounds = world.settle()
            #expect(rounds < 10, "seed \(seed): it does not come to rest")
            checkEnd(&world, seed)
        }
    }

    private func join(_ world: inout World, _ random: inout SeededGenerator) {
        world.joined += 1
        var member = World.Member()
        if Bool.random(using: &random) { member.rack = "r\(Int.random(in: 0..<3, using: &random))" }
        world.members["m\(world.joined)"] = member
        world.isRebalanceWanted = true
    }

    private func step(_ world: inout World, _ random: inout SeededGenerator, isHeavy: Bool) {
        defer { world.check() }
        let someone = world.members.keys.sorted().randomElement(using: &random)
        switch Int.random(in: 0..<12, using: &random) {
        case 0, 1: if world.members.count < 6 { join(&world, &random) }
        case 2:
            guard let someone else { return }
            world.members[someone] = nil
            world.isRebalanceWanted = true
        case 3:
            guard let someone else { return }
            world.members[someone]?.isLeaving = true
            world.drain(someone, [])
            world.isRebalanceWanted = true
        case 4: changeLoads(&world, &random, isHeavy: isHeavy)
        case 5:
            // Its lease has ended: it lets go of everything and joins again.
            guard let someone else { return }
            _ = world.members[someone]?.ownership.lost()
            world.members[someone]?.pending = nil
            world.isRebalanceWanted = true
        case 6, 7, 8:
            guard let someone else { return }
            world.deliver(someone)
        case 9, 10:
            guard let someone, let member = world.members[someone] else { return }
            let drained = member.ownership.releasing.sorted().filter { _ in Bool.random(using: &random) }
            world.drain(someone, Set(drained))
        default:
            let unknown = Set(world.parts.sorted().filter { _ in Int.random(in: 0..<5, using: &random) == 0 })
            world.rebalance { unknown.contains($0) }
        }
    }

    private func checkEnd(_ world: inout World, _ seed: UInt64) {
        let all = world.members.values.reduce(into: Set<FlowPart>()) { $0.formUnion($1.ownership.owned) }
        #expect(all == world.parts, "seed \(seed): parts are missing")

        let again = world.plan()
        #expect(again.withheld.isEmpty, "seed \(seed): parts move although nothing has changed")
        for (id, member) in world.members { #expect(again.assignments[id] == member.ownership.owned) }

        checkBalance(world, seed)
    }

    /// Either all are within 15 % of the mean, or no single part could be moved that helps.
    private func checkBalance(_ world: World, _ seed: UInt64) {
        let mean = world.loads.values.reduce(0, +) / Double(world.loads.count)
        var weights = world.loads.mapValues { $0 + max(1, mean * 0.1) }
        let count = Double(world.members.count)
        // A part that outweighs what is left for each of the others counts as that.
        var (rest, left) = (weights.values.reduce(0, +), count)
        for weight in weights.values.sorted(by: >) where left > 1 && weight > rest / left {
            rest -= weight
            left -= 1
        }
        let fair = rest / left
        weights = weights.mapValues { min($0, fair) }

        let sums = world.members.mapValues { $0.ownership.owned.reduce(0) { $0 + (weights[$1] ?? 0) } }
        guard let most = sums.max(by: { $0.value < $1.value }), let least = sums.min(by: { $0.value < $1.value }) else {
            return
        }
        let worst = sums.values.map { abs($0 - fair) }.max() ?? 0
        guard worst > 0.15 * fair else { return }
        let gap = most.value - least.value
        let movable = world.members[most.key]?.ownership.owned.filter { (weights[$0] ?? 0) < 0.9 * gap } ?? []
        #expect(movable.isEmpty, "seed \(seed): \(sums) although parts could move")
        #expect((weights.values.max() ?? 0) > 0.1 * fair, "seed \(seed): \(sums) although all parts are small")
    }
}
