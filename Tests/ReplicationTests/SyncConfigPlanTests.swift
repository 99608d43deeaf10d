import KafkaClient
import Replication
import Testing

@Suite struct SyncConfigPlanTests {
    /// Settings of a topic: those that it sets itself, and those that its brokers make it have.
    private func entries(_ own: [String: String], brokers: [String: String] = [:]) -> [String: ConfigEntry] {
        var entries: [String: ConfigEntry] = [:]
        for (name, value) in brokers { entries[name] = ConfigEntry(name: name, value: value, source: .builtIn) }
        for (name, value) in own { entries[name] = ConfigEntry(name: name, value: value, source: .topic) }
        return entries
    }

    private let week = ["retention.ms": "604800000", "retention.bytes": "-1", "cleanup.policy": "delete"]
    private let day = ["retention.ms": "86400000", "retention.bytes": "-1", "cleanup.policy": "delete"]
    /// The target knows these keys, and `brokers` is what its topics are without settings.
    private func planner(_ brokers: [String: String], known: [String] = ["segment.ms", "max.message.bytes"])
        -> TopicConfigPlanner
    {
        let reference = entries([:], brokers: brokers.merging(known.map { ($0, "1") }) { first, _ in first })
        return TopicConfigPlanner(
            excluding: SyncSettings().configExclude, defaults: TargetDefaults(topic: reference))
    }

    private func plan(
        _ source: [String: ConfigEntry], _ there: [String: ConfigEntry], ours: [String: String] = [:],
        _ planner: TopicConfigPlanner
    ) -> SyncPlan {
        planner.plan(topic: "east.orders", of: "orders", source: source, there: there, ours: ours)
    }

    private func change(_ key: String, _ from: String?, _ to: String?, isPin: Bool = false) -> SyncAction {
        .changeConfig(
            ConfigChangePlan(of: .topic("east.orders"), source: "orders", key: key, from: from, to: to, isPin: isPin))
    }

    @Test func `a new copy has the source's own settings, without those of the brokers and of the exclude list`() {
        let source = entries(
            [
                "segment.ms": "5", "min.insync.replicas": "2", "message.timestamp.type": "LogAppendTime",
                "unclean.leader.election.enable": "true",
            ], brokers: week.merging(["max.message.bytes": "7"]) { first, _ in first })

        #expect(planner(week).settings(ofNewCopyOf: source) == ["segment.ms": "5"])
    }

    @Test func `a new copy has the source's retention and cleanup in effect where the brokers' defaults differ`() {
        #expect(planner(day).settings(ofNewCopyOf: entries([:], brokers: week)) == ["retention.ms": "604800000"])
        #expect(planner(week).settings(ofNewCopyOf: entries([:], brokers: week)) == [:])
    }

    @Test func `a target that does not tell its defaults gets every one pinned`() {
        let planner = TopicConfigPlanner(
            excluding: SyncSettings().configExclude, defaults: TargetDefaults(broker: [:]))

        #expect(planner.settings(ofNewCopyOf: entries([:], brokers: week)) == week)
    }

    @Test func `keys that the target does not know are left out and named`() {
        let source = entries(["segment.ms": "5", "remote.storage.enable": "true"], brokers: week)

        #expect(planner(week).settings(ofNewCopyOf: source) == ["segment.ms": "5"])
        #expect(planner(week).unknownToTarget(source) == ["remote.storage.enable"])
    }

    @Test func `a default that differs is pinned on a copy that exists, once`() {
        let source = entries([:], brokers: week)
        let before = plan(source, entries([:], brokers: day), planner(day))
        let pinned = entries(
            ["retention.ms": "604800000"], brokers: ["retention.bytes": "-1", "cleanup.policy": "delete"])

        #expect(before.actions == [change("retention.ms", nil, "604800000", isPin: true)])
        #expect(plan(source, pinned, ours: ["retention.ms": "604800000"], planner(day)).isEmpty)
    }

    @Test func `a pin goes once the brokers' defaults are the same`() {
        let pinned = entries(
            ["retention.ms": "604800000"], brokers: ["retention.bytes": "-1", "cleanup.policy": "delete"])
        let after = plan(entries([:], brokers: week), pinned, ours: ["retention.ms": "604800000"], planner(week))

        #expect(after.actions == [change("retention.ms", "604800000", nil)])
    }

    @Test func `a setting that the source drops goes back to what the brokers say`() {
        let there = entries(["segment.ms": "5"], brokers: week)
        let after = plan(entries([:], brokers: week), there, ours: ["segment.ms": "5"], planner(week))

        #expect(after.actions == [change("segment.ms", "5", nil)])
    }

    @Test func `what somebody else set on the target stays and is named with both values`() throws {
        let there = entries(["segment.ms": "9"], brokers: week)
        let after = plan(entries(["segment.ms": "6"], brokers: week), there, ours: ["segment.ms": "5"], planner(week))
        let note = try #require(after.notes.first)

        #expect(after.isEmpty)
        #expect(note.kind == .changedByOthers)
        #expect(note.subject == "east.orders segment.ms")
        #expect(note.message.contains("is 9, we had set 5, orders at the source says 6"))
    }

    @Test func `a key that the operator excludes later is his from then on`() {
        let there = entries(["min.insync.replicas": "2"], brokers: week)
        let after = plan(entries([:], brokers: week), there, ours: ["min.insync.replicas": "2"], planner(week))

        #expect(after.isEmpty)
        #expect(after.bookkeeping == [.config(source: "orders", key: "min.insync.replicas", value: nil)])
    }

    @Test(arguments: [
        (["log.retention.hours": "168"], "604800000"),
        (["log.retention.hours": "168", "log.retention.minutes": "10"], "600000"),
        (["log.retention.hours": "168", "log.retention.minutes": "10", "log.retention.ms": "-1"], "-1"),
    ])
    func `of a broker's three keys for time the smallest unit counts`(settings: [String: String], expected: String) {
        let planner = TopicConfigPlanner(
            excluding: [],
            defaults: TargetDefaults(
                broker: settings.reduce(into: [:]) { entries, setting in
                    entries[setting.key] = ConfigEntry(name: setting.key, value: setting.value, source: .brokerFile)
                }))
        let source = entries([:], brokers: ["retention.ms": expected])

        #expect(planner.settings(ofNewCopyOf: source) == [:])
    }
}
