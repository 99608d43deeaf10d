package import KafkaWire

/// Ids of the topics of one name that were left for another one. No id is given twice (KIP-516): what names one of these is
/// older than what is known.
///
/// Brokers learn of a new topic one after the other, and metadata may wait for long before it is used. Where all answers name
/// an id that was left, it was the newer one that was an old one.
package struct FormerTopicIDs: Hashable, Sendable {
    /// Topics may be created again for ever: what is older than so many is not met again.
    private static let most = 8
    /// After so many answers in a row they are right.
    private static let mostContradictions = 10

    private var ids: [KafkaUUID] = []
    private var contradictions = 0

    package init(newest: KafkaUUID? = nil) {
        if let newest { ids = [newest] }
    }

    package var newest: KafkaUUID? { ids.last }

    /// True while answers contradict what is known: then one that confirms it is news.
    package var isContradicted: Bool { contradictions > 0 }

    package func contains(_ id: KafkaUUID) -> Bool { ids.contains(id) }

    /// - Parameter id: zero, for a topic whose id was not known, is left out.
    package mutating func append(_ id: KafkaUUID) {
        guard id != .zero else { return }
        ids = ids.suffix(Self.most - 1) + [id]
        contradictions = 0
    }

    /// Forgets an id that is in use.
    package mutating func remove(_ id: KafkaUUID) {
        ids.removeAll { $0 == id }
        contradictions = 0
    }

    /// Tells whether an answer that names this id is older than what is known.
    package mutating func isOutdated(_ id: KafkaUUID) -> Bool {
        guard ids.contains(id) else {
            contradictions = 0
            return false
        }
        contradictions += 1
        guard contradictions == Self.mostContradictions else { return true }
        remove(id)
        return false
    }
}
