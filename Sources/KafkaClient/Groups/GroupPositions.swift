public import KafkaWire

// Positions of groups of any kind: a share group (KIP-932) commits no offsets, and has a start offset in each
// partition.
extension ClusterClient {
    /// The next offset to read of a group in each of its partitions: what it has committed, or for a share group the
    /// first record that is not done with. Partitions without one are left out.
    ///
    /// - Throws: `.unsupported` where the cluster does not tell the start offsets of share groups.
    public func positions(
        of group: String, _ kind: GroupKind
    ) async throws(KafkaError) -> Outcomes<TopicPartition, CommittedOffset> {
        kind == .share ? try await shareStartOffsets(of: group) : try await committedOffsets(of: group)
    }

    /// Sets positions of a group that has no members: with members the coordinator refuses.
    ///
    /// - Parameter topicIDs: see ``commitOffsets(of:_:topicIDs:)``; start offsets of share groups go by name.
    public func setPositions(
        of group: String, _ kind: GroupKind, _ offsets: [TopicPartition: CommittedOffset],
        topicIDs: [String: KafkaUUID] = [:]
    ) async -> Outcomes<TopicPartition, Void> {
        guard kind == .share else { return await commitOffsets(of: group, offsets, topicIDs: topicIDs) }
        return await alterShareStartOffsets(of: group, offsets.mapValues(\.offset))
    }
}
