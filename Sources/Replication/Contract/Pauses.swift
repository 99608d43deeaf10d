package import KafkaClient

/// Part of a flow that an operator may pause or try again: all of it, a topic, or one partition.
public enum PauseScope: Hashable, Sendable, CustomStringConvertible {
    case flow
    case topic(String)
    case partition(String, Int32)

    /// Nil for a partition without its topic.
    public init?(topic: String?, partition: Int32?) {
        switch (topic, partition) {
        case (nil, nil): self = .flow
        case (let topic?, nil): self = .topic(topic)
        case (let topic?, let partition?): self = .partition(topic, partition)
        case (nil, _?): return nil
        }
    }

    /// Nil for the whole flow.
    var topic: String? {
        switch self {
        case .flow: nil
        case .topic(let topic), .partition(let topic, _): topic
        }
    }

    public var description: String {
        switch self {
        case .flow: "the flow"
        case .topic(let topic): "topic \(topic)"
        case .partition(let topic, let partition): "partition \(topic)-\(partition)"
        }
    }

    package func covers(_ partition: TopicPartition) -> Bool {
        contains(.partition(partition.topic, partition.partition))
    }

    /// Tells whether everything that `other` means is part of this.
    func contains(_ other: PauseScope) -> Bool {
        switch (self, other) {
        case (.flow, _): true
        case (.topic(let mine), .topic(let topic)), (.topic(let mine), .partition(let topic, _)): mine == topic
        default: self == other
        }
    }
}

/// Paused parts of a flow. Partitions that appear later are covered too.
package struct Pauses: Sendable {
    package private(set) var scopes: Set<PauseScope> = []

    package init() {}

    package func covers(_ partition: TopicPartition) -> Bool {
        scopes.contains { $0.covers(partition) }
    }

    /// - Returns: whether that was news.
    package mutating func pause(_ scope: PauseScope) -> Bool {
        guard !scopes.contains(where: { $0.contains(scope) }) else { return false }
        // The parts in it continue with it when it is resumed.
        scopes = scopes.filter { !scope.contains($0) }
        scopes.insert(scope)
        return true
    }

    package enum Resumption: Hashable {
        case resumed
        case wasNotPaused
        /// More than was asked for is paused, and a part of it cannot be resumed alone.
        case pausedAsPartOf(PauseScope)
    }

    package mutating func resume(_ scope: PauseScope) -> Resumption {
        if let whole = scopes.first(where: { $0 != scope && $0.contains(scope) }) { return .pausedAsPartOf(whole) }
        let before = scopes.count
        scopes = scopes.filter { !scope.contains($0) }
        return scopes.count < before ? .resumed : .wasNotPaused
    }
}
