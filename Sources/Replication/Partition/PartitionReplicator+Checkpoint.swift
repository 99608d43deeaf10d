internal import KafkaClient
internal import KafkaWire

// The recorded state of a partition.
extension PartitionReplicator {
    /// State to record; nil while it must not be: of a log that was truncated only the recovery knows how far it holds
    /// what is completed.
    package var checkpoint: Checkpoint? {
        guard isActive, hasStreamed || isAwaitingCheckpoint, truncation == nil else { return nil }
        var checkpoint = Checkpoint(
            sourceOffset: completedOffset, targetOffset: alignedTargetOffset, sourceLeaderEpoch: cursor.leaderEpoch,
            sourceTopicID: sourceTopicID.hexadecimal, formerSourceTopicID: formerTopicIDs.newest?.hexadecimal,
            map: map.edge,
            producers: Dictionary(knownEpochs.map { ("\($0.key)", $0.value) }) { first, _ in first },
            following: following, targetTopicID: targetLog.topicID.hexadecimal,
            targetLeaderEpoch: targetLog.leaderEpoch, accounting: accounting)
        let formerTarget = targetLog.formerTopicIDs.newest?.hexadecimal
        if targetLog.isRecreated {
            // Whether copies may begin again is decided by the recovery, which may be that of a later run.
            checkpoint.targetTopicID = formerTarget
        } else {
            checkpoint.formerTargetTopicID = formerTarget
        }
        if rewriter.refillsBelow > completedOffset { checkpoint.refillsBelow = rewriter.refillsBelow }
        return checkpoint
    }

    /// Takes in what an earlier run has recorded; the partition has its topics' ids by then.
    package mutating func restore(_ checkpoint: Checkpoint) {
        if let recorded = checkpoint.accounting {
            accounting = recorded
            let isAdopted = recorded.adopted != nil
            if alignment != nil {
                alignment = OffsetAlignment(
                    start: isAdopted ? map.start : recorded.start, isAdopted: isAdopted, rules: rules.alignment)
            }
        }
        rewriter.refillsBelow = checkpoint.refillsBelow ?? 0
        targetLog.endOffset = checkpoint.targetOffset
        targetLog.leaderEpoch = checkpoint.targetLeaderEpoch ?? -1
        cursor.leaderEpoch = checkpoint.sourceLeaderEpoch
        for (id, epoch) in checkpoint.producers ?? [:] { recordedEpochs[Int64(id) ?? -1] = epoch }
        recordedFollowing = checkpoint.following ?? []
        restoreTarget(checkpoint)
        formerTopicIDs = FormerTopicIDs(newest: checkpoint.formerSourceTopicID.flatMap { KafkaUUID(hexadecimal: $0) })
        guard let recorded = KafkaUUID(hexadecimal: checkpoint.sourceTopicID), recorded != .zero else { return }
        // The position is one of that topic, whatever has its name now.
        sourceTopicID = recorded
        if formerTopicIDs.contains(describedTopicID) { describedTopicID = .zero }
        checkGeneration()
    }

    /// Compares the topic that was written to with the one that has its name, as far as the ids of both are known.
    private mutating func restoreTarget(_ checkpoint: Checkpoint) {
        targetLog.formerTopicIDs = FormerTopicIDs(
            newest: checkpoint.formerTargetTopicID.flatMap { KafkaUUID(hexadecimal: $0) })
        guard let recorded = checkpoint.targetTopicID.flatMap({ KafkaUUID(hexadecimal: $0) }), recorded != .zero else {
            return
        }
        if targetLog.topicID == .zero || targetLog.formerTopicIDs.contains(targetLog.topicID) {
            targetLog.topicID = recorded
        } else if targetLog.topicID != recorded {
            targetLog.isRecreated = true
            targetLog.formerTopicIDs.append(recorded)
        }
    }

    /// The highest epoch known of each of our producer ids.
    var knownEpochs: [Int64: Int16] {
        var known = recordedEpochs
        for producer in window.producers { known[producer.id] = max(known[producer.id] ?? -1, producer.epoch) }
        return known
    }

    /// The next sequence of each of our producer ids behind the known end of the target's log, as far as that is known;
    /// by id.
    var following: [ProducerStamp] {
        guard hasStreamed else { return recordedFollowing }
        return window.nextSequences.map { id, sequence in
            ProducerStamp(id: id, epoch: window.epoch(of: id), sequence: sequence)
        }.sorted { $0.id < $1.id }
    }
}
