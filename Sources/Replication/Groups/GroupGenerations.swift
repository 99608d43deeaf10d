package import KafkaClient
package import KafkaWire

/// Tells positions that were committed for a source topic from those of an earlier one of its name, while a flow runs:
/// decides what to record after each look at the groups.
///
/// Positions count as former ones once a whole look has begun after the flow had gone over to the new topic: what is
/// committed by then may have been committed before, and what is committed later was not.
package struct GroupGenerations {
    package init() {}

    /// Topics that took the place of earlier ones, with their ids, as of the last look.
    private var seen: [String: String] = [:]

    /// One look at the groups of the source.
    package struct Look {
        package init() {}

        /// Every group that the source lists.
        package var listed: [String] = []
        /// Positions of those that were looked at.
        package var committed: [ExactName: [TopicPartition: Int64]] = [:]

        fileprivate func positions(of group: ExactName, in topic: String) -> [Int32: Int64]? {
            committed[group].map { committed in
                var positions: [Int32: Int64] = [:]
                for (partition, offset) in committed where partition.topic == topic {
                    positions[partition.partition] = offset
                }
                return positions
            }
        }
    }

    /// - Parameter successions: of the topics that took the place of earlier ones, by name.
    package mutating func records(
        after look: Look, _ successions: [String: (topicID: String, succession: TopicSuccession)]
    ) -> [ProgressRecord] {
        defer { seen = successions.mapValues(\.topicID) }
        var records: [ProgressRecord] = []
        for (topic, (topicID, succession)) in successions.sorted(by: { $0.key < $1.key }) {
            switch succession {
            case .first: continue
            case .unsettled:
                guard seen[topic] == topicID else { continue }
                for group in look.listed {
                    let positions = look.positions(of: ExactName(group), in: topic)
                    guard positions?.isEmpty != true else { continue }
                    records.append(
                        .former(topic: topic, group: group, FormerRecord(topicID: topicID, positions: positions)))
                }
                // Last: without it nothing of the rest counts.
                records.append(.generation(topic, TopicGeneration(topicID: topicID)))
            case .settled(let former): records += changes(of: former, topic, look)
            }
        }
        return records
    }

    private func changes(of former: FormerPositions, _ topic: String, _ look: Look) -> [ProgressRecord] {
        var left = former
        var records: [ProgressRecord] = []
        for group in former.groups.keys.sorted(by: { $0.text < $1.text }) {
            guard let committed = look.positions(of: group, in: topic), left.look(at: committed, of: group.text) else {
                continue
            }
            let positions = left.groups[group].map { FormerRecord(topicID: former.topicID, positions: $0) }
            records.append(.former(topic: topic, group: group.text, positions))
        }
        return records
    }
}
