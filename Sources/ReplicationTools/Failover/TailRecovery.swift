internal import KafkaClient
internal import KafkaCompression
internal import KafkaWire
internal import NIOCore
internal import Replication

/// Finds out how far a flow that is gone had come, as the flow itself would when it starts again, but without changing
/// anything.
struct TailRecovery {
    let settings: FlowSettings
    let source: ClusterClient
    let target: ClusterClient
    /// Producer ids that only the flow writes under.
    let ours: Set<Int64>

    /// The flow's records on the target between the checkpoint and the end.
    func tail(of snapshot: PartitionSnapshot) async throws -> TargetTail {
        var recovery = recovery(of: snapshot, loopGuard: nil)
        while let request = recovery.nextRequest, request.isForTarget {
            try await answer(request, &recovery, snapshot)
        }
        if case .failed(let error)? = recovery.abort { throw error }
        return recovery.tail
    }

    /// Every source offset below it is on the target, or was skipped for a reason.
    func copiedBelow(_ snapshot: PartitionSnapshot) async throws -> Int64 {
        guard snapshot.beyondCheckpoint > 0 else { return snapshot.copiedBelow }
        let clusters = (source: try await source.clusterID(), target: try await target.clusterID())
        let isIdentical = settings.naming == .identical
        let stamps = isIdentical && settings.loopPrevention == .headers
        var intake = BatchIntake(
            planner: BatchPlanner(compression: .keep, addsLoopHeader: stamps),
            origins: OriginRules(
                sourceCluster: clusters.source, targetCluster: clusters.target, isIdentical: isIdentical,
                stamps: stamps))
        let loopGuard = LoopGuard(
            sourceCluster: clusters.source, targetCluster: clusters.target, topicID: .zero,
            partition: snapshot.partition,
            stamps: stamps)
        var recovery = recovery(of: snapshot, loopGuard: isIdentical ? loopGuard : nil)
        while let request = recovery.nextRequest {
            if request.isForTarget {
                try await answer(request, &recovery, snapshot)
            } else {
                try await answer(request, &recovery, snapshot, &intake)
            }
        }
        switch recovery.abort {
        case .failed(let error): throw error
        // Records that the source holds behind it came since the checkpoint.
        case .sourceTruncated(let end): return min(snapshot.copiedBelow, end.offset)
        case .sourceEnds(let end, _): return min(snapshot.copiedBelow, end)
        case .sourceDiverged(let offset), .sourceDiffers(let offset): return min(snapshot.copiedBelow, offset)
        case .fenced, nil: return max(snapshot.copiedBelow, recovery.outcome?.resumption?.position ?? 0)
        }
    }

    private func recovery(of snapshot: PartitionSnapshot, loopGuard: LoopGuard?) -> PartitionRecovery {
        let subject = RecoverySubject(
            source: snapshot.source, target: snapshot.target, from: snapshot.targetOffset,
            following: snapshot.following ?? [],
            leaderEpoch: snapshot.targetLeaderEpoch ?? -1,
            cursor: SourceCursor(position: snapshot.sourceOffset, leaderEpoch: snapshot.sourceLeaderEpoch ?? -1),
            rewriter: RecordRewriter(compression: .keep, loopGuard: loopGuard, limit: .default))
        return PartitionRecovery(reading: subject, ours: ours, until: LogEnd(offset: snapshot.targetEnd))
    }

    private func answer(
        _ request: PartitionRecovery.Request, _ recovery: inout PartitionRecovery, _ snapshot: PartitionSnapshot
    ) async throws {
        guard case .targetRecords(let offset) = request else {
            return recovery.targetBegins(
                at: try await target.bounds(.earliest, of: [snapshot.target])[snapshot.target] ?? 0)
        }
        if let fetched = try await read(snapshot.target, from: offset, target, isolation: .readUncommitted) {
            recovery.tookTargetRecords(fetched.records?.contiguous ?? ByteBuffer())
        } else {
            recovery.targetOutOfRange()
        }
    }

    private func answer(
        _ request: PartitionRecovery.Request, _ recovery: inout PartitionRecovery, _ snapshot: PartitionSnapshot,
        _ intake: inout BatchIntake
    ) async throws {
        switch request {
        case .sourceEpochEnd(let epoch):
            let end = try Self.known(await source.epochEnds([snapshot.source: epoch])[snapshot.source])
            recovery.sourceEpochEnded(end?.endOffset.map { LogEnd(offset: $0, epoch: end?.epoch ?? -1) })
        case .sourceRecords(let offset):
            if let fetched = try await read(snapshot.source, from: offset, source, isolation: .readCommitted) {
                recovery.tookSourceRecords(SourceMatch.Answer(fetched), intake: intake)
            } else {
                recovery.sourceOutOfRange()
            }
        case .sourceStart:
            recovery.sourceBegins(at: try await source.bounds(.earliest, of: [snapshot.source])[snapshot.source] ?? 0)
        case .origins(.origin(let id)):
            intake.origins.learn([id], try await OriginTable(of: source).lookUp([id]))
            recovery.originsLearned()
        case .origins(.producer(let provenance)):
            // Nothing is written under it.
            intake.origins.producerIDs[provenance] = 0
            recovery.originsLearned()
        case .sourceLeaderEnd:
            let end = try Self.known(await source.leaderLogEnds(of: [snapshot.source])[snapshot.source])
            recovery.sourceLeaderEnds(at: end?.endOffset, cluster: source.settings.name)
        case .describeProducers, .replaceProducers, .targetEnd, .targetEpochEnd, .compare, .fence, .targetRecords,
            .copies, .originals,
            .targetStart:
            preconditionFailure("a recovery that changes nothing does not ask for it")
        }
    }

    /// Nil from clusters that cannot tell.
    private static func known(_ outcome: Result<EpochEnd, KafkaError>?) throws(KafkaError) -> EpochEnd? {
        switch outcome {
        case .success(let end): return end
        case .failure(let error) where error.remedy == .stop: return nil
        case .failure(let error): throw error
        case nil: return nil
        }
    }

    /// Nil for an offset that the log does not have.
    private func read(
        _ partition: TopicPartition, from offset: Int64, _ client: ClusterClient, isolation: IsolationLevel
    ) async throws(KafkaError) -> FetchedPartition? {
        let position = FetchPosition(
            topic: partition.topic, partition: partition.partition, fetchOffset: offset, maxBytes: 4 << 20)
        let outcome = await client.read([position], isolation: isolation)[partition]
        switch outcome {
        case .success(let fetched): return fetched
        case .failure(let error) where error.code == .offsetOutOfRange: return nil
        case .failure(let error): throw error
        case nil: throw KafkaError(.cancelled, during: .request(.fetch), cluster: client.settings.name)
        }
    }
}

extension PartitionRecovery.Request {
    /// True for requests to the target, among those of a recovery that changes nothing.
    fileprivate var isForTarget: Bool {
        switch self {
        case .targetRecords, .targetStart: true
        default: false
        }
    }
}
