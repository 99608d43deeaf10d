package import KafkaWire

/// Partitions by topic; a topic without any is not in it.
package struct PartitionMap: Hashable, Sendable {
    package private(set) var topics: [KafkaUUID: Set<Int32>] = [:]

    package init() {}

    package init(_ topics: [KafkaUUID: Set<Int32>]) {
        self.topics = topics.filter { !$0.value.isEmpty }
    }

    package var isEmpty: Bool { topics.isEmpty }
    package var count: Int { topics.values.reduce(0) { $0 + $1.count } }

    package subscript(topic: KafkaUUID) -> Set<Int32> { topics[topic] ?? [] }

    package func contains(_ topic: KafkaUUID, _ partition: Int32) -> Bool { topics[topic]?.contains(partition) == true }

    package mutating func insert(_ topic: KafkaUUID, _ partition: Int32) {
        topics[topic, default: []].insert(partition)
    }

    package mutating func insert(_ topic: KafkaUUID, _ partitions: some Sequence<Int32>) {
        for partition in partitions { insert(topic, partition) }
    }

    package mutating func remove(_ topic: KafkaUUID, _ partition: Int32) {
        topics[topic]?.remove(partition)
        if topics[topic]?.isEmpty == true { topics[topic] = nil }
    }

    package mutating func removeTopics(except kept: Set<KafkaUUID>) {
        topics = topics.filter { kept.contains($0.key) }
    }

    package func intersection(_ other: PartitionMap) -> PartitionMap {
        PartitionMap(topics.reduce(into: [:]) { $0[$1.key] = $1.value.intersection(other[$1.key]) })
    }

    package func subtracting(_ other: PartitionMap) -> PartitionMap {
        PartitionMap(topics.reduce(into: [:]) { $0[$1.key] = $1.value.subtracting(other[$1.key]) })
    }

    package func union(_ other: PartitionMap) -> PartitionMap {
        PartitionMap(topics.merging(other.topics) { $0.union($1) })
    }

    package func isSubset(of other: PartitionMap) -> Bool {
        topics.allSatisfy { $0.value.isSubset(of: other[$0.key]) }
    }

    package func isDisjoint(with other: PartitionMap) -> Bool {
        topics.allSatisfy { $0.value.isDisjoint(with: other[$0.key]) }
    }

    /// Topics and their partitions in order.
    package var sorted: [(topic: KafkaUUID, partitions: [Int32])] {
        topics.sorted { $0.key.precedes($1.key) }.map { ($0.key, $0.value.sorted()) }
    }
}

extension KafkaUUID {
    /// The order of ids, so that what is made of them does not depend on hashes.
    func precedes(_ other: KafkaUUID) -> Bool { (high, low) < (other.high, other.low) }
}
