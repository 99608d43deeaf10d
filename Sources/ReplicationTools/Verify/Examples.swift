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
                report.partitions[index].differences.examples[place].key = await key(
                    of: example, source: TopicPartition(partition.topic, partition.partition),
                    target: TopicPartition(partition.targetTopic, partition.partition))
            }
        }
    }

    /// The key of the record that a difference is about; nil for one without, or that is not there any more.
    func key(of difference: Difference, source: TopicPartition, target: TopicPartition) async -> String? {
        if let offset = difference.sourceOffset { return await key(at: offset, of: source, self.source) }
        if let offset = difference.targetOffset { return await key(at: offset, of: target, self.target) }
        return nil
    }

    /// Nil for a record without a key, or one that is not there any more.
    private func key(at offset: Int64, of partition: TopicPartition, _ client: ClusterClient) async -> String? {
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: 1 << 16)
        guard let fetched = try? await client.read(position), let records = fetched.records else { return nil }
        var reader = LogEntryReader(records.contiguous)
        guard case .batch(let batch)? = try? reader.next(),
            var found = try? RecordStream(batch, limit: RecordStream.ordinaryLimit)
        else { return nil }
        while let record = try? found.nextRaw() {
            guard record.offset == offset else { continue }
            return record.key.map { String(String(buffer: $0).prefix(64)) }
        }
        return nil
    }
}
