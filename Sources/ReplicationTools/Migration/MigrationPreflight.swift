internal import KafkaClient
internal import KafkaWire
internal import Replication

/// Checks before a migration writes anything, for conditions under which it would fail later.
struct MigrationPreflight {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient

    /// Partitions named in an error.
    private static let examples = 5

    /// - Throws: ``MigrationError`` or `KafkaError`.
    func check() async throws {
        let snapshot = try await EndOffsetSnapshot.make(settings, source: source, target: target)
        try await checkDirection(snapshot)
        guard snapshot.selectsAnything else {
            throw MigrationError.nothingSelected(
                flow: settings.name, source: settings.source.name,
                excluded: snapshot.excluded.map { $0.sentence(source: settings.source.name) })
        }
        try await checkTarget(snapshot)
    }

    /// The progress of a flow lies on its target.
    private func checkDirection(_ snapshot: EndOffsetSnapshot) async throws {
        var onSource = RecordedFlowReader(flow: settings.name, target: source)
        try await onSource.refresh()
        guard let identity = onSource.recorded.identity, identity.targetClusterID == snapshot.sourceID,
            identity.sourceClusterID == snapshot.targetID
        else { return }
        throw MigrationError.swapped(
            flow: settings.name, source: settings.source.name, target: settings.target.name)
    }

    /// Checks that the target is empty where the flow has not begun.
    private func checkTarget(_ snapshot: EndOffsetSnapshot) async throws {
        var onTarget = RecordedFlowReader(flow: settings.name, target: target)
        try await onTarget.refresh()
        let begun = onTarget.recorded.checkpoints
        let full = snapshot.pairs.filter { begun[$0.source] == nil && !$0.targetRange.isEmpty }
        guard !full.isEmpty else { return }
        var partitions = full.prefix(Self.examples).map {
            "\($0.target.topic)-\($0.target.partition) (\($0.targetRange.count) offsets)"
        }
        if full.count > Self.examples { partitions.append("and \(full.count - Self.examples) more") }
        throw MigrationError.targetNotEmpty(target: settings.target.name, partitions)
    }
}
