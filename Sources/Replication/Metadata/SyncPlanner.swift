internal import KafkaClient

/// Compares what both clusters look like, and decides what has to change on the target. Pure: the daemon and
/// `replicator plan` differ only in what they do with the result.
package struct SyncPlanner {
    private let settings: FlowSettings
    private let overwrites: Bool
    private let topics: TopicPlanner

    /// - Parameter overwrites: replace also what others changed on the target.
    package init(_ settings: FlowSettings, overwrites: Bool = false) {
        self.settings = settings
        self.overwrites = overwrites
        topics = TopicPlanner(settings)
    }

    package func plan(_ seen: SyncObservation, ledger: LedgerState) -> SyncPlan {
        var plan = topicPlan(seen)
        plan.append(metadataPlan(seen, ledger: ledger))
        return plan
    }

    /// Topics to create, and partitions to add.
    package func topicPlan(_ seen: SyncObservation) -> SyncPlan {
        var plan = SyncPlan()
        let configs = configPlanner(seen)
        for topic in topics.missing(seen.selected, on: seen.target) {
            let source = seen.sourceConfigs[topic.source.name]
            guard source != nil || !settings.sync.topicConfigs || seen.withoutConfigs.contains(topic.source.name) else {
                continue
            }
            let values = settings.sync.topicConfigs ? configs.settings(ofNewCopyOf: source ?? [:]) : [:]
            plan.actions.append(topics.creation(of: topic, configs: values, on: seen.target))
        }
        plan.append(topics.partitions(seen.selected.filter { seen.replaced[$0.source.name] == nil }, on: seen.target))
        return plan
    }

    /// Everything else: settings of topics that are there, access rules, quotas, and deletions.
    package func metadataPlan(_ seen: SyncObservation, ledger: LedgerState) -> SyncPlan {
        var plan = SyncPlan()
        plan.notes = seen.notes
        for (source, replacement) in seen.replaced.all {
            plan.notes.append(
                SyncNote(
                    kind: .sourceRecreated, subject: replacement.targetName,
                    message: replacement.explanation(source: source, cluster: settings.source.name)))
        }
        if settings.sync.topicConfigs { plan.append(configPlan(seen, ledger)) }
        if let groups = seen.groups {
            plan.append(GroupConfigPlanner(settings, overwrites: overwrites).plan(groups, ours: ledger.groups))
        }
        if let acls = seen.acls {
            let mapping = ACLMapping(settings, topics: seen.topicNames)
            plan.append(
                ACLPlanner.plan(
                    source: acls.source, target: acls.target, owned: ledger.acls, mapping: mapping,
                    untouched: seen.replaced.copies, overwrites: overwrites))
        }
        if let quotas = seen.quotas {
            plan.append(
                QuotaPlanner.plan(
                    source: quotas.source, target: quotas.target, ours: ledger.quotas,
                    principals: settings.sync.principals, overwrites: overwrites))
        }
        plan.append(
            topics.deletions(
                gone: seen.gone, present: Set(seen.topicNames), replaced: seen.replaced, ledger: ledger,
                target: seen.target, now: seen.now))
        return plan
    }

    private func configPlanner(_ seen: SyncObservation) -> TopicConfigPlanner {
        TopicConfigPlanner(excluding: settings.sync.configExclude, defaults: seen.defaults, overwrites: overwrites)
    }

    private func configPlan(_ seen: SyncObservation, _ ledger: LedgerState) -> SyncPlan {
        let planner = configPlanner(seen)
        var plan = SyncPlan()
        var unknown: Set<String> = []
        for topic in seen.selected where seen.replaced[topic.source.name] == nil {
            guard let source = seen.sourceConfigs[topic.source.name] else { continue }
            unknown.formUnion(planner.unknownToTarget(source))
            guard let there = seen.targetConfigs[topic.targetName] else { continue }
            plan.append(
                planner.plan(
                    topic: topic.targetName, of: topic.source.name, source: source, there: there,
                    ours: ledger.topics[topic.source.name]?.configs ?? [:]))
        }
        for key in unknown.sorted() {
            plan.notes.append(
                SyncNote(
                    kind: .notPossible, subject: key,
                    message: "topics of \(settings.source.name) set \(key), which \(settings.target.name) does not "
                        + "know: it is not copied; upgrade \(settings.target.name), or exclude the key"))
        }
        return plan
    }
}
