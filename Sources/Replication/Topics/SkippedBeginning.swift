package import KafkaClient

/// Offsets that a flow leaves out when it starts for the first time: those before its beginning.
package struct SkippedBeginning: Sendable, Hashable {
    package var partitions = 0
    package var offsets: Int64 = 0
    /// Partitions of which it is not known.
    package var unknown = 0

    /// - Parameter positions: where the flow begins; nil where that is not known.
    package init(positions: [TopicPartition: Int64?], earliest: [TopicPartition: Int64]) {
        for (partition, position) in positions {
            guard let position, let first = earliest[partition] else {
                unknown += 1
                continue
            }
            guard position > first else { continue }
            partitions += 1
            offsets += position - first
        }
    }

    /// Nil when nothing is known to be left behind.
    package func note(_ settings: FlowSettings) -> SyncNote? {
        guard offsets > 0 else { return nil }
        let source = settings.source.name
        var message =
            "the flow begins at startFrom: \(settings.startFrom.recorded), since nothing of it has been copied before: "
            + "\(offsets) offsets that \(source) holds already in \(partitions) "
            + "partition\(partitions == 1 ? "" : "s") are not copied"
        if unknown > 0 { message += ", and it is not known of \(unknown) more" }
        message += "; startFrom: earliest, before the first start, copies them"
        return SyncNote(kind: .beginsLater, subject: "startFrom", message: message)
    }
}

extension ClusterClient {
    /// Finds the offsets that a flow with these settings leaves out when it starts for the first time now.
    package func skippedBeginning(
        of selected: [SelectedTopic], _ settings: FlowSettings
    ) async -> SkippedBeginning {
        let partitions = selected.flatMap { topic in
            topic.source.partitions.filter { $0.value.leader != nil }.keys.map { TopicPartition(topic.source.name, $0) }
        }
        let query: OffsetQuery
        switch settings.startFrom {
        case .earliest: return SkippedBeginning(positions: [:], earliest: [:])
        case .latest: query = .latest
        case .timestamp(let time): query = .timestamp(time)
        }
        func ask(_ query: OffsetQuery, _ partitions: [TopicPartition]) async -> [TopicPartition: Int64] {
            guard !partitions.isEmpty else { return [:] }
            return await offsets(
                Dictionary(partitions.map { ($0, query) }) { first, _ in first }, patience: .seconds(5)
            ).compactMapValues { try? $0.get().offset }
        }
        let earliest = await ask(.earliest, partitions)
        var positions = await ask(query, partitions)
        // No record is that young.
        if query != .latest {
            positions.merge(await ask(.latest, partitions.filter { positions[$0] == nil })) { found, _ in found }
        }
        return SkippedBeginning(
            positions: Dictionary(partitions.map { ($0, positions[$0]) }) { first, _ in first }, earliest: earliest)
    }
}
