import KafkaWire

/// Gives members that subscribe to the same topics as many partitions each, give or take one, and moves no more of them
/// than that takes (Kafka's `UniformHomogeneousAssignmentBuilder`).
enum UniformAssignor {
    static func assign(_ problem: AssignmentProblem) -> [ExactName: PartitionMap] {
        let topics = problem.members[0].topics
        guard !topics.isEmpty else { return [:] }
        var free = unassigned(problem, topics)
        let total = topics.reduce(0) { $0 + Int(problem.size(of: $1)) }
        let least = total / problem.members.count
        var extra = total % problem.members.count
        var result: [ExactName: PartitionMap] = [:]
        var room: [(id: ExactName, quota: Int)] = []
        for member in problem.members {
            var quota = least
            if extra > 0 {
                quota += 1
                extra -= 1
            }
            var kept = PartitionMap()
            for (topic, partitions) in member.present.sorted where topics.contains(topic) {
                kept.insert(topic, partitions.prefix(quota))
                free += partitions.dropFirst(quota).map { (topic, $0) }
                quota -= min(quota, partitions.count)
            }
            if quota > 0 { room.append((member.id, quota)) }
            result[member.id] = kept
        }
        var rest = free[...]
        for (id, quota) in room {
            for (topic, partition) in rest.prefix(quota) { result[id]?.insert(topic, partition) }
            rest = rest.dropFirst(quota)
        }
        return result
    }

    private static func unassigned(
        _ problem: AssignmentProblem, _ topics: Set<KafkaUUID>
    ) -> [(KafkaUUID, Int32)] {
        var taken = PartitionMap()
        for member in problem.members { taken = taken.union(member.present) }
        return topics.sorted { $0.precedes($1) }.flatMap { topic in
            let owned = taken[topic]
            return (0..<problem.size(of: topic)).filter { !owned.contains($0) }.map { (topic, $0) }
        }
    }
}
