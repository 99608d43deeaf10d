/// A source topic that took the place of an earlier one of its name, as recorded; see ``FormerPositions``.
package struct TopicGeneration: Hashable, Sendable, Codable {
    /// 32 hexadecimal digits.
    package var topicID: String

    package init(topicID: String) {
        self.topicID = topicID
    }
}

/// Positions of one group in it that may be of the earlier topic, as recorded.
package struct FormerRecord: Hashable, Sendable, Codable {
    package var topicID: String
    /// By partition; nil for a group that was not looked at.
    package var offsets: [String: Int64]?

    package init(topicID: String, positions: [Int32: Int64]?) {
        self.topicID = topicID
        offsets = positions.map { Dictionary($0.map { ("\($0.key)", $0.value) }) { first, _ in first } }
    }

    package var positions: [Int32: Int64]? {
        offsets.map { offsets in
            Dictionary(offsets.compactMap { key, value in Int32(key).map { ($0, value) } }) { first, _ in first }
        }
    }
}
