package import KafkaClient

/// A source topic that a flow copies, and what it is called on the target.
package struct SelectedTopic: Sendable {
    package let source: TopicMetadata
    package let targetName: String

    package init(source: TopicMetadata, targetName: String) {
        self.source = source
        self.targetName = targetName
    }

    var partitionCount: Int32 { Int32(source.partitions.count) }
}

/// Decides which topics have to be created, grown or deleted on the target.
package struct TopicPlanner {
    private let sync: SyncSettings
    private let sourceCluster: String
    private let targetCluster: String

    package init(_ settings: FlowSettings) {
        sync = settings.sync
        sourceCluster = settings.source.name
        targetCluster = settings.target.name
    }

    /// Selected topics that the target lacks.
    package func missing(_ selected: [SelectedTopic], on target: ClusterMetadata) -> [SelectedTopic] {
        selected.filter { target.topics[$0.targetName]?.partitions.isEmpty ?? true }
    }

    /// - Parameter configs: the settings to create it with.
    package func creation(of topic: SelectedTopic, configs: [String: String], on target: ClusterMetadata) -> SyncAction
    {
        .createTopic(
            NewTopic(
                topic.targetName, partitions: topic.partitionCount,
                replicationFactor: replicationFactor(of: topic, on: target), configs: configs),
            source: topic.source.name)
    }

    private func replicationFactor(of topic: SelectedTopic, on target: ClusterMetadata) -> Int16 {
        switch sync.replicationFactor {
        case .broker: return -1
        case .number(let number): return number
        case .source:
            let replicas = topic.source.partitions.values.map(\.replicas.count).max() ?? 1
            return Int16(clamping: max(1, min(replicas, max(1, target.brokers.count))))
        }
    }

    /// Growth of topics that have fewer partitions than their source, and a note on those that have more.
    package func partitions(_ selected: [SelectedTopic], on target: ClusterMetadata) -> SyncPlan {
        var plan = SyncPlan()
        for topic in selected {
            let count = Int32(clamping: target.topics[topic.targetName]?.partitions.count ?? 0)
            guard count > 0 else { continue }
            if count < topic.partitionCount, sync.partitions {
                plan.actions.append(.addPartitions(topic: topic.targetName, from: count, to: topic.partitionCount))
            } else if count < topic.partitionCount {
                plan.notes.append(
                    SyncNote(
                        kind: .partitionCount, subject: topic.targetName,
                        message:
                            "\(topic.targetName) has \(count) partitions on \(targetCluster), \(topic.source.name) "
                            + "has \(topic.partitionCount) on \(sourceCluster): the others are not copied; "
                            + "add partitions, or let sync.partitions do it"))
            } else if count > topic.partitionCount {
                plan.notes.append(
                    SyncNote(
                        kind: .partitionCount, subject: topic.targetName,
                        message:
                            "\(topic.targetName) has \(count) partitions on \(targetCluster), \(topic.source.name) "
                            + "has \(topic.partitionCount) on \(sourceCluster): nothing is copied into the others, and "
                            + "producers that choose by key will choose differently there; "
                            + "add partitions to the source, or recreate the copy"))
            }
        }
        return plan
    }

    /// - Parameters:
    ///   - gone: source topics that are known not to exist, which is more than not being listed.
    ///   - present: source topics that exist.
    ///   - replaced: source topics that are others than those that were copied.
    ///   - now: milliseconds since 1970.
    package func deletions(
        gone: [String: String], present: Set<String>, replaced: ReplacedTopics = ReplacedTopics(), ledger: LedgerState,
        target: ClusterMetadata, now: Int64
    ) -> SyncPlan {
        var plan = SyncPlan()
        for (source, topic) in ledger.topics.sorted(by: { $0.key < $1.key }) {
            let successor = replaced[source]?.presentID
            // Remembered: once the later topic is gone, too, nothing else tells that there was one.
            if present.contains(source), topic.replacedBy != successor {
                plan.bookkeeping.append(.replaced(source: source, by: successor))
            }
            if present.contains(source), topic.missingSince != nil {
                plan.bookkeeping.append(.missing(source: source, since: nil))
            }
            guard let copy = gone[source] else { continue }
            guard target.topics[copy]?.partitions.isEmpty == false else {
                plan.bookkeeping.append(.deleted(source: source))
                continue
            }
            plan.append(deletion(of: copy, source, topic, now))
        }
        return plan
    }

    private func deletion(of copy: String, _ source: String, _ topic: LedgerState.Topic, _ now: Int64) -> SyncPlan {
        var plan = SyncPlan()
        func report(_ message: String) {
            plan.notes.append(
                SyncNote(
                    kind: .sourceDeleted, subject: copy, message: "\(source) is gone from \(sourceCluster); \(message)")
            )
        }
        switch sync.deleteTopics {
        case .never:
            report("its copy \(copy) stays on \(targetCluster); delete it there if it is not needed")
        case .after where topic.replacedBy != nil:
            report(
                "its copy \(copy) stays on \(targetCluster), since it is of an earlier topic than the one that is gone; "
                    + "delete it there if it is not needed")
        case .after(let delay):
            guard topic.created else {
                report("\(copy) stays on \(targetCluster), since this flow did not create it")
                break
            }
            guard let since = topic.missingSince else {
                plan.bookkeeping.append(.missing(source: source, since: now))
                report("its copy \(copy) will be deleted in \(delay), unless \(source) comes back")
                break
            }
            if now - since >= delay.inMilliseconds {
                plan.actions.append(.deleteTopic(topic: copy, source: source))
            }
        }
        return plan
    }
}

extension Duration {
    var inMilliseconds: Int64 { components.seconds * 1_000 + components.attoseconds / 1_000_000_000_000_000 }
}
