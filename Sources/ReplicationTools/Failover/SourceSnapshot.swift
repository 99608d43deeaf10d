internal import KafkaClient
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Finds out how far every partition of a flow had come, from the target alone.
struct SourceSnapshot {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    let memory: FlowMemory
    /// Producer ids that only the flow writes under.
    let ours: Set<Int64>

    /// The ids that are registered for the flow.
    static func ownProducers(of flow: FlowIdentity, named name: String, on target: ClusterClient) async throws
        -> Set<Int64>
    {
        let metadata = try await target.metadata(.named([OriginRecord.topic]))
        guard metadata.topics[OriginRecord.topic]?.partitions.isEmpty == false else { return [] }
        let registered = try await RegisteredOrigins.read(StateTopic(OriginRecord.topic, client: target)).records
        return Set(
            registered.filter {
                $0.value.flow == name && $0.value.sourceClusterID == flow.sourceClusterID
                    && $0.value.targetClusterID == flow.targetClusterID
            }.keys)
    }

    func make() async throws -> [PartitionSnapshot] {
        let partitions = memory.partitions(isSettled: false)
        let ends = await target.logEnds(of: Set(partitions.map(\.target)))
        var snapshots: [PartitionSnapshot] = []
        for partition in partitions {
            guard let checkpoint = memory.flow.checkpoints[partition.source] else { continue }
            // Of a target partition that cannot be asked, nothing beyond the checkpoint is known.
            let end = ends[partition.target] ?? max(0, checkpoint.targetOffset)
            var snapshot = PartitionSnapshot(partition, sourceOffset: checkpoint.sourceOffset, targetEnd: end)
            snapshot.sourceTopicID = checkpoint.sourceTopicID
            snapshot.targetTopicID = checkpoint.targetTopicID
            snapshot.targetOffset = checkpoint.targetOffset
            snapshot.targetLeaderEpoch = checkpoint.targetLeaderEpoch
            snapshot.following = checkpoint.following
            snapshot.sourceLeaderEpoch = checkpoint.sourceLeaderEpoch
            if end > max(0, checkpoint.targetOffset) {
                let tail = try await TailRecovery(settings: settings, source: source, target: target, ours: ours)
                    .tail(of: snapshot)
                snapshot.beyondCheckpoint = tail.count
                // Behind a discontinuity the last one need not be in its place.
                if tail.discontinuities.isEmpty, let last = tail.batches.last {
                    snapshot.lastOrigin = try await origin(of: last, in: snapshot)
                }
            }
            snapshots.append(snapshot)
        }
        return snapshots
    }

    /// The source offset of a batch's last record that began at the source, if it says so itself.
    private func origin(of batch: TargetTail.Batch, in snapshot: PartitionSnapshot) async throws -> Int64? {
        guard settings.naming == .identical, settings.loopPrevention == .headers,
            let sourceID = memory.flow.identity?.sourceClusterID
        else { return nil }
        let log = StateTopic(snapshot.targetTopic, partition: snapshot.partition, client: target)
        let last = batch.baseOffset + batch.count - 1
        guard let record = try await target.record(of: log.partition, at: last),
            let header = LostTail.loopHeader(of: record), header.originCluster == sourceID,
            header.originPartition == snapshot.partition, header.originOffset >= 0
        else { return nil }
        return header.originOffset
    }
}
