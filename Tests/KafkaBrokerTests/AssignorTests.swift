import KafkaBroker
import KafkaWire
import TestSupport
import Testing

/// The assignors alone: members with subscriptions in, partitions for each of them out.
@Suite(.printsSeed) struct AssignorTests {
    private static let topics = (1...6).map { KafkaUUID(high: 0, low: $0) }
    private static let (t1, t2, t3) = (topics[0], topics[1], topics[2])

    private func map(_ partitions: [KafkaUUID: Set<Int32>]) -> PartitionMap { PartitionMap(partitions) }

    private func member(
        _ id: String, _ topics: [KafkaUUID], instance: String? = nil, has present: [KafkaUUID: Set<Int32>] = [:]
    ) -> AssignmentProblem.Member {
        AssignmentProblem.Member(
            id: ExactName(id), instanceID: instance, topics: Set(topics), present: PartitionMap(present))
    }

    // As in Kafka's RangeAssignorTest.
    @Test func `range gives each topic's subscribers a range, the first ones the rest`() {
        let problem = AssignmentProblem(
            members: [member("a", [Self.t1, Self.t3]), member("b", [Self.t1, Self.t3])],
            sizes: [Self.t1: 3, Self.t3: 2])

        let result = ServerAssignor.range.assign(problem)

        #expect(result["a"] == map([Self.t1: [0, 1], Self.t3: [0]]))
        #expect(result["b"] == map([Self.t1: [2], Self.t3: [1]]))
    }

    @Test func `range divides a topic among those who subscribe to it`() {
        let problem = AssignmentProblem(
            members: [
                member("a", [Self.t1, Self.t2]), member("b", [Self.t3]), member("c", [Self.t2, Self.t3]),
            ], sizes: [Self.t1: 3, Self.t2: 3, Self.t3: 2])

        let result = ServerAssignor.range.assign(problem)

        #expect(result["a"] == map([Self.t1: [0, 1, 2], Self.t2: [0, 1]]))
        #expect(result["b"] == map([Self.t3: [0]]))
        #expect(result["c"] == map([Self.t2: [2], Self.t3: [1]]))
    }

    @Test func `range puts static members first, by their instance ids`() {
        let problem = AssignmentProblem(
            members: [member("a", [Self.t1]), member("z", [Self.t1], instance: "i1")], sizes: [Self.t1: 3])

        let result = ServerAssignor.range.assign(problem)

        #expect(result["z"] == map([Self.t1: [0, 1]]))
        #expect(result["a"] == map([Self.t1: [2]]))
    }

    @Test func `uniform moves to a newcomer only what it is due`() {
        let problem = AssignmentProblem(
            members: [
                member("a", [Self.t1], has: [Self.t1: [0, 1, 2]]), member("b", [Self.t1], has: [Self.t1: [3, 4, 5]]),
                member("c", [Self.t1]),
            ], sizes: [Self.t1: 6])

        let result = ServerAssignor.uniform.assign(problem)

        #expect(result["a"] == map([Self.t1: [0, 1]]))
        #expect(result["b"] == map([Self.t1: [3, 4]]))
        #expect(result["c"] == map([Self.t1: [2, 5]]))
    }

    @Test func `uniform gives nothing without topics`() {
        let problem = AssignmentProblem(members: [member("a", [], has: [Self.t1: [0]])], sizes: [:])
        let partitions = ServerAssignor.uniform.assign(problem).values.map(\.count)
        #expect(partitions.reduce(0, +) == 0)
    }

    // As in Kafka's OptimizedUniformAssignmentBuilder tests for different subscriptions.
    @Test func `uniform balances members with different subscriptions as far as these allow`() {
        let problem = AssignmentProblem(
            members: [member("a", [Self.t1, Self.t2]), member("b", [Self.t1])], sizes: [Self.t1: 4, Self.t2: 2])

        let result = ServerAssignor.uniform.assign(problem)

        #expect(result["a"]?.count == 3)
        #expect(result["b"]?.count == 3)
        #expect(result["a"]?[Self.t2] == [0, 1])
    }

    @Test(arguments: UInt64(1)...200) func `every partition goes to one subscriber, evenly and with few moves`(
        seed: UInt64
    ) {
        var dice = seeded(seed)
        let isHomogeneous = dice.next() % 2 == 0
        let common = Set(Self.topics.filter { _ in dice.next() % 3 > 0 })
        let sizes = Dictionary(uniqueKeysWithValues: Self.topics.map { ($0, Int32(dice.next() % 9)) })
        let count = 1 + Int(dice.next() % 7)
        var subscriptions: [Set<KafkaUUID>] = []
        for _ in 0..<count {
            subscriptions.append(isHomogeneous ? common : Set(Self.topics.filter { _ in dice.next() % 2 == 0 }))
        }
        func problem(_ present: [PartitionMap], _ members: Int) -> AssignmentProblem {
            AssignmentProblem(
                members: (0..<members).map { index in
                    AssignmentProblem.Member(
                        id: ExactName("m\(index)"), topics: subscriptions[index], present: present[index])
                }, sizes: sizes)
        }
        for assignor in ServerAssignor.allCases {
            let empty = Array(repeating: PartitionMap(), count: count)
            let first = results(assignor.assign(problem(empty, count)), count)
            check(first, subscriptions, sizes)
            // The same problem has the same answer.
            #expect(results(assignor.assign(problem(first, count)), count) == first, "\(assignor)")
            guard count > 1 else { continue }
            // One leaves: the others keep what they had.
            let second = results(assignor.assign(problem(first, count - 1)), count - 1)
            check(second, Array(subscriptions.dropLast()), sizes)
            guard assignor == .uniform else { continue }
            checkBalance(second, subscriptions)
            if isHomogeneous {
                for (before, after) in zip(first, second) { #expect(before.isSubset(of: after)) }
            }
        }
    }

    private func results(_ assigned: [ExactName: PartitionMap], _ count: Int) -> [PartitionMap] {
        (0..<count).map { assigned[ExactName("m\($0)")] ?? PartitionMap() }
    }

    private func check(_ result: [PartitionMap], _ subscriptions: [Set<KafkaUUID>], _ sizes: [KafkaUUID: Int32]) {
        var all = PartitionMap()
        for (index, partitions) in result.enumerated() {
            #expect(partitions.isDisjoint(with: all), "one owner")
            #expect(Set(partitions.topics.keys).isSubset(of: subscriptions[index]), "only what it subscribes to")
            all = all.union(partitions)
        }
        let wanted = Set(subscriptions.joined())
        for topic in wanted { #expect(all[topic] == Set(0..<(sizes[topic] ?? 0)), "all partitions") }
    }

    /// Nobody has two more than another subscriber of a topic that it has a partition of.
    private func checkBalance(_ result: [PartitionMap], _ subscriptions: [Set<KafkaUUID>]) {
        for (index, partitions) in result.enumerated() {
            for topic in partitions.topics.keys {
                for other in result.indices where subscriptions[other].contains(topic) {
                    #expect(partitions.count - result[other].count <= 1, "\(index) and \(other)")
                }
            }
        }
    }
}
