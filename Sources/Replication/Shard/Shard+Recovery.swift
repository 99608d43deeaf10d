internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that finds things out for partitions: what the target has, where records come from, why a position is out
/// of range. Many partitions at once, in few requests.
extension Shard {
    func runRecovery() async {
        var signals = recoverySignal.makeWaiter()
        while !isFinished, !Task.isCancelled {
            let needs = scheduler.needs
            if !needs.isEmpty {
                if await learn(needs) { continue }
                eventLoop.scheduleTask(in: .milliseconds(Int64(500 * max(1, min(20, originFailures))))) {
                    [recoverySignal] in recoverySignal.notify()
                }
            }
            await findSourceRanges()
            guard await recoverPartitions() else {
                guard await signals.next() != nil else { return }
                continue
            }
        }
    }

    /// - Returns: whether there was any to recover.
    private func recoverPartitions() async -> Bool {
        guard !scheduler.recoveriesDue.isEmpty else { return false }
        let ours = await own.all
        let fresh = await own.fresh
        let due = scheduler.recoveriesDue
        var recoveries = due.map { PartitionRecovery(scheduler[$0].recoverySubject, ours: ours, fresh: fresh) }
        await drive(&recoveries)
        // Everything has reached the target while it was being asked.
        guard !Task.isCancelled else { return true }
        let (now, time) = (NIODeadline.now(), wallClock())
        for (index, recovery) in zip(due, recoveries) {
            scheduler.send(to: index) { $0.recovered(recovery, at: now, wallClock: time) }
        }
        perform()
        endIfDrained()
        return true
    }

    /// Finds out why positions are out of their logs' range.
    private func findSourceRanges() async {
        let indexes = scheduler.outOfRange
        guard !indexes.isEmpty else { return }
        let partitions = indexes.map { scheduler[$0].source }
        func query(_ wanted: OffsetQuery) async -> Outcomes<TopicPartition, FoundOffset> {
            await source.offsets(Dictionary(partitions.map { ($0, wanted) }) { first, _ in first })
        }
        let starts = await query(.earliest)
        let ends = await query(.latest)
        for (index, partition) in zip(indexes, partitions) {
            guard case .success(let start)? = starts[partition], case .success(let end)? = ends[partition],
                let start = start.offset, let end = end.offset
            else { continue }
            scheduler.send(to: index) { $0.foundSourceRange(start: start, end: end) }
        }
        perform()
    }

    /// Asks for knowledge about producer ids that batches wait for.
    ///
    /// - Returns: whether everything is known now.
    func learn(_ needs: Set<OriginRules.Need>) async -> Bool {
        var ids: Set<Int64> = []
        do throws(KafkaError) {
            for need in needs {
                switch need {
                case .origin(let id): ids.insert(id)
                case .producer(let provenance):
                    scheduler.learn(producerID: try await own.producerID(for: provenance), for: provenance)
                }
            }
            if !ids.isEmpty {
                // Others do not wait for an id of which nobody can tell.
                let found = try await sourceOrigins.lookUpReadable(ids)
                scheduler.learn(ids.subtracting(found.unreadable.keys), found.known)
                perform()
                if let (id, why) = found.unreadable.min(by: { $0.key < $1.key }) {
                    throw await sourceOrigins.cannotTell(id, why)
                }
            }
            originFailures = 0
            troubles.ended(.origins, shard: number)
            perform()
            return true
        } catch {
            originFailures += 1
            troubles.began(.origins, shard: number, "\(error)")
            return false
        }
    }

    /// A producer id whose last epoch is in use cannot be raised any further: another takes its place.
    func replaceExhausted(_ ids: Set<Int64>) async {
        for id in ids where scheduler.intake.origins.producerIDs.values.contains(id) {
            do throws(KafkaError) {
                guard let successor = try await own.successor(of: id) else { continue }
                scheduler.replace(id, by: successor.producerID, for: successor.provenance)
                logger.info(
                    "the epochs of a producer id are used up, going on with another",
                    metadata: ["used": "\(id)", "producerID": "\(successor.producerID)"])
            } catch {
                troubles.began(.producerIDs, shard: number, "\(error)")
                return perform()
            }
        }
        troubles.ended(.producerIDs, shard: number)
        perform()
    }
}
