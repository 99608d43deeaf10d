public import KafkaWire

// Positions of groups of any kind: a share group (KIP-932) commits no offsets, and has a start offset in each
// partition.
extension ClusterClient {
    /// The next offset to read of a group in each of its partitions: what it has committed, or for a share group the
    /// first record that is not done with. Partitions without one are left out.
    ///
    /// - Parameter partitions: the only ones that are asked for, where that can be said; nil for all.
    /// - Throws: `.unsupported` where the cluster does not tell the start offsets of share groups.
    public func positions(
        of group: String, _ kind: GroupKind, in partitions: [TopicPartition]? = nil
    ) async throws(KafkaError) -> Outcomes<TopicPartition, CommittedOffset> {
        kind == .share ? try await shareStartOffsets(of: group) : try await committedOffsets(of: group, partitions)
    }

    /// Sets positions of a group that has no members: with members the coordinator refuses.
    ///
    /// - Parameters:
    ///   - topicIDs: see ``commitOffsets(of:_:topicIDs:mayStill:)``; start offsets of share groups go by name.
    ///   - mayStill: asked before each request, also one that is sent again; where it is false the outcome is `.cancelled`.
    public func setPositions(
        of group: String, _ kind: GroupKind, _ offsets: [TopicPartition: CommittedOffset],
        topicIDs: [String: KafkaUUID] = [:], mayStill: @Sendable () -> Bool = { true }
    ) async -> Outcomes<TopicPartition, Void> {
        guard kind == .share else {
            return await commitOffsets(of: group, offsets, topicIDs: topicIDs, mayStill: mayStill)
        }
        return await alterShareStartOffsets(of: group, offsets.mapValues(\.offset), mayStill)
    }
}
