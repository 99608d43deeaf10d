import KafkaClient
import ReplicationTools
import Testing

/// Other writers of a topic, by a cluster's access rules.
struct ForeignWritersTests {
    private static let own = "User:replicator"

    private static func rule(
        _ permission: AccessRule.Permission, _ operation: AccessOperation, _ name: String, to principal: String,
        _ pattern: AccessRule.PatternType = .literal, from host: String = "*"
    ) -> AccessRule {
        AccessRule(permission, operation, on: .topic, name, pattern: pattern, to: principal, from: host)
    }

    private static func writers(_ rules: [AccessRule], topic: String = "orders") -> [String] {
        ForeignWriters(rules).writers(of: topic, besides: own).map(\.principal)
    }

    @Test func `rules by name, by its beginning and about all topics let others write`() {
        #expect(Self.writers([Self.rule(.allow, .write, "orders", to: "User:a")]) == ["User:a"])
        #expect(Self.writers([Self.rule(.allow, .write, "ord", to: "User:a", .prefixed)]) == ["User:a"])
        #expect(Self.writers([Self.rule(.allow, .write, "*", to: "User:a")]) == ["User:a"])
        #expect(Self.writers([Self.rule(.allow, .all, "orders", to: "User:*")]) == ["User:*"])
    }

    @Test func `rules about others' topics, about reading, and about us do not`() {
        #expect(Self.writers([Self.rule(.allow, .write, "orders2", to: "User:a")]) == [])
        #expect(Self.writers([Self.rule(.allow, .write, "bills", to: "User:a", .prefixed)]) == [])
        #expect(Self.writers([Self.rule(.allow, .read, "orders", to: "User:a")]) == [])
        #expect(Self.writers([Self.rule(.allow, .write, "orders", to: Self.own)]) == [])
        #expect(Self.writers([AccessRule(.allow, .write, on: .group, "orders", to: "User:a")]) == [])
    }

    @Test(arguments: [
        rule(.deny, .write, "orders", to: "User:a"), rule(.deny, .all, "*", to: "User:a"),
        rule(.deny, .write, "o", to: "User:*", .prefixed),
    ])
    func `a rule that denies wins, however wide it is`(deny: AccessRule) {
        #expect(Self.writers([Self.rule(.allow, .write, "orders", to: "User:a"), deny]) == [])
    }

    @Test func `a rule that denies something else does not win`() {
        let allow = Self.rule(.allow, .write, "orders", to: "User:a")
        for deny in [
            Self.rule(.deny, .read, "orders", to: "User:a"), Self.rule(.deny, .write, "bills", to: "User:a"),
            Self.rule(.deny, .write, "orders", to: "User:b"),
            Self.rule(.deny, .write, "orders", to: "User:a", from: "10.0.0.1"),
        ] {
            #expect(Self.writers([allow, deny]) == ["User:a"])
        }
        // Everybody else still may.
        #expect(
            Self.writers([
                Self.rule(.allow, .write, "orders", to: "User:*"), Self.rule(.deny, .write, "orders", to: "User:a"),
            ]) == ["User:*"])
        // From that host it may not, and that is where it may write from.
        #expect(
            Self.writers([
                Self.rule(.allow, .write, "orders", to: "User:a", from: "10.0.0.1"),
                Self.rule(.deny, .write, "orders", to: "User:a", from: "10.0.0.1"),
            ]) == [])
    }

    @Test func `of several rules for one principal the narrowest is told`() {
        let rules = [
            Self.rule(.allow, .write, "*", to: "User:a"), Self.rule(.allow, .write, "orders", to: "User:a"),
            Self.rule(.allow, .write, "o", to: "User:a", .prefixed),
        ]
        for order in [rules, rules.reversed()] {
            #expect(ForeignWriters(order).writers(of: "orders", besides: Self.own).map(\.rule) == [rules[1]])
        }
    }
}
