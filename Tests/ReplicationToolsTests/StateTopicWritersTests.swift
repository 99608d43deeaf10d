import KafkaClient
import KafkaWire
import ReplicationTools
import Testing

/// Other principals that may write to a topic that keeps state, by a cluster's rules.
@Suite struct StateTopicWritersTests {
    private static let topic = "__replicator_origins"

    private static func writers(_ rules: [AccessRule]) -> [String] {
        StateTopicExamination.writers(rules, topics: [topic], besides: "User:replicator").map(\.rule.principal)
    }

    @Test(arguments: [
        AccessRule(.allow, .write, on: .topic, topic, to: "User:eve"),
        AccessRule(.allow, .all, on: .topic, topic, to: "User:eve"),
        AccessRule(.allow, .delete, on: .topic, topic, to: "User:eve"),
        AccessRule(.allow, .write, on: .topic, "*", to: "User:eve"),
        AccessRule(.allow, .write, on: .topic, "__", pattern: .prefixed, to: "User:eve"),
        AccessRule(.allow, .write, on: .topic, "*", to: "User:eve", from: "10.0.0.1"),
    ]) func `a rule that lets another principal write is found`(rule: AccessRule) {
        #expect(Self.writers([rule]) == ["User:eve"])
    }

    @Test(arguments: [
        AccessRule(.allow, .read, on: .topic, topic, to: "User:eve"),
        AccessRule(.allow, .write, on: .topic, "orders", to: "User:eve"),
        AccessRule(.allow, .write, on: .topic, "__replicator_originsX", pattern: .prefixed, to: "User:eve"),
        AccessRule(.allow, .write, on: .group, topic, to: "User:eve"),
        AccessRule(.allow, .all, on: .topic, "*", to: "User:replicator"),
    ]) func `others are not`(rule: AccessRule) {
        #expect(Self.writers([rule]).isEmpty)
    }

    @Test(arguments: ["User:eve", "User:*"]) func `what is denied is not allowed`(principal: String) {
        let rules = [
            AccessRule(.allow, .all, on: .topic, "*", to: "User:eve"),
            AccessRule(.deny, .write, on: .topic, Self.topic, to: principal),
        ]
        #expect(Self.writers(rules).isEmpty)
    }

    @Test func `a rule for everybody is one for others`() {
        #expect(Self.writers([AccessRule(.allow, .write, on: .topic, "*", to: "User:*")]) == ["User:*"])
    }
}
