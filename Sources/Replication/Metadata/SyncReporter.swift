package import KafkaClient
internal import Logging

/// Says once what sync leaves alone or could not do; a thing that changes is said again.
actor SyncReporter {
    private let settings: FlowSettings
    private let logger: Logger
    private var said: Set<String> = []
    /// Only a bound on memory: beyond it things may be said a second time.
    private let limit = 20_000

    init(settings: FlowSettings, logger: Logger) {
        self.settings = settings
        self.logger = logger
    }

    func report(_ notes: [SyncNote]) {
        for note in notes where isNew(note.message) {
            switch note.kind {
            case .noAuthorizer, .sourceDeleted, .returning, .tiered, .preservedCosts:
                logger.info("\(note.message)", metadata: ["about": "\(note.subject)"])
            case .changedByOthers, .sourceRecreated, .partitionCount, .notPossible, .failed, .notCopied, .beginsLater,
                .nothingSelected, .neverCopied, .undecidedName, .groupNotTranslated, .groupNotCopied, .groupNotCovered,
                .groupNotCarried, .groupActive, .groupBeyond, .copiesPresent, .settingDiffers:
                logger.warning("\(note.message)", metadata: ["about": "\(note.subject)"])
            }
        }
    }

    func report(_ outcomes: [SyncOutcome]) {
        var refused: [String: [SyncOutcome]] = [:]
        for outcome in outcomes {
            guard let error = outcome.error else { continue }
            if case .changeConfig(let plan) = outcome.action, error.mayBlameSettings {
                refused["\(plan.key) \(error.code.map { "\($0)" } ?? "")", default: []].append(outcome)
                continue
            }
            let advice = SyncFailure.text(outcome.action, error, settings.target)
            guard isNew("\(outcome.action.subject) \(advice)") else { continue }
            logger.warning(
                "cannot change metadata on the target, trying again at each look",
                metadata: ["what": "\(outcome.action.subject)", "reason": "\(advice)"])
        }
        for (what, outcomes) in refused.sorted(by: { $0.key < $1.key }) where isNew("refused \(what)") {
            report(refusedOf: outcomes)
        }
    }

    /// A cluster that does not take a setting takes it of no topic: it is said once, of the first.
    private func report(refusedOf outcomes: [SyncOutcome]) {
        guard case .changeConfig(let plan)? = outcomes.first?.action, let error = outcomes.first?.error else { return }
        logger.warning(
            """
            the target refuses a setting: what is named is without it there, its other settings are copied; it is tried \
            again at each look, exclude it with sync.configExclude if it may stay so
            """,
            metadata: [
                "setting": "\(plan.key)", "value": "\(plan.to ?? "the brokers' default")", "of": "\(plan.resource)",
                "refusals": "\(outcomes.count)", "reason": "\(error)",
            ])
    }

    private func isNew(_ text: String) -> Bool {
        if said.count >= limit { said.removeAll() }
        return said.insert(text).inserted
    }
}

/// Reason why a planned change could not be made, with the permission that was missing if that is why.
package enum SyncFailure {
    package static func text(_ action: SyncAction, _ error: KafkaError, _ target: ClusterSettings) -> String {
        guard error.isAuthorization else { return "\(error)" }
        return permission(for: action, target).explanation(of: error)
    }

    static func permission(for action: SyncAction, _ target: ClusterSettings) -> MissingPermission {
        switch action {
        case .createTopic(let topic, _): MissingPermission(.create, on: .topic, topic.name, of: target)
        case .addPartitions(let topic, _, _): MissingPermission(.alter, on: .topic, topic, of: target)
        case .deleteTopic(let topic, _): MissingPermission(.delete, on: .topic, topic, of: target)
        case .changeConfig(let plan):
            if case .group(let name) = plan.resource {
                MissingPermission(.alterConfigs, on: .group, name, of: target)
            } else {
                MissingPermission(.alterConfigs, on: .topic, plan.resource.name, of: target)
            }
        case .createAcl, .deleteAcl: MissingPermission(.alter, on: .cluster, of: target)
        case .changeQuota: MissingPermission(.alterConfigs, on: .cluster, of: target)
        }
    }
}
