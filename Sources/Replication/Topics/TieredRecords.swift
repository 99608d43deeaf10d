package import KafkaClient
internal import PlainText

/// Offsets that lie in the source's tiered storage alone (KIP-405): they are copied as everything else, at the pace of that storage.
package struct TieredRecords: Sendable, Hashable {
    package var partitions: Int
    package var offsets: Int64

    /// - Parameter offsets: see `ClusterClient.tieredOffsets(of:)`.
    package init(_ offsets: [TopicPartition: Int64]) {
        let tiered = offsets.values.filter { $0 > 0 }
        partitions = tiered.count
        self.offsets = tiered.saturatingSum()
    }

    /// Nil where nothing does.
    package func note(source: String) -> SyncNote? {
        guard offsets > 0 else { return nil }
        return SyncNote(
            kind: .tiered, subject: source,
            message:
                "\(offsets.counted("offset")) of \(partitions.counted("partition")) in \(source)'s tiered storage alone: "
                + "a copy from the earliest record on reads from there")
    }
}
