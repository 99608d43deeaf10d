package import KafkaClient
internal import KafkaWire
package import Logging

/// Result of a planned change; no error when it was made.
package struct SyncOutcome: Sendable {
    package let action: SyncAction
    package let error: KafkaError?
}

/// Makes planned changes on the target, remembers what is ours, and logs each change once.
package struct SyncApplier: Sendable {
    let target: ClusterClient
    let ledger: SyncLedger
    let logger: Logger

    package init(target: ClusterClient, ledger: SyncLedger, logger: Logger) {
        self.target = target
        self.ledger = ledger
        self.logger = logger
    }

    /// Things named in one request. A controller refuses requests that would make very many partitions at once.
    private static let batch = 250
    private static let partitionsPerRequest: Int32 = 2_000

    /// - Returns: an outcome for each action. A failed action does not keep the others from being done.
    /// - Throws: when what is ours cannot be remembered: then nothing more is changed.
    package func apply(_ plan: SyncPlan) async throws(FlowError) -> [SyncOutcome] {
        try await ledger.store(plan.bookkeeping)
        var outcomes: [SyncOutcome] = []
        outcomes += try await createTopics(plan.actions)
        outcomes += await addPartitions(plan.actions)
        outcomes += try await changeConfigs(plan.actions)
        outcomes += try await changeAcls(plan.actions)
        outcomes += try await changeQuotas(plan.actions)
        outcomes += try await deleteTopics(plan.actions)
        return outcomes
    }

    private func outcome(_ action: SyncAction, _ result: Result<Void, KafkaError>?) -> SyncOutcome {
        switch result {
        case .success: SyncOutcome(action: action, error: nil)
        case .failure(let error): SyncOutcome(action: action, error: error)
        case nil:
            SyncOutcome(
                action: action,
                error: KafkaError(.cancelled, during: .connect, cluster: target.settings.name))
        }
    }
}

// Topics.
extension SyncApplier {
    private func createTopics(_ actions: [SyncAction]) async throws(FlowError) -> [SyncOutcome] {
        var wanted: [(action: SyncAction, topic: NewTopic, source: String)] = []
        for action in actions {
            if case .createTopic(let topic, let source) = action { wanted.append((action, topic, source)) }
        }
        var outcomes: [SyncOutcome] = []
        while !wanted.isEmpty {
            var partitions: Int32 = 0
            let batch = wanted.prefix(Self.batch).prefix { item in
                defer { partitions += max(1, item.topic.partitions) }
                return partitions == 0 || partitions + item.topic.partitions <= Self.partitionsPerRequest
            }
            wanted.removeFirst(batch.count)
            let creation = TopicCreation { [target] in
                await target.createTopics($0, validateOnly: $1).mapValues { $0.map { _ in () } }
            }
            var changes: [LedgerChange] = []
            var leftOver: [SyncAction] = []
            for (item, created) in zip(batch, await creation.outcomes(of: batch.map(\.topic))) {
                outcomes.append(SyncOutcome(action: item.action, error: created.error))
                guard created.error == nil else { continue }
                changes.append(.created(source: item.source, configs: created.topic.configs))
                logCreation(of: created.topic)
                func setting(_ key: String) -> SyncAction {
                    .changeConfig(
                        ConfigChangePlan(
                            of: .topic(item.topic.name), source: item.source, key: key, from: nil,
                            to: item.topic.configs[key]))
                }
                outcomes += created.leftOut.sorted { $0.key < $1.key }.map {
                    SyncOutcome(action: setting($0.key), error: $0.value)
                }
                leftOver += created.leftOver.keys.sorted().map(setting)
            }
            try await ledger.store(changes)
            // Before the topic is copied: nothing produces to it until this returns.
            outcomes += try await changeConfigs(leftOver)
        }
        return outcomes
    }

    private func logCreation(of topic: NewTopic) {
        let settings = topic.configs.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        logger.info(
            "created topic on the target",
            metadata: [
                "topic": "\(topic.name)", "partitions": "\(topic.partitions)",
                "settings": "\(settings.joined(separator: " "))",
            ])
    }

    private func addPartitions(_ actions: [SyncAction]) async -> [SyncOutcome] {
        var wanted: [(action: SyncAction, topic: String, from: Int32, to: Int32)] = []
        for action in actions {
            if case .addPartitions(let topic, let from, let to) = action { wanted.append((action, topic, from, to)) }
        }
        var outcomes: [SyncOutcome] = []
        for batch in wanted.chunked(by: Self.batch) {
            let grown = await target.createPartitions(
                Dictionary(batch.map { ($0.topic, $0.to) }) { first, _ in first })
            for item in batch {
                outcomes.append(outcome(item.action, grown[item.topic]))
                guard case .success = grown[item.topic] else { continue }
                logger.info(
                    "added partitions on the target",
                    metadata: ["topic": "\(item.topic)", "from": "\(item.from)", "to": "\(item.to)"])
            }
        }
        return outcomes
    }

    private func deleteTopics(_ actions: [SyncAction]) async throws(FlowError) -> [SyncOutcome] {
        var outcomes: [SyncOutcome] = []
        for action in actions {
            guard case .deleteTopic(let topic, let source) = action else { continue }
            let result = await target.deleteTopics([topic])[topic]
            outcomes.append(outcome(action, result))
            guard case .success = result else { continue }
            logger.info("deleted topic on the target", metadata: ["topic": "\(topic)", "source topic": "\(source)"])
            try await ledger.store([.deleted(source: source)])
        }
        return outcomes
    }
}

