import KafkaClient
import Replication
import TestSupport
import Testing

/// The division of parts in single cases.
@Suite struct AssignmentPlannerTests {
    private typealias Member = AssignmentPlanner.Member

    private static func parts(_ count: Int, topic: String = "orders") -> [FlowPart] {
        (0..<count).map { .partition(TopicPartition(topic, Int32($0))) }
    }

    private func owned(_ parts: some Sequence<FlowPart>, _ load: Double? = 100) -> [FlowPart: Double?] {
        Dictionary(uniqueKeysWithValues: parts.map { ($0, load) })
    }

    @Test func `a lone member gets everything, and nobody is no member`() {
        let parts = Set(Self.parts(3))
        let planner = AssignmentPlanner(parts: parts)

        #expect(planner.plan(for: [Member(id: "a")]).assignments == ["a": parts])
        let nobody = planner.plan(for: [])
        #expect(nobody.assignments.isEmpty && nobody.withheld == parts)
    }

    @Test func `who comes gets what is needed, and only after its owner has let go of it`() throws {
        let parts = Self.parts(30)
        let planner = AssignmentPlanner(parts: Set(parts))
        let one = Member(id: "a", generation: 1, owned: owned(parts))

        let first = planner.plan(for: [one, Member(id: "b")])
        #expect(first.withheld.count == 15 && first.assignments["b"] == [])
        let kept = try #require(first.assignments["a"])
        #expect(kept == Set(parts).subtracting(first.withheld))

        let released = Member(id: "a", generation: 2, owned: owned(kept))
        let second = planner.plan(for: [released, Member(id: "b", generation: 2)])
        #expect(second.assignments == ["a": kept, "b": first.withheld] && second.withheld.isEmpty)
    }

