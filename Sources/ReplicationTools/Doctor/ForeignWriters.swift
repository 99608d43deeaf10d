package import KafkaClient
internal import KafkaWire

/// Principals that access rules let write to a topic, besides one of ours.
///
/// As Kafka's authorizer decides: a rule that denies wins over all that allow; a rule is about a topic by its name, by the
/// beginning of its name, or about all. Super users are in no rule.
package struct ForeignWriters {
    /// A principal, and the rule by which it may write.
    package struct Writer: Hashable, Sendable {
        package var principal: String
        package var rule: AccessRule
    }

    private let allowing: [AccessRule]
    private let denying: [AccessRule]
    private let everybody = "User:*"

    package init(_ rules: [AccessRule]) {
        let about = rules.filter { $0.resource == .topic && [.write, .all].contains($0.operation) }
        allowing = about.filter { $0.permission == .allow }
        denying = about.filter { $0.permission == .deny }
    }

    /// - Parameter own: our principal; whom it stands for is not known where it is none that a rule could name.
    /// - Returns: one rule for each principal, in order.
    package func writers(of topic: String, besides own: String) -> [Writer] {
        var found: [String: AccessRule] = [:]
        for rule in allowing where rule.covers(topic) && ExactName(rule.principal) != ExactName(own) {
            guard !isDenied(rule, topic) else { continue }
            found[rule.principal] = found[rule.principal].map { $0.isNarrower(than: rule) ? $0 : rule } ?? rule
        }
        return found.sorted { $0.key < $1.key }.map { Writer(principal: $0.key, rule: $0.value) }
    }

    private func isDenied(_ allowed: AccessRule, _ topic: String) -> Bool {
        denying.contains { rule in
            rule.covers(topic) && (rule.host == "*" || rule.host == allowed.host)
                && (rule.principal == everybody || ExactName(rule.principal) == ExactName(allowed.principal))
        }
    }
}

extension AccessRule {
    /// Tells whether it is about a topic.
    fileprivate func covers(_ topic: String) -> Bool {
        switch pattern {
        case .literal: name == "*" || ExactName(name) == ExactName(topic)
        case .prefixed: topic.utf8.starts(with: name.utf8)
        default: false
        }
    }

    /// Order of rules about one topic: one by its name is narrower than one by a beginning, and that than one about all.
    fileprivate func isNarrower(than other: AccessRule) -> Bool { breadth <= other.breadth }

    private var breadth: Int { pattern == .prefixed ? 1 : name == "*" ? 2 : 0 }
}
