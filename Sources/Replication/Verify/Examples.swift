internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore

/// Looks up the keys of the records that a report gives as examples.
struct Examples {
    let source: ClusterClient
    let target: ClusterClient

    /// Records looked up for one report at most.
    private static let limit = 50

    func fill(_ report: inout VerificationReport) async {
        var left = Self.limit
        for index in report.partitions.indices {
            let partition = report.partitions[index]
            for (place, example) in partition.differences.examples.enumerated() where left > 0 {
                left -= 1
                let key: String?
                if let offset = example.sourceOffset {
                    key = await self.key(at: offset, of: TopicPartition(partition.topic, partition.partition), source)
                } else if let offset = example.targetOffset {
                    key = await self.key(
                        at: offset, of: TopicPartition(partition.targetTopic, partition.partition), target)
                } else {
                    key = nil
                }
                report.partitions[index].differences.examples[place].key = key
            }
        }
    }

    /// Nil for a record without a key, or one that is not there any more.
    private func key(at offset: Int64, of partition: TopicPartition, _ client: ClusterClient) async -> String? {
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: 1 << 16)
        guard let fetched = try? await client.read(position), let records = fetched.records else { return nil }
        var reader = LogEntryReader(records.contiguous)
        guard case .batch(let batch)? = try? reader.next(), var found = try? batch.records() else { return nil }
        while let record = try? found.nextRaw() {
            guard record.offset == offset else { continue }
            return record.key.map { String(String(buffer: $0).prefix(64)) }
        }
        return nil
    }
}
