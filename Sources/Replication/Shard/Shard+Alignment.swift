internal import KafkaClient
internal import KafkaWire
internal import NIOCore

/// The task that brings targets' logs to the offsets of their sources, where copies keep them: markers, and the deletion
/// of filler. Batches are the target producers' to send.
extension Shard {
    func runAlignment() async {
        await withDiscardingTaskGroup { group in
            var signals = alignmentSignal.makeWaiter()
            while !isFinished, !Task.isCancelled {
                for (broker, work) in scheduler.takeAlignments() {
                    group.addTask { await self.align(work, at: broker) }
                }
                guard await signals.next() != nil else { break }
            }
        }
    }

    private func align(_ work: [ShardScheduler.Alignment], at broker: Int32) async {
        // A process that was frozen until now learns it here, or with the connection.
        guard lease.isHeld else {
            let lost = KafkaError(.cancelled, during: .request(.writeTxnMarkers), cluster: target.settings.name)
            return ended(work.map { ($0, .refused(lost)) })
        }
        var runs: [TopicPartition: MarkerRun] = [:]
        var deletions: [TopicPartition: Int64] = [:]
        for one in work {
            switch one.work {
            case .markers(let range): runs[one.target] = MarkerRun(producer: one.producer, count: range.count)
            case .deletion(let offset): deletions[one.target] = offset
            }
        }
        let lease = lease
        let marked = runs.isEmpty ? [:] : await target.writeMarkers(runs, at: broker) { lease.isHeld }
        // A broker has one answer for many markers: the end of the log tells whether all of them are there.
        let several = runs.filter { $0.value.count > 1 && marked[$0.key] == .written }.keys
        let ends =
            several.isEmpty
            ? [:] : await target.offsets(Dictionary(several.map { ($0, OffsetQuery.latest) }) { first, _ in first })
        let deleted = deletions.isEmpty ? [:] : await target.deleteRecords(before: deletions)
        ended(
            work.map { one in
                switch one.work {
                case .markers(let range):
                    (one, Self.outcome(marked[one.target], ends[one.target], end: range.upperBound))
                case .deletion: (one, Self.outcome(deleted[one.target]))
                }
            })
    }

    private static func outcome(
        _ marked: MarkerOutcome?, _ found: Result<FoundOffset, KafkaError>?, end: Int64
    ) -> PartitionReplicator.WorkOutcome {
        switch marked {
        case .refused(let error): .refused(error)
        case .inDoubt(let error): .inDoubt("\(error)")
        case nil: .inDoubt("nothing was answered")
        case .written:
            switch found {
            case nil: .done
            case .success(let found) where found.offset == end: .done
            case .success(let found):
                .inDoubt("the target's log ends at offset \(found.offset ?? -1), not at \(end), behind its markers")
            case .failure(let error): .inDoubt("\(error)")
            }
        }
    }

    private static func outcome(_ deleted: Result<Int64, KafkaError>?) -> PartitionReplicator.WorkOutcome {
        switch deleted {
        case .success: .done
        // Deleting again does no harm.
        case .failure(let error): .refused(error)
        case nil: .inDoubt("nothing was answered")
        }
    }

    private func ended(_ outcomes: [(ShardScheduler.Alignment, PartitionReplicator.WorkOutcome)]) {
        let now = NIODeadline.now()
        for (one, outcome) in outcomes {
            scheduler.send(to: one.index) { $0.ended(one.work, outcome, at: now) }
        }
        perform()
        endIfDrained()
    }
}
