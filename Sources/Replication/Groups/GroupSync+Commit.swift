internal import KafkaClient
internal import KafkaWire
internal import Logging

// Committing on the target. Between the look at a group and the commit for it there may be seconds, and a process may be
// frozen there: the group may have moved to the target meanwhile, and read on. So its position is read again directly
// before each commit, by one that may still commit.
extension GroupSync {
    /// The age of a reading of the target's positions at which they are read again before a request is sent.
    private static let freshness: Duration = .seconds(2)

    /// A position to be committed.
    private struct Place {
        let offset: CommittedOffset
        /// The position that it takes the place of, which must still be there; nil for one that is only moved forward.
        let from: Int64?

        func isWanted(over present: Int64?) -> Bool {
            guard let from else { return present.map { $0 < offset.offset } ?? true }
            return present == from
        }
    }

    private enum Outcome {
        case committed
        /// The target has another position by now, which is not to be replaced.
        case moved(Int64?)
        case failed(KafkaError)
        /// This instance may not commit any more.
        case notOurs
    }

    /// Commits for several groups what is to be moved.
    func apply(_ found: inout [GroupFinding], while isHeld: @escaping @Sendable () async -> Bool) async {
        let findings = found
        let moving = found.indices.filter { findings[$0].partitions.contains { Self.place(of: $0, .none) != nil } }
        let applied = await concurrently(moving, width: Self.width) { index in
            var finding = findings[index]
            await self.apply(&finding, while: isHeld)
            return finding
        }
        for (index, finding) in applied { found[index] = finding }
    }

    /// Commits what a finding says is to be moved. The coordinator refuses it for a group that has got members in the
    /// meantime.
    ///
    /// - Parameters:
    ///   - rewind: positions that are set back as well, if they are still the ones that were found.
    ///   - isHeld: false once others commit for the groups.
    package func apply(
        _ finding: inout GroupFinding, allowing rewind: GroupRewind = .none,
        while isHeld: @Sendable () async -> Bool = { true }
    ) async {
        var places: [TopicPartition: Place] = [:]
        for partition in finding.partitions {
            if let place = Self.place(of: partition, rewind) { places[partition.target] = place }
        }
        guard !places.isEmpty else { return }
        let outcomes = await commit(places, of: finding, while: isHeld)
        for index in finding.partitions.indices {
            guard let wanted = places[finding.partitions[index].target]?.offset.offset,
                let outcome = outcomes[finding.partitions[index].target]
            else { continue }
            switch outcome {
            case .committed:
                log(finding, finding.partitions[index], wanted)
                finding.partitions[index].hasMoved(to: wanted, wanted: wanted)
            case .moved(let present): finding.partitions[index].hasMoved(to: present, wanted: wanted)
            case .failed(let error) where Self.meansMembers(error):
                finding.partitions[index].verdict = .activeMembers
            case .failed(let error):
                finding.fail(error, group: finding.targetGroup, need: .read, at: settings.target)
            case .notOurs: break
            }
        }
    }

    private static func place(of partition: PartitionFinding, _ rewind: GroupRewind) -> Place? {
        // The source's leader epoch means nothing on the target.
        func place(_ offset: Int64, from: Int64? = nil) -> Place {
            Place(offset: CommittedOffset(offset: offset, metadata: partition.committed.metadata), from: from)
        }
        switch partition.verdict {
        case .move(let offset): return place(offset)
        case .further where rewind == .all:
            guard case .success(let position) = partition.position else { return nil }
            return place(position.target, from: partition.atTarget)
        case .beyond(let beyond) where rewind == .all || rewind == .beyondEnd && beyond.kind == .end:
            return place(beyond.backTo, from: partition.atTarget)
        case .synced, .held, .further, .beyond, .refused, .activeMembers: return nil
        }
    }

    private func commit(
        _ places: [TopicPartition: Place], of finding: GroupFinding, while isHeld: @Sendable () async -> Bool
    ) async -> [TopicPartition: Outcome] {
        var open = places
        var outcomes: [TopicPartition: Outcome] = [:]
        let group = finding.targetGroup
        let end = ContinuousClock.now + target.settings.operationTimeout
        while !open.isEmpty {
            guard await isHeld() else {
                outcomes.merge(open.mapValues { _ in .notOurs }) { _, new in new }
                break
            }
            let begin = ContinuousClock.now
            do throws(KafkaError) {
                let present = try await target.positions(of: group, finding.kind, in: Array(open.keys))
                for (partition, place) in open {
                    switch present[partition] {
                    case .failure(let error): outcomes[partition] = .failed(error)
                    case .success(let committed) where !place.isWanted(over: committed.offset):
                        outcomes[partition] = .moved(committed.offset)
                    case nil where !place.isWanted(over: nil): outcomes[partition] = .moved(nil)
                    case .success, nil: continue
                    }
                    open[partition] = nil
                }
            } catch {
                outcomes.merge(open.mapValues { _ in .failed(error) }) { _, new in new }
                break
            }
            guard !open.isEmpty else { break }
            let answers = await target.setPositions(
                of: group, finding.kind, open.mapValues(\.offset), topicIDs: targetTopicIDs
            ) { [lease] in
                ContinuousClock.now - begin < Self.freshness && lease?.isHeld ?? true
            }
            let isOver = Task.isCancelled || ContinuousClock.now > end
            for (partition, answer) in answers {
                switch answer {
                case .success: outcomes[partition] = .committed
                case .failure(let error) where error.reason == .cancelled && !isOver:
                    if lease?.isHeld ?? true { continue }
                    outcomes[partition] = .notOurs
                case .failure(let error): outcomes[partition] = .failed(error)
                }
                open[partition] = nil
            }
        }
        return outcomes
    }

    private static func meansMembers(_ error: KafkaError) -> Bool {
        switch error.code {
        case .unknownMemberID?, .illegalGeneration?, .rebalanceInProgress?, .staleMemberEpoch?, .nonEmptyGroup?: true
        default: false
        }
    }

    private func log(_ finding: GroupFinding, _ partition: PartitionFinding, _ offset: Int64) {
        let level: Logger.Level = positionedGroups.contains(ExactName(finding.targetGroup)) ? .debug : .info
        logger.log(
            level: level, "committed group offset on the target",
            metadata: [
                "group": "\(finding.targetGroup)", "topic": "\(partition.target.topic)",
                "partition": "\(partition.target.partition)", "sourceOffset": "\(partition.committed.offset)",
                "offset": "\(offset)", "before": "\(partition.atTarget.map { "\($0)" } ?? "none")",
            ])
    }
}

extension PartitionFinding {
    /// Takes in the position that the target has by now.
    fileprivate mutating func hasMoved(to present: Int64?, wanted: Int64) {
        atTarget = present
        guard let present, present >= wanted else {
            verdict = .move(to: wanted)
            return
        }
        verdict = present > wanted ? .further : heldBy == nil ? .synced : .held
    }
}
