import BoundedExpressions
import Replication
import Testing

@Suite struct SelectionTests {
    private func selector(
        allow: [String], deny: [String] = [], naming: TopicNaming = .prefix(alias: "east", separator: "."),
        targetAlias: String = "west"
    ) throws -> TopicSelector {
        TopicSelector(
            selection: NameSelection(
                allow: try allow.map { try NamePattern($0) }, deny: try deny.map { try NamePattern($0) }),
            naming: naming, targetAlias: targetAlias)
    }

    @Test func `expressions are over whole names, and deny wins`() throws {
        let selector = try selector(allow: ["orders.*", "clicks"], deny: ["orders\\.private"])

        #expect(selector.targetName(of: "orders", isInternal: false) == "east.orders")
        #expect(selector.targetName(of: "orders.eu", isInternal: false) == "east.orders.eu")
        #expect(selector.targetName(of: "orders.private", isInternal: false) == nil)
        #expect(selector.targetName(of: "clicks2", isInternal: false) == nil)
        #expect(selector.targetName(of: "my-orders", isInternal: false) == nil)
    }

    @Test(arguments: [
        "__consumer_offsets", "__transaction_state", "__amazon_msk_canary", "__amazon_msk_replicator_status_x",
        "mm2-offsets.east.internal", "mm2-offset-syncs.west.internal", "east.checkpoints.internal",
        "mskr-offset-syncs.east", "_confluent-metrics", "orders.replica", "connect-configs.internal",
        "__replicator.east-to-west.progress", "__replicator_origins", "heartbeats", "east.heartbeats",
    ])
    func `internal topics of Kafka, MirrorMaker 2, MSK, Confluent and ours are never selected`(topic: String) throws {
        #expect(try selector(allow: [".*"]).targetName(of: topic, isInternal: false) == nil)
    }

    @Test func `a topic that the broker calls internal is not selected`() throws {
        #expect(try selector(allow: [".*"]).targetName(of: "state", isInternal: true) == nil)
    }

    @Test func `a prefixed topic on its way back is recognised anywhere in its chain`() throws {
        let selector = try selector(allow: [".*"])

        #expect(selector.targetName(of: "west.orders", isInternal: false) == nil)
        #expect(selector.targetName(of: "south.west.orders", isInternal: false) == nil)
        #expect(selector.targetName(of: "south.orders", isInternal: false) == "east.south.orders")
        // The last component is the topic itself.
        #expect(selector.targetName(of: "west", isInternal: false) == "east.west")
    }

    private func excluded(
        _ allow: [String], deny: [String] = [], _ topics: [String: Bool]
    ) throws -> [String] {
        try selector(allow: allow, deny: deny).excluded(topics).map { "\($0.topic) by \($0.expression)" }
    }

    @Test func `a topic that is named and never copied is told with the rule, there or not`() throws {
        #expect(try excluded(["orders", "pay-internal"], ["orders": false]) == ["pay-internal by pay-internal"])
        #expect(try excluded(["state"], ["state": true]) == ["state by state"])
        #expect(try excluded(["west.orders"], [:]) == ["west.orders by west.orders"])
        #expect(
            try selector(allow: ["pay-internal"]).excluded([:]).map(\.reason) == [
                #"never copied: its name matches .*[\-\.]internal, under which clusters and replicators keep their own state"#
            ])
        #expect(
            try selector(allow: ["west.orders"]).excluded([:]).map(\.reason) == [
                "never copied: west in its name says that it came from there: its copy would come back for ever"
            ])
    }

    @Test func `so are those of an expression that matches no others`() throws {
        let topics = ["pay-internal": false, "pay.internal": false, "orders": false, "orders-internal": false]

        #expect(try excluded(["pay.*"], topics) == ["pay-internal by pay.*", "pay.internal by pay.*"])
        #expect(try excluded(["orders.*"], topics) == [])
        #expect(try excluded(["pay.*"], deny: [".*-internal"], topics) == ["pay.internal by pay.*"])
    }

    @Test func `who takes everything, or denies it himself, is told nothing`() throws {
        let topics = ["__consumer_offsets": true, "heartbeats": false]

        #expect(try excluded([".*"], topics) == [])
        #expect(try excluded(["heartbeats"], deny: ["heart.*"], topics) == [])
        #expect(try excluded(["orders"], topics) == [])
    }

    @Test func `identical naming keeps the name`() throws {
        let selector = try selector(allow: [".*"], naming: .identical)

        #expect(selector.targetName(of: "west.orders", isInternal: false) == "west.orders")
    }

    @Test func `an expression that does not compile is refused with its text`() {
        #expect(throws: InvalidPattern.self) { try NamePattern("orders(") }
    }

    private static let endless = "(a+)+\\1b"
    private static let long = String(repeating: "a", count: 200) + "_b"

    @Test func `an expression without an answer about a topic selects it not, and says so`() throws {
        let selector = try selector(allow: ["orders", Self.endless])

        #expect(selector.targetName(of: Self.long, isInternal: false) == nil)
        let error = #expect(throws: UndecidedMatch.self) { try selector.target(of: Self.long, isInternal: false) }
        #expect(error?.expression == Self.endless)
        #expect(error?.subject == Self.long)
        #expect(try selector.target(of: "orders", isInternal: false) == "east.orders")
    }

    @Test func `an answer of another expression is enough`() throws {
        #expect(try selector(allow: [Self.endless, "a.*"]).target(of: Self.long, isInternal: false) != nil)
        #expect(try selector(allow: ["x"], deny: [Self.endless]).target(of: Self.long, isInternal: false) == nil)
        #expect(
            try selector(allow: [".*"], deny: [Self.endless, "a.*"]).target(of: Self.long, isInternal: false) == nil)
        #expect(throws: UndecidedMatch.self) {
            try selector(allow: [".*"], deny: [Self.endless]).target(of: Self.long, isInternal: false)
        }
    }

    @Test func `line breaks in a name are characters like others`() throws {
        let everything = NameSelection(allow: [try NamePattern(".*")], deny: [])
        for name in ["a\nb", "a\rb", "a\r\nb", "a\u{2028}b", "a\u{85}b"] {
            #expect(try everything.selects(name), "\(name)")
        }
    }
}
