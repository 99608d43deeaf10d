import KafkaClient
import Replication
import Testing

@Suite struct SyncAclPlanTests {
    private static let alice = "User:alice"

    private func mapping(
        _ mode: AclMode, naming: TopicNaming = .prefix(alias: "east", separator: "."), allow: String = "orders.*",
        topics: [String] = ["orders", "orders.eu"], principals: [String: String] = [:]
    ) throws -> ACLMapping {
        let cluster = ClusterSettings(name: "c", bootstrapServers: [])
        var settings = FlowSettings(
            name: "f", source: cluster, target: cluster,
            topics: NameSelection(allow: [try NamePattern(allow)], deny: []),
            consumerGroups: NameSelection(allow: [try NamePattern("app.*")], deny: []), naming: naming,
            targetAlias: "west")
        settings.sync.aclMode = mode
        settings.sync.principals = principals
        return ACLMapping(settings, topics: topics)
    }

    private static func allow(
        _ operation: AccessOperation, _ resource: AccessRule.ResourceType = .topic, _ name: String,
        _ pattern: AccessRule.PatternType = .literal, to principal: String = alice
    ) -> AccessRule {
        AccessRule(.allow, operation, on: resource, name, pattern: pattern, to: principal)
    }

    /// MirrorMaker 2's rules: `isTopicAcl`, `shouldReplicateAcl`, `targetAclBinding`.
    @Test(
        arguments: [
            (allow(.read, .topic, "orders"), allow(.read, .topic, "east.orders")),
            (allow(.all, .topic, "orders"), allow(.read, .topic, "east.orders")),
            (allow(.describeConfigs, .topic, "orders.eu"), allow(.describeConfigs, .topic, "east.orders.eu")),
            (allow(.alter, .topic, "orders"), allow(.alter, .topic, "east.orders")),
            (allow(.write, .topic, "orders"), nil),
            (
                AccessRule(.deny, .write, on: .topic, "orders", to: alice),
                AccessRule(.deny, .write, on: .topic, "east.orders", to: alice)
            ),
            (
                AccessRule(.deny, .all, on: .topic, "orders", to: alice),
                AccessRule(.deny, .all, on: .topic, "east.orders", to: alice)
            ),
            (allow(.read, .topic, "clicks"), nil),
            (allow(.read, .topic, "__consumer_offsets"), nil),
            (allow(.read, .topic, "orders", .prefixed), nil),
            (allow(.read, .group, "app"), nil),
            (allow(.alter, .cluster, "kafka-cluster"), nil),
            (allow(.write, .transactionalID, "tx"), nil),
        ] as [(AccessRule, AccessRule?)])
    func `the standard mode copies what MirrorMaker 2 copies`(rule: AccessRule, copy: AccessRule?) throws {
        #expect(try mapping(.topics).target(of: rule) == (copy.map { .copied($0) } ?? .ignored))
    }

    private static func deny(
        _ name: String, _ pattern: AccessRule.PatternType = .literal, _ operation: AccessOperation = .read
    ) -> AccessRule {
        AccessRule(.deny, operation, on: .topic, name, pattern: pattern, to: alice)
    }

    private static let east = TopicNaming.prefix(alias: "east", separator: ".")

    @Test(
        arguments: [
            (deny("ord", .prefixed), AclMode.topics, TopicNaming.identical, true),
            (deny("ord", .prefixed), .topics, east, true), (deny("zz", .prefixed), .topics, east, false),
            (deny("*"), .topics, east, true), (deny("*"), .topics, .identical, true),
            (deny("*"), .full, .identical, true), (allow(.read, .topic, "*"), .full, .identical, true),
            // A copy that fewer may read does no harm.
            (allow(.read, .topic, "ord", .prefixed), .topics, east, false),
        ] as [(AccessRule, AclMode, TopicNaming, Bool)])
    func `rules about many topics that cannot follow them are reported`(
        rule: AccessRule, mode: AclMode, naming: TopicNaming, isReported: Bool
    ) throws {
        let mapping = try mapping(mode, naming: naming)
        if case .left(let reason) = mapping.target(of: rule) {
            #expect(isReported && !reason.isEmpty)
        } else {
            #expect(!isReported)
        }
        let plan = ACLPlanner.plan(source: [rule], target: [], owned: [:], mapping: mapping)
        #expect(plan.notes.map(\.subject) == (isReported ? ["\(rule)"] : []))
        #expect(plan.actions.isEmpty)
    }

