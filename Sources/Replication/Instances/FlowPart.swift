package import KafkaClient

/// A part of a flow that one instance has at a time.
package enum FlowPart: Hashable, Sendable {
    case partition(TopicPartition)
    case task(FlowTask)
}

/// Work that exists once per flow, whatever the number of its partitions.
package enum FlowTask: String, Hashable, Sendable, CaseIterable, Codable {
    /// Creates topics on the target and records where new partitions begin.
    case topics
    /// Keeps settings, access rules and quotas in step.
    case metadata
    /// Keeps the positions of consumer groups in step.
    case groups
}

extension FlowPart: Comparable {
    package static func < (left: FlowPart, right: FlowPart) -> Bool {
        switch (left, right) {
        case (.task(let left), .task(let right)): left.rawValue < right.rawValue
        case (.task, .partition): true
        case (.partition, .task): false
        case (.partition(let left), .partition(let right)):
            (left.topic, left.partition) < (right.topic, right.partition)
        }
    }
}
