package import KafkaClient

/// Settings in effect of topics and their copies once a plan is done: what the plan sets, what is set already, and the
/// defaults of both clusters' brokers.
package struct EffectiveSettings: Sendable {
    /// By source topic.
    private let source: [String: [String: ConfigEntry]]
    /// By target topic.
    private let target: [String: [String: ConfigEntry]]
    private let copies: [String: String]

    /// - Parameter plan: the plan made from `seen`.
    package init(_ seen: SyncObservation, after plan: SyncPlan) {
        source = seen.sourceConfigs
        copies = Dictionary(seen.selected.map { ($0.source.name, $0.targetName) }) { first, _ in first }
        var target = seen.targetConfigs
        for action in plan.actions {
            switch action {
            case .createTopic(let topic, _):
                target[topic.name] = seen.defaults.entries.merging(topic.configs.map(Self.entry)) { _, own in own }
            case .changeConfig(let change):
                guard case .topic(let topic) = change.resource else { continue }
                target[topic]?[change.key] =
                    change.to.map { Self.entry(change.key, $0).1 } ?? seen.defaults.entries[change.key]
            case .addPartitions, .deleteTopic, .createAcl, .deleteAcl, .changeQuota: break
            }
        }
        self.target = target
    }

    private static func entry(_ key: String, _ value: String) -> (String, ConfigEntry) {
        (key, ConfigEntry(name: key, value: value, source: .topic))
    }

    /// Settings of a source topic's copy, as it is or would be created; empty where they are not told.
    package func target(of topic: String) -> [String: ConfigEntry] { copies[topic].flatMap { target[$0] } ?? [:] }

    package func differences(of topic: String) -> [SettingDifference] {
        guard let source = source[topic] else { return [] }
        return SettingDifference.all(source: source, target: target(of: topic))
    }

    /// Differences that topics have in common, with these topics' copies.
    package var summary: [(difference: SettingDifference, copies: [String])] {
        var topics: [SettingDifference: [String]] = [:]
        for (topic, copy) in copies {
            for difference in differences(of: topic) { topics[difference, default: []].append(copy) }
        }
        return topics.map { ($0.key, $0.value.sorted()) }
            .sorted { ($0.difference.key, $0.copies[0]) < ($1.difference.key, $1.copies[0]) }
    }
}
