package import KafkaClient
internal import PlainText
internal import Replication

/// Lists others who may write to the topics that keep state, as far as a cluster shows its access rules. Whoever may write
/// there decides what flows believe: how far they have come, and where records come from.
package struct StateTopicExamination: Sendable {
    let client: ClusterClient
    /// The flow's own topics and those that it reads.
    let topics: [String]

    private static let shown = 10

    func examine() async -> [Finding] {
        // The right to see the rules is checked elsewhere; without an authorizer there are none.
        guard let rules = try? await client.accessRules() else { return [] }
        let others = Self.writers(rules, topics: topics, besides: MissingPermission.principal(of: client.settings))
        guard !others.isEmpty else {
            return [
                Finding(.ok, "state topics", client.settings.name, "no rule lets anybody else write to them")
            ]
        }
        return others.map(finding).bounded(Self.shown, check: "state topics")
    }

    /// A rule that lets another principal write to one of the topics.
    package struct Writer: Hashable, Sendable {
        package var topic: String
        package var rule: AccessRule
    }

    /// The rules that let others write to these topics, or delete and create them: for each topic and principal one.
    package static func writers(_ rules: [AccessRule], topics: [String], besides own: String) -> [Writer] {
        var writers: [Writer] = []
        for topic in topics.sorted() {
            let about = rules.filter { $0.covers(topic) }
            let denied = Set(about.filter { $0.permission == .deny && $0.host == "*" && $0.letsWrite }.map(\.principal))
            var seen: Set<String> = [own]
            for rule in about.sorted(by: { $0.description < $1.description })
            where rule.permission == .allow && rule.letsWrite && denied.isDisjoint(with: [rule.principal, "User:*"]) {
                if seen.insert(rule.principal).inserted { writers.append(Writer(topic: topic, rule: rule)) }
            }
        }
        return writers
    }

    private func finding(_ writer: Writer) -> Finding {
        Finding(
            .warning, "state topics", writer.topic, "\(writer.rule.principal) may write to it: \(writer.rule)",
            why: "flows obey what is written there: a stranger could stop them, or make them leave records out",
            remedy:
                "unless that is another replicator: kafka-acls.sh \(client.settings.toolOptions) --add --deny-principal "
                + "\(writer.rule.principal.shellQuoted) --operation Write --operation Delete "
                + "--topic \(writer.topic.shellQuoted)")
    }
}

extension AccessRule {
    /// Tells whether it is about a topic of this name, by its own name, as one of all or by what its name begins with.
    fileprivate func covers(_ topic: String) -> Bool {
        guard resource == .topic else { return false }
        return pattern == .prefixed ? topic.hasPrefix(name) : name == topic || name == "*"
    }

    fileprivate var letsWrite: Bool { [.write, .all, .delete].contains(operation) }
}
