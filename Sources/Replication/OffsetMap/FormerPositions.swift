package import KafkaWire

/// Positions that consumer groups had committed in a source topic when it took the place of an earlier one of its name.
///
/// Nothing in the protocol tells for which of the two topics an offset was committed. So each position that was there
/// when the flow had gone over to the new topic counts as one of the earlier topic, until the group commits another.
package struct FormerPositions: Hashable, Sendable {
    /// Id of the topic that took the place, as 32 hexadecimal digits.
    package let topicID: String
    /// Positions by group; nil for a group that was not looked at yet.
    package private(set) var groups: [ExactName: [Int32: Int64]?] = [:]

    package init(topicID: String) {
        self.topicID = topicID
    }

    /// Tells whether a position may have been committed for the earlier topic.
    package func mayHold(_ offset: Int64, of group: String, partition: Int32) -> Bool {
        guard let known = groups[ExactName(group)] else { return false }
        guard let known else { return true }
        return known[partition] == offset
    }

    /// - Parameter positions: nil for those of a group that were not looked at; empty for none.
    package mutating func set(_ positions: [Int32: Int64]?, of group: String) {
        if let positions, positions.isEmpty {
            groups[ExactName(group)] = nil
        } else {
            groups.updateValue(positions, forKey: ExactName(group))
        }
    }

    /// Takes in what a group has committed by now.
    ///
    /// - Returns: whether less is left than before: the group has committed something else.
    package mutating func look(at committed: [Int32: Int64], of group: String) -> Bool {
        guard let known = groups[ExactName(group)] else { return false }
        let left = known.map { known in known.filter { committed[$0.key] == $0.value } } ?? committed
        guard known != left else { return false }
        set(left, of: group)
        return true
    }
}

/// The place of a partition's source topic among those that had its name.
package enum TopicSuccession: Hashable, Sendable {
    /// No earlier topic of the name was copied.
    case first
    /// An earlier one was, and it is not known yet which positions may be its.
    case unsettled
    case settled(FormerPositions)

    package func mayHoldFormer(_ offset: Int64, of group: String, partition: Int32) -> Bool {
        switch self {
        case .first: false
        case .unsettled: true
        case .settled(let former): former.mayHold(offset, of: group, partition: partition)
        }
    }
}