// Settings.
extension SyncApplier {
    private func changeConfigs(_ actions: [SyncAction]) async throws(FlowError) -> [SyncOutcome] {
        var byResource: [ConfigResource: [ConfigChangePlan]] = [:]
        for action in actions {
            if case .changeConfig(let plan) = action { byResource[plan.resource, default: []].append(plan) }
        }
        var outcomes: [SyncOutcome] = []
        for resources in byResource.keys.sorted(by: { $0.description < $1.description }).chunked(by: Self.batch) {
            let plans = resources.map { byResource[$0] ?? [] }
            let results = await alter(plans)
            var changes: [LedgerChange] = []
            for (resource, plans) in zip(resources, plans) {
                if case .failure(let error) = results[resource], plans.count > 1, error.mayBlameSettings {
                    // One key is to blame; the others should not suffer for it.
                    for plan in plans {
                        finish(plan, await alter([[plan]])[resource], &outcomes, &changes)
                    }
                } else {
                    for plan in plans { finish(plan, results[resource], &outcomes, &changes) }
                }
            }
            try await ledger.store(changes)
        }
        return outcomes
    }

    private func alter(_ plans: [[ConfigChangePlan]]) async -> Outcomes<ConfigResource, Void> {
        var changes: [ConfigResource: [String: ConfigChange]] = [:]
        for plan in plans.joined() {
            changes[plan.resource, default: [:]][plan.key] = plan.to.map { .set($0) } ?? .delete
        }
        return await target.alterConfigs(changes)
    }

    private func finish(
        _ plan: ConfigChangePlan, _ result: Result<Void, KafkaError>?, _ outcomes: inout [SyncOutcome],
        _ changes: inout [LedgerChange]
    ) {
        outcomes.append(outcome(.changeConfig(plan), result))
        guard case .success = result else { return }
        changes.append(plan.memory)
        let (message, kind): (Logger.Message, String) =
            if case .group = plan.resource {
                ("changed group setting on the target", "group")
            } else {
                ("changed topic setting on the target", "topic")
            }
        logger.info(
            message,
            metadata: [
                kind: "\(plan.resource.name)", "key": "\(plan.key)", "from": "\(plan.from ?? "the brokers' default")",
                "to": "\(plan.to ?? "the brokers' default")",
            ])
    }
}

// Access rules and quotas.
extension SyncApplier {
    private func changeAcls(_ actions: [SyncAction]) async throws(FlowError) -> [SyncOutcome] {
        var outcomes: [SyncOutcome] = []
        let create = actions.compactMap { if case .createAcl(let rule) = $0 { rule } else { nil } }
        for rules in create.chunked(by: Self.batch) {
            // Said beforehand: a rule that was created and not remembered would never be taken back.
            try await ledger.store(rules.map { .acl($0, .pending) })
            let created = await target.createAccessRules(rules)
            var changes: [LedgerChange] = []
            for rule in rules {
                outcomes.append(outcome(.createAcl(rule), created[rule]))
                switch created[rule] {
                case .success:
                    changes.append(.acl(rule, .ours))
                    logger.info("created access rule on the target", metadata: ["rule": "\(rule)"])
                case .failure(let error) where !error.isRetriable && error.code != nil:
                    changes.append(.acl(rule, nil))
                case .failure, nil: break
                }
            }
            try await ledger.store(changes)
        }
        let delete = actions.compactMap { if case .deleteAcl(let rule) = $0 { rule } else { nil } }
        for rules in delete.chunked(by: Self.batch) {
            let deleted = await target.deleteAccessRules(rules)
            var changes: [LedgerChange] = []
            for rule in rules {
                outcomes.append(outcome(.deleteAcl(rule), deleted[rule]))
                guard case .success = deleted[rule] else { continue }
                changes.append(.acl(rule, nil))
                logger.info("removed access rule on the target", metadata: ["rule": "\(rule)"])
            }
            try await ledger.store(changes)
        }
        return outcomes
    }

    private func changeQuotas(_ actions: [SyncAction]) async throws(FlowError) -> [SyncOutcome] {
        typealias Change = (action: SyncAction, key: String, from: Double?, to: Double?)
        var byEntity: [QuotaEntity: [Change]] = [:]
        for action in actions {
            guard case .changeQuota(let entity, let key, let from, let to) = action else { continue }
            byEntity[entity, default: []].append((action, key, from, to))
        }
        var outcomes: [SyncOutcome] = []
        for entities in byEntity.keys.sorted(by: { $0.description < $1.description }).chunked(by: Self.batch) {
            var wanted: [QuotaEntity: QuotaChanges] = [:]
            for entity in entities {
                for change in byEntity[entity] ?? [] {
                    wanted[entity, default: [:]].updateValue(change.to, forKey: change.key)
                }
            }
            let results = await target.alterClientQuotas(wanted)
            var changes: [LedgerChange] = []
            for entity in entities {
                for change in byEntity[entity] ?? [] {
                    outcomes.append(outcome(change.action, results[entity]))
                    guard case .success = results[entity] else { continue }
                    changes.append(.quota(entity, key: change.key, value: change.to))
                    logger.info(
                        "changed client quota on the target",
                        metadata: [
                            "entity": "\(entity)", "key": "\(change.key)",
                            "from": "\(change.action.before ?? "none")", "to": "\(change.action.after ?? "none")",
                        ])
                }
            }
            try await ledger.store(changes)
        }
        return outcomes
    }
}
