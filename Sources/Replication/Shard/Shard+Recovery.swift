internal import KafkaClient
internal import KafkaWire
internal import Logging
internal import NIOCore

/// The task that finds things out for partitions: what the target has, where records come from, why a position is out
/// of range. Many partitions at once, in few requests; but none waits for a broker that only others need.
extension Shard {
    func runRecovery() async {
        await withDiscardingTaskGroup { group in
            var signals = recoverySignal.makeWaiter()
            while !isFinished, !Task.isCancelled {
                if scheduler.takeNeeds() { group.addTask { await self.learnNeeds() } }
                let outOfRange = scheduler.takeOutOfRange()
                if !outOfRange.isEmpty { group.addTask { await self.findSourceRanges(outOfRange) } }
                for recoveries in scheduler.takeRecoveries(sourceIsInTrouble: isSourceInTrouble) {
                    group.addTask { await self.recover(recoveries) }
                }
                guard await signals.next() != nil else { break }
            }
            group.cancelAll()
        }
    }

    private func isSourceInTrouble(_ broker: Int32) -> Bool { link(source: broker).isInTrouble(at: .now()) }

    private func learnNeeds() async {
        if await !learn(scheduler.needs) {
            try? await Task.sleep(for: .milliseconds(500 * max(1, min(20, originFailures))))
        }
        scheduler.endNeeds()
        recoverySignal.notify()
    }

    private func recover(_ group: RecoveryGroups.Group) async {
        let ours = await own.all
        let fresh = await own.fresh
        let due = group.partitions.filter { scheduler[$0].recoveryIsDue }
        var recoveries = due.map { PartitionRecovery(scheduler[$0].recoverySubject, ours: ours, fresh: fresh) }
        await drive(&recoveries)
        scheduler.ended(group)
        // Everything has reached the target while it was being asked.
        guard !Task.isCancelled else { return }
        let (now, time) = (NIODeadline.now(), wallClock())
        for (index, recovery) in zip(due, recoveries) {
            scheduler.send(to: index) { $0.recovered(recovery, at: now, wallClock: time) }
        }
        perform()
        endIfDrained()
        recoverySignal.notify()
    }

    /// Finds out why positions are out of their logs' range.
    private func findSourceRanges(_ indexes: [Int]) async {
        let partitions = indexes.map { scheduler[$0].source }
        func query(_ wanted: OffsetQuery) async -> Outcomes<TopicPartition, FoundOffset> {
            await source.offsets(Dictionary(partitions.map { ($0, wanted) }) { first, _ in first })
        }
        let starts = await query(.earliest)
        let ends = await query(.latest)
        var isComplete = true
        for (index, partition) in zip(indexes, partitions) {
            guard case .success(let start)? = starts[partition], case .success(let end)? = ends[partition],
                let start = start.offset, let end = end.offset
            else {
                isComplete = false
                continue
            }
            scheduler.send(to: index) { $0.foundSourceRange(start: start, end: end) }
        }
        perform()
        if !isComplete { try? await Task.sleep(for: .milliseconds(500)) }
        scheduler.rangesFound(indexes)
        recoverySignal.notify()
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
                guard let successor = try await own.successor(of: id),
                    // Partitions that are recovered apart may meet it at the same time.
                    scheduler.intake.origins.producerIDs.values.contains(id)
                else { continue }
                scheduler.replace(id, by: successor.producerID, for: successor.provenance)
                logger.info(
                    "the epochs of a producer id are used up, continuing with another",
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
