package import KafkaClient

/// The blocks of offset segments that the progress topic holds, by partition and number.
package struct StoredBlocks: Sendable {
    private var blocks: [TopicPartition: [Int: OffsetBlock]] = [:]

    package init() {}

    package subscript(partition: TopicPartition) -> [Int: OffsetBlock] { blocks[partition] ?? [:] }

    /// - Parameter block: nil once it is gone.
    package mutating func take(_ partition: TopicPartition, _ number: Int, _ block: OffsetBlock?) {
        blocks[partition, default: [:]][number] = block
    }

    /// A block to write; nil to remove the one of its number.
    package struct Change: Hashable, Sendable {
        package let partition: TopicPartition
        package let number: Int
        package let block: OffsetBlock?
    }

    /// Records to write so that the topic holds these maps.
    ///
    /// A map changes at its end and loses blocks at its beginning: looking backwards, the first block that is stored
    /// as it is ends the search.
    package func changes(to maps: [TopicPartition: OffsetMap]) -> [Change] {
        var changes: [Change] = []
        for (partition, map) in maps {
            let known = self[partition]
            let stored = map.stored
            var fresh: [Change] = []
            for entry in stored.reversed() {
                guard known[entry.number] != entry.block else { break }
                fresh.append(Change(partition: partition, number: entry.number, block: entry.block))
            }
            changes += fresh.reversed()
            let first = stored.first?.number ?? .max
            let last = stored.last?.number ?? .min
            changes += known.keys.filter { $0 < first || $0 > last }.sorted().map {
                Change(partition: partition, number: $0, block: nil)
            }
        }
        return changes
    }
}
