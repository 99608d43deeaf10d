internal import BoundedExpressions
package import KafkaClient
internal import KafkaWire

/// Counterpart of an access rule of the source on the target.
///
/// | rule at the source | `topics` | `full` |
/// |---|---|---|
/// | ALLOW WRITE on topics | not copied | not copied |
/// | DENY WRITE on topics, in identical naming | not copied | not copied |
/// | ALLOW ALL on topics | ALLOW READ | ALLOW READ |
/// | other rules on single topics that the flow copies | as they are | as they are |
/// | PREFIXED patterns of topics | not copied, DENY reported | when the flow copies a topic that begins so |
/// | all topics (`*`), in identical naming | as they are if the flow copies all, else reported | the same |
/// | all topics (`*`), in prefixed naming | reported | PREFIXED, for all copies |
/// | groups, transactional ids | not copied | as they are |
/// | the cluster, tokens, users | not copied | not copied |
///
/// Leaving ALLOW WRITE out and taking ALLOW ALL for READ are MirrorMaker 2's rules, which MSK Replicator has too: a
/// copy is for reading.
package struct ACLMapping {
    private let mode: AclMode
    private let naming: TopicNaming
    private let selector: TopicSelector
    private let groups: NameSelection
    private let principals: [String: String]
    private let topics: [String]

    /// - Parameter topics: the names of the source topics that the flow copies.
    package init(_ settings: FlowSettings, topics: [String]) {
        mode = settings.sync.aclMode
        naming = settings.naming
        selector = TopicSelector(
            selection: settings.topics, naming: settings.naming, targetAlias: settings.targetAlias)
        groups = settings.consumerGroups
        principals = settings.sync.principals
        self.topics = topics
    }

    package enum Verdict: Hashable, Sendable {
        case copied(AccessRule)
        /// Not this flow's business.
        case ignored
        /// It concerns the flow's topics and has no counterpart on the target.
        case left(because: String)
    }

    package func target(of rule: AccessRule) -> Verdict {
        switch rule.resource {
        case .topic: topicRule(rule)
        case .group where mode == .full:
            group(rule)
        case .transactionalID where mode == .full: .copied(renamed(rule))
        default: .ignored
        }
    }

    private func group(_ rule: AccessRule) -> Verdict {
        do throws(UndecidedMatch) {
            let isSelected = rule.name == "*" ? true : try groups.selects(rule.name)
            return isSelected ? .copied(renamed(rule)) : .ignored
        } catch {
            return .left(because: "\(error)")
        }
    }

    private func topicRule(_ rule: AccessRule) -> Verdict {
        // Where producers may move to the target with their topics' names, a fence at the source must not follow them.
        if rule.operation == .write, rule.permission == .allow || naming == .identical { return .ignored }
        var copy = renamed(rule)
        if rule.permission == .allow, rule.operation == .all { copy.operation = .read }
        switch rule.pattern {
        case .literal where rule.name == "*": return everyTopic(copy)
        case .literal:
            guard let name = selector.targetName(of: rule.name, isInternal: false) else { return .ignored }
            copy.name = name
            return .copied(copy)
        case .prefixed:
            guard topics.contains(where: { $0.hasPrefix(rule.name) }) else { return .ignored }
            guard mode == .full else {
                // A copy may be read by fewer than its original without harm, not by more.
                guard rule.permission == .deny else { return .ignored }
                return .left(
                    because: "it denies something about topics that begin so, and only sync.aclMode full copies such "
                        + "rules: set that, or make the rule on the target yourself")
            }
            copy.name = naming.targetName(of: rule.name)
            return .copied(copy)
        default: return .ignored
        }
    }

    /// `*` means every topic. With prefixed names every copied topic is one that begins with the prefix.
    private func everyTopic(_ rule: AccessRule) -> Verdict {
        guard !topics.isEmpty else { return .ignored }
        switch naming {
        case .identical:
            guard selector.targetName(of: rule.name, isInternal: false) != nil else {
                return .left(
                    because: "it is about all topics, and this flow copies only some: make rules for these on the "
                        + "target yourself")
            }
            return .copied(rule)
        case .prefix:
            guard mode == .full else {
                return .left(
                    because: "it is about all topics, and with prefixed names only a PREFIXED rule can say "
                        + "\"all copies\"; set sync.aclMode to full")
            }
            var copy = rule
            copy.pattern = .prefixed
            copy.name = naming.targetName(of: "")
            return .copied(copy)
        }
    }

    private func renamed(_ rule: AccessRule) -> AccessRule {
        var copy = rule
        copy.principal = principals.exactly(rule.principal) ?? rule.principal
        return copy
    }
}
