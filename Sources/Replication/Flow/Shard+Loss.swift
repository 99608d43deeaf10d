internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

// What cannot be put right: each kind of loss stops its partition, or is counted and passed over, as the flow's
// policies say.
extension Shard {
    /// Finds out why positions are out of their logs' range.
    func lookIntoRanges() async {
        let indexes = state.outOfRange.filter { state.partitions[$0].isActive }.sorted()
        guard !indexes.isEmpty else { return }
        let partitions = indexes.map { state.partitions[$0].source }
        func query(_ wanted: OffsetQuery) async -> Outcomes<TopicPartition, FoundOffset> {
            await source.offsets(Dictionary(partitions.map { ($0, wanted) }) { first, _ in first })
        }
        let starts = await query(.earliest)
        let ends = await query(.latest)
        for index in indexes {
            let partition = state.partitions[index]
            guard case .success(let start)? = starts[partition.source],
                case .success(let end)? = ends[partition.source],
                let start = start.offset, let end = end.offset
            else { continue }
            state.setOutOfRange(index, false)
            if partition.position < start {
                expired(index, until: start, end: end)
            } else if partition.position > end {
                truncated(index, endsAt: end, epoch: -1)
            } else {
                // It is in range by now: a leader that knows less than the one before has caught up.
                state.noteChange(index)
            }
        }
    }

    private func expired(_ index: Int, until start: Int64, end: Int64) {
        let position = state.partitions[index].position
        let explanation =
            "the source no longer has offset \(position) (its log now starts at \(start) and ends at \(end)): "
            + "records were deleted before they were read"
        guard state.policies.expired == .continue else {
            state.partitions[index].endOfReading = PartitionState.Failure(
                reason: .outOfRange,
                explanation: explanation + ". With policies: {expired: continue} replication goes on behind them")
            return stopIfDue(index)
        }
        state.skipExpired(index, until: start)
        note(index, explanation + "; going on at \(start)", reason: .expired, offsets: start - position)
    }

    /// The source's log was cut, and may have grown again with other records.
    func truncated(_ index: Int, endsAt end: Int64, epoch: Int32) {
        let partition = state.partitions[index]
        guard end < partition.position else {
            // Nothing of what was read is gone; only the epoch is another.
            state.partitions[index].lastReadEpoch = epoch
            state.noteChange(index)
            return
        }
        let explanation =
            "the source's log was cut at offset \(end), and had been read up to \(partition.position): what was "
            + "copied from between is no longer at the source"
        guard mayGoOnBehindCut(index, at: end, explanation) else { return }
        let cut = state.goBack(index, to: end, epoch: epoch)
        note(index, explanation + "; going on at \(end)", reason: .truncated, offsets: cut)
    }

    /// The same, found out when what had been copied was not remembered.
    func sourceWasCut(_ index: Int, at offset: Int64, records: Int64) {
        let explanation =
            "the source's log was cut at offset \(offset): \(records) records that were copied from behind it are no longer "
            + "at the source"
        guard mayGoOnBehindCut(index, at: offset, explanation) else { return }
        note(index, explanation, reason: .truncated, offsets: records)
    }

    /// Stops the partition unless policy says otherwise.
    private func mayGoOnBehindCut(_ index: Int, at offset: Int64, _ explanation: String) -> Bool {
        if state.policies.truncated == .continue { return true }
        stop(
            index, .truncated,
            explanation + ". With policies: {truncated: continue} replication goes on at \(offset)")
        return false
    }

    /// Offsets mean nothing in a topic that only has the name of the one they belong to.
    func recreated(_ index: Int, topicID: KafkaUUID) {
        let explanation = state.partitions[index].recreatedExplanation(nowID: topicID)
        guard state.policies.recreated == .continue else {
            return stop(
                index, .recreated,
                explanation + ". With policies: {recreated: continue} the new one is copied behind the old")
        }
        state.beginAnew(index, topicID: topicID)
        note(index, explanation + "; the new one is copied from its first record", reason: nil, offsets: 0)
    }

    /// Says which records were set aside, each time.
    func reportLeftOut(_ index: Int) {
        let partition = state.partitions[index].source
        for (offsets, reason) in state.takeLeftOut(index) {
            logger.warning(
                "records are left out by policy",
                metadata: [
                    "topic": "\(partition.topic)", "partition": "\(partition.partition)",
                    "firstOffset": "\(offsets.lowerBound)", "lastOffset": "\(offsets.upperBound - 1)",
                    "reason": "\(reason)",
                ])
        }
    }

    private func note(_ index: Int, _ what: String, reason: SkipReason?, offsets: Int64) {
        let partition = state.partitions[index].source
        if let reason { state.partitions[index].metrics.skipped(offsets, reason) }
        logger.warning(
            "records are lost; going on by policy",
            metadata: [
                "topic": "\(partition.topic)", "partition": "\(partition.partition)", "reason": "\(what)",
                "offsets": "\(offsets)",
            ])
        if let broker = state.sourceBroker(of: index) { ring(source: broker) }
    }
}
