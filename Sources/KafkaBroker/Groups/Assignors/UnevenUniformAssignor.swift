import KafkaWire

/// The uniform assignor for members that subscribe to different topics: partitions stay where they are as far as nobody
/// has two more than another subscriber of the same topic (Kafka's `UniformHeterogeneousAssignmentBuilder`).
struct UnevenUniformAssignor {
    private let problem: AssignmentProblem
    /// Indexes of members, in their order.
    private var subscribers: [KafkaUUID: [Int]] = [:]
    /// The index of the member that has a partition; nil for none.
    private var owners: [KafkaUUID: [Int?]] = [:]
    private var loads: [Int]

    static func assign(_ problem: AssignmentProblem) -> [ExactName: PartitionMap] {
        var assignor = UnevenUniformAssignor(problem)
        assignor.assignFree()
        assignor.balance()
        return assignor.result
    }

    private init(_ problem: AssignmentProblem) {
        self.problem = problem
        loads = Array(repeating: 0, count: problem.members.count)
        for (index, member) in problem.members.enumerated() {
            for topic in member.topics { subscribers[topic, default: []].append(index) }
        }
        for topic in subscribers.keys {
            owners[topic] = Array(repeating: nil, count: Int(problem.size(of: topic)))
        }
        for (index, member) in problem.members.enumerated() {
            for (topic, partitions) in member.present.sorted where member.topics.contains(topic) {
                for partition in partitions where partition < problem.size(of: topic) {
                    owners[topic]?[Int(partition)] = index
                    loads[index] += 1
                }
            }
        }
    }

    private var result: [ExactName: PartitionMap] {
        var result = Dictionary(uniqueKeysWithValues: problem.members.map { ($0.id, PartitionMap()) })
        for (topic, owners) in owners {
            for (partition, owner) in owners.enumerated() {
                guard let owner else { continue }
                result[problem.members[owner].id]?.insert(topic, Int32(partition))
            }
        }
        return result
    }

    /// Topics with the most partitions for each subscriber first, since these weigh most; then those with few of them.
    private var topicsByWeight: [KafkaUUID] {
        func key(_ topic: KafkaUUID) -> (Double, Int) {
            let count = subscribers[topic]?.count ?? 1
            return (-Double(problem.size(of: topic)) / Double(count), count)
        }
        return subscribers.keys.sorted { left, right in
            let (leftKey, rightKey) = (key(left), key(right))
            return leftKey == rightKey ? left.precedes(right) : leftKey < rightKey
        }
    }

    private mutating func assignFree() {
        for topic in topicsByWeight {
            for (partition, owner) in (owners[topic] ?? []).enumerated() where owner == nil {
                guard let least = lightest(of: topic) else { continue }
                give(topic, partition, to: least)
            }
        }
    }

    /// Moves partitions from members with many to members with few, topic by topic, until no move makes a difference of
    /// two or more smaller. Each move makes the sum of the squares of the loads smaller, so it comes to an end.
    private mutating func balance() {
        let topics = topicsByWeight.filter { (subscribers[$0]?.count ?? 0) > 1 }
        var hasMoved = true
        while hasMoved {
            hasMoved = false
            for topic in topics {
                while let (partition, member) = nextMove(of: topic) {
                    give(topic, partition, to: member)
                    hasMoved = true
                }
            }
        }
    }

    /// The last partition of the heaviest subscriber that has one, if the lightest has two fewer.
    private func nextMove(of topic: KafkaUUID) -> (partition: Int, member: Int)? {
        guard let least = lightest(of: topic), let owners = owners[topic] else { return nil }
        let owning = Set(owners.compactMap(\.self))
        guard let most = owning.max(by: { (loads[$0], $0) < (loads[$1], $1) }), loads[most] - loads[least] > 1,
            let partition = owners.lastIndex(of: most)
        else { return nil }
        return (partition, least)
    }

    private func lightest(of topic: KafkaUUID) -> Int? {
        subscribers[topic]?.min { (loads[$0], $0) < (loads[$1], $1) }
    }

    private mutating func give(_ topic: KafkaUUID, _ partition: Int, to member: Int) {
        if let owner = owners[topic]?[partition] { loads[owner] -= 1 }
        owners[topic]?[partition] = member
        loads[member] += 1
    }
}