    @Test func `what is on its way is not taken back`() {
        let parts = Self.parts(30)
        let releasing = Set(parts.prefix(15))
        let one = Member(id: "a", generation: 2, owned: owned(parts), releasing: releasing)

        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [one, Member(id: "b", generation: 2)])
        #expect(plan.withheld == releasing)
        #expect(plan.assignments["a"] == Set(parts.suffix(15)))
    }

    @Test func `when one is gone, the others keep what they have and share the rest`() {
        let parts = Self.parts(30)
        let one = Set(parts[0..<10]), two = Set(parts[10..<20])
        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [
            Member(id: "a", generation: 4, owned: owned(one)), Member(id: "b", generation: 4, owned: owned(two)),
        ])

        #expect(
            plan.assignments["a"]?.isSuperset(of: one) == true && plan.assignments["b"]?.isSuperset(of: two) == true)
        #expect(plan.assignments.values.allSatisfy { $0.count == 15 } && plan.withheld.isEmpty)
    }

    @Test(arguments: [2, 3, 4, 5, 9]) func `with as many members as parts, or more, none has two`(members: Int) {
        var loads: [FlowPart: Double] = [:]
        for (index, part) in Self.parts(2).enumerated() { loads[part] = Double(index) * 1e9 }
        let plan = AssignmentPlanner(parts: Set(Self.parts(2)), remembered: loads).plan(
            for: (0..<members).map { Member(id: "\($0)") })

        #expect(plan.assignments.values.map(\.count).max() == 1)
    }

    @Test func `with more members than parts, what one has too much of is given to others`() {
        let parts = Self.parts(3)
        let plan = AssignmentPlanner(parts: Set(parts)).plan(
            for: [Member(id: "a", generation: 1, owned: owned(parts))]
                + (1..<5).map { Member(id: "b\($0)", generation: 1) })

        #expect(plan.assignments["a"]?.count == 1 && plan.withheld.count == 2)
    }

    @Test func `one that cannot read gets nothing while another can`() {
        let parts = Set(Self.parts(20))
        let planner = AssignmentPlanner(parts: parts)
        let blind = Member(id: "a", generation: 4, owned: owned(parts.prefix(10)), isBlind: true)
        let other = Member(id: "b", generation: 4, owned: owned(parts.subtracting(parts.prefix(10))))

        let plan = planner.plan(for: [blind, other])
        #expect(plan.assignments["a"] == [] && plan.assignments["b"] == Set(other.owned.keys))
        #expect(plan.withheld == Set(blind.owned.keys))
        // One that has let go of it all.
        let next = planner.plan(for: [Member(id: "a", generation: 5, isBlind: true), other])
        #expect(next.assignments == ["a": [], "b": parts])
    }

    @Test func `when nobody can read, everything stays where it is`() {
        let parts = Set(Self.parts(20))
        let half = Set(parts.prefix(10))
        let plan = AssignmentPlanner(parts: parts).plan(for: [
            Member(id: "a", generation: 4, owned: owned(half), isBlind: true),
            Member(id: "b", generation: 4, owned: owned(parts.subtracting(half)), isBlind: true),
        ])

        #expect(plan.assignments == ["a": half, "b": parts.subtracting(half)] && plan.withheld.isEmpty)
    }

    @Test func `who leaves gets nothing, and what it has waits until it lets go`() {
        let parts = Self.parts(20)
        let going = Set(parts[0..<10]), staying = Set(parts[10..<19])
        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [
            Member(id: "a", generation: 4, owned: owned(going), isLeaving: true),
            Member(id: "b", generation: 4, owned: owned(staying)),
        ])

        #expect(plan.assignments == ["a": [], "b": staying.union([parts[19]])] && plan.withheld == going)
    }

    @Test func `when all leave, nobody gets anything`() {
        let parts = Self.parts(4)
        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [
            Member(id: "a", generation: 4, owned: owned(parts), isLeaving: true), Member(id: "b", isLeaving: true),
        ])

        #expect(plan.assignments == ["a": [], "b": []] && plan.withheld == Set(parts))
    }

    @Test func `the newest claim counts, and of two equally new ones none`() {
        let parts = Self.parts(3)
        let planner = AssignmentPlanner(parts: Set(parts))
        let late = Member(id: "a", generation: 3, owned: owned([parts[0]]))
        let present = Member(id: "b", generation: 4, owned: owned(parts))
        #expect(planner.plan(for: [late, present]).assignments["b"]?.contains(parts[0]) == true)
        #expect(planner.plan(for: [late, present]).assignments["a"] == [])

        let twin = Member(id: "c", generation: 4, owned: owned([parts[1]]))
        let plan = planner.plan(for: [present, twin])
        #expect(plan.withheld.contains(parts[1]))
        #expect(plan.assignments.values.allSatisfy { !$0.contains(parts[1]) })
    }

    @Test func `a difference below the threshold moves nothing, one above it is narrowed`() {
        let parts = Self.parts(100)
        func plan(_ first: Int) -> AssignmentPlanner.Plan {
            AssignmentPlanner(parts: Set(parts)).plan(for: [
                Member(id: "a", generation: 1, owned: owned(parts.prefix(first))),
                Member(id: "b", generation: 1, owned: owned(parts.dropFirst(first))),
            ])
        }

        #expect(plan(57).withheld.isEmpty)
        let moved = plan(58).withheld.count
        #expect((6...8).contains(moved), "58 of 100 become 50 to 52")
    }

    @Test func `bytes decide, not numbers`() {
        let parts = Self.parts(11)
        let heavy = parts[0], light = parts.dropFirst()
        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [
            Member(id: "a", generation: 1, owned: owned(light, 1_000).merging(owned([heavy], 9_000)) { $1 }),
            Member(id: "b", generation: 1),
        ])

        #expect(plan.withheld.contains(heavy) && plan.withheld.count <= 2, "the heavy one and a light one are half")
        #expect(plan.assignments["a"]?.isSubset(of: light) == true)
    }

    @Test func `beside one part that outweighs everything the others are balanced, and stay so`() {
        let parts = Self.parts(41)
        let giant = parts[0]
        let planner = AssignmentPlanner(parts: Set(parts))
        let told = [
            Member(id: "a", generation: 1, owned: owned([giant], 1_000_000).merging(owned(parts[1...10])) { $1 }),
            Member(id: "b", generation: 1, owned: owned(parts[11...30])),
            Member(id: "c", generation: 1, owned: owned(parts[31...40])),
        ]
        let plan = planner.plan(for: told)
        #expect(plan.assignments["a"]?.contains(giant) == true)

        var members = plan.assignments.map { Member(id: $0, generation: 2, owned: owned($1)) }
        for index in members.indices where members[index].owned[giant] != nil {
            members[index].owned[giant] = 1_000_000
        }
        let after = AssignmentPlanner(parts: Set(parts), remembered: planner.loads(told: told)).plan(for: members)
        let counts = ["b", "c"].map { after.assignments[$0]?.count ?? 0 }
        #expect(after.assignments["a"] == [giant])
        #expect(counts.allSatisfy { abs($0 - 20) <= 1 }, "\(counts)")
    }

    @Test func `nothing is known of a part that nobody has: it counts as an average one`() {
        let parts = Self.parts(30)
        let plan = AssignmentPlanner(parts: Set(parts)).plan(for: [
            Member(id: "a", generation: 1, owned: owned(parts[0..<10], 5_000)),
            Member(id: "b", generation: 1, owned: owned(parts[10..<20], nil)),
        ])

        #expect(plan.assignments.values.allSatisfy { $0.count == 15 } && plan.withheld.isEmpty)
    }

    @Test func `what a part that nobody has weighed before is remembered`() {
        let parts = Self.parts(12)
        let heavy = parts[10], light = parts[11]
        let told = [Member(id: "a", generation: 1, owned: owned([heavy], 10_000).merging(owned([light], 10)) { $1 })]
        let remembered = AssignmentPlanner(parts: Set(parts)).loads(told: told)
        let plan = AssignmentPlanner(parts: Set(parts), remembered: remembered).plan(for: [
            Member(id: "b", generation: 2, owned: owned(parts[0..<5], 1_000)),
            Member(id: "c", generation: 2, owned: owned(parts[5..<10], 1_000)),
        ])

        let taker = plan.assignments.first { $0.value.contains(heavy) }
        #expect(taker?.value.contains(light) == false)
        #expect(plan.withheld.count >= 4, "the one that takes the heavy part gives of its own")
    }

    @Test func `parts go to members of their rack where that costs no balance`() throws {
        let parts = Self.parts(40)
        let racks = Dictionary(uniqueKeysWithValues: parts.enumerated().map { ($1, $0 % 2 == 0 ? "r1" : "r2") })
        let plan = AssignmentPlanner(parts: Set(parts), racks: racks).plan(for: [
            Member(id: "a", rack: "r1"), Member(id: "b", rack: "r2"),
        ])

        let first = try #require(plan.assignments["a"])
        #expect(first.count == 20 && first.allSatisfy { racks[$0] == "r1" })
    }

    @Test func `the order of joining makes no difference`() {
        let parts = Self.parts(50)
        let members = (0..<5).map { (number: Int) -> Member in
            let first = number * 10
            return Member(
                id: "m\(number)", generation: 1, owned: owned(parts[first..<first + 10], Double(number) * 100))
        }
        let planner = AssignmentPlanner(parts: Set(parts))

        #expect(planner.plan(for: members) == planner.plan(for: members.reversed()))
    }
}