    @Test(
        arguments: [
            (allow(.read, .topic, "ord", .prefixed), allow(.read, .topic, "east.ord", .prefixed)),
            (allow(.write, .topic, "ord", .prefixed), nil),
            (allow(.all, .topic, "ord", .prefixed), allow(.read, .topic, "east.ord", .prefixed)),
            (allow(.read, .topic, "cli", .prefixed), nil),
            (allow(.read, .group, "app-1"), allow(.read, .group, "app-1")),
            (allow(.read, .group, "app", .prefixed), allow(.read, .group, "app", .prefixed)),
            (allow(.read, .group, "*"), allow(.read, .group, "*")),
            (allow(.read, .group, "other"), nil),
            (allow(.write, .transactionalID, "tx"), allow(.write, .transactionalID, "tx")),
            (allow(.alter, .cluster, "kafka-cluster"), nil),
        ] as [(AccessRule, AccessRule?)])
    func `the full mode adds prefixed patterns, groups and transactional ids`(
        rule: AccessRule, copy: AccessRule?
    ) throws {
        #expect(try mapping(.full).target(of: rule) == (copy.map { .copied($0) } ?? .ignored))
    }

    @Test func `a rule about all topics means all copies`() throws {
        let rule = Self.allow(.read, .topic, "*")
        let everything = try mapping(.topics, naming: .identical, allow: ".*")

        #expect(everything.target(of: rule) == .copied(rule))
        #expect(
            try mapping(.full, allow: ".*").target(of: rule)
                == .copied(Self.allow(.read, .topic, "east.", .prefixed)))
        guard case .left = try mapping(.topics, allow: ".*").target(of: rule) else {
            Issue.record("the rule should be left with a reason")
            return
        }
        // Whatever the flow copies is one of them.
        #expect(try mapping(.full).target(of: rule) == .copied(Self.allow(.read, .topic, "east.", .prefixed)))
        #expect(try mapping(.full, topics: []).target(of: rule) == .ignored)
    }

    @Test func `principals are renamed`() throws {
        let mapping = try mapping(.full, principals: [Self.alice: "User:alice-west"])

        #expect(
            mapping.target(of: Self.allow(.read, .topic, "orders"))
                == .copied(Self.allow(.read, .topic, "east.orders", to: "User:alice-west")))
    }

    @Test func `missing rules are created, ours go when the source drops them, others' stay`() throws {
        let kept = Self.allow(.read, .topic, "east.orders")
        let dropped = Self.allow(.describe, .topic, "east.orders")
        let others = Self.allow(.write, .topic, "east.orders", to: "User:bob")
        let plan = ACLPlanner.plan(
            source: [Self.allow(.read, .topic, "orders"), Self.allow(.read, .topic, "orders.eu")],
            target: [kept, dropped, others], owned: [kept: .ours, dropped: .ours], mapping: try mapping(.topics))

        #expect(plan.actions == [.createAcl(Self.allow(.read, .topic, "east.orders.eu")), .deleteAcl(dropped)])
        #expect(plan.notes.isEmpty)
    }

    @Test func `a rule that was there before us stays when the source drops its own`() throws {
        let there = Self.allow(.read, .topic, "east.orders")
        let mapping = try mapping(.topics)
        let both = ACLPlanner.plan(
            source: [Self.allow(.read, .topic, "orders")], target: [there], owned: [:], mapping: mapping)
        let after = ACLPlanner.plan(source: [], target: [there], owned: [:], mapping: mapping)

        #expect(both.isEmpty && both.bookkeeping.isEmpty)
        #expect(after.isEmpty)
    }

    @Test func `a rule of ours that somebody removed is named and not created again, unless asked for`() throws {
        let ours = Self.allow(.read, .topic, "east.orders")
        func plan(overwrites: Bool) throws -> SyncPlan {
            ACLPlanner.plan(
                source: [Self.allow(.read, .topic, "orders")], target: [], owned: [ours: .ours],
                mapping: try mapping(.topics), overwrites: overwrites)
        }
        #expect(try plan(overwrites: false).isEmpty)
        #expect(try plan(overwrites: false).notes.map(\.kind) == [.changedByOthers])
        #expect(try plan(overwrites: true).actions == [.createAcl(ours)])
    }

    @Test func `a rule that was being created when we died is ours if it is there, and is created if not`() throws {
        let rule = Self.allow(.read, .topic, "east.orders")
        func plan(target: [AccessRule]) throws -> SyncPlan {
            ACLPlanner.plan(
                source: [Self.allow(.read, .topic, "orders")], target: target, owned: [rule: .pending],
                mapping: try mapping(.topics))
        }
        #expect(try plan(target: [rule]).bookkeeping == [.acl(rule, .ours)])
        #expect(try plan(target: []).actions == [.createAcl(rule)])
    }
}
