import KafkaWire

/// Gives each subscriber of a topic a range of it: topics with as many partitions are divided alike, so that partitions
/// with the same number go to the same member. It keeps nothing of what was before.
enum RangeAssignor {
    static func assign(_ problem: AssignmentProblem) -> [ExactName: PartitionMap] {
        let members = problem.members.sorted(by: precedes)
        var subscribers: [KafkaUUID: [ExactName]] = [:]
        for member in members { for topic in member.topics { subscribers[topic, default: []].append(member.id) } }
        var result = Dictionary(uniqueKeysWithValues: members.map { ($0.id, PartitionMap()) })
        for (topic, ids) in subscribers {
            let least = problem.size(of: topic) / Int32(ids.count)
            let extra = Int(problem.size(of: topic) % Int32(ids.count))
            var next: Int32 = 0
            for (index, id) in ids.enumerated() {
                let end = next + least + (index < extra ? 1 : 0)
                result[id]?.insert(topic, next..<end)
                next = end
            }
        }
        return result
    }

    /// Static members first, by their instance ids: these stay when a member comes back under another id.
    private static func precedes(_ left: AssignmentProblem.Member, _ right: AssignmentProblem.Member) -> Bool {
        switch (left.instanceID, right.instanceID) {
        case (let left?, let right?): left < right
        case (_?, nil): true
        case (nil, _?): false
        case (nil, nil): left.id.text < right.id.text
        }
    }
}
