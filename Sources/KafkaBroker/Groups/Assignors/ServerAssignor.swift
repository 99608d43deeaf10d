package import KafkaWire

/// An assignor of the broker's (KIP-848): distributes the partitions of the subscribed topics over the members.
package enum ServerAssignor: String, Sendable, CaseIterable {
    case uniform, range

    /// Accepts the names of Kafka's classes too, as `group.consumer.assignors` may have them.
    package init?(setting text: some StringProtocol) {
        let name = text.split(separator: "." as Character).last.map { String($0) } ?? ""
        switch name {
        case "uniform", "UniformAssignor": self = .uniform
        case "range", "RangeAssignor": self = .range
        default: return nil
        }
    }

    package func assign(_ problem: AssignmentProblem) -> [ExactName: PartitionMap] {
        guard !problem.members.isEmpty else { return [:] }
        return switch self {
        case .range: RangeAssignor.assign(problem)
        case .uniform where problem.isHomogeneous: UniformAssignor.assign(problem)
        case .uniform: UnevenUniformAssignor.assign(problem)
        }
    }
}

/// Members with their subscriptions and what they were to have so far, and the sizes of topics.
package struct AssignmentProblem: Sendable {
    package struct Member: Sendable {
        package let id: ExactName
        package let instanceID: String?
        /// Topics that exist.
        package let topics: Set<KafkaUUID>
        package let present: PartitionMap

        package init(
            id: ExactName, instanceID: String? = nil, topics: Set<KafkaUUID>, present: PartitionMap = .init()
        ) {
            self.id = id
            self.instanceID = instanceID
            self.topics = topics
            self.present = present
        }
    }

    /// In the order of their ids.
    package let members: [Member]
    /// The number of partitions of every subscribed topic.
    package let sizes: [KafkaUUID: Int32]

    package init(members: [Member], sizes: [KafkaUUID: Int32]) {
        self.members = members.sorted { $0.id.text < $1.id.text }
        self.sizes = sizes
    }

    /// True if all members subscribe to the same topics.
    var isHomogeneous: Bool { members.allSatisfy { $0.topics == members[0].topics } }

    func size(of topic: KafkaUUID) -> Int32 { sizes[topic] ?? 0 }
}
