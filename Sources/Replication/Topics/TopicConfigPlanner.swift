package import KafkaClient

/// Decides which settings of a target topic have to change for it to follow its source topic.
package struct TopicConfigPlanner {
    private let filter: ConfigFilter
    private let defaults: TargetDefaults
    private let overwrites: Bool

    /// - Parameter overwrites: replace also what others changed on the target.
    package init(excluding patterns: [NamePattern], defaults: TargetDefaults, overwrites: Bool = false) {
        filter = ConfigFilter(excluding: patterns, knownKeys: defaults.knownKeys)
        self.defaults = defaults
        self.overwrites = overwrites
    }

    /// The settings that a new copy of a topic starts with.
    package func settings(ofNewCopyOf source: [String: ConfigEntry]) -> [String: String] {
        wanted(source, there: nil).mapValues(\.value)
    }

    /// - Parameters:
    ///   - ours: what we last set, by key.
    ///   - source: the source topic's settings in effect.
    ///   - there: the target topic's.
    package func plan(
        topic: String, of sourceName: String, source: [String: ConfigEntry], there: [String: ConfigEntry],
        ours: [String: String]
    ) -> SyncPlan {
        let wanted = wanted(source, there: there)
        return ConfigMerge(resource: .topic(topic), source: sourceName, filter: filter, overwrites: overwrites)
            .plan(wanted: wanted, there: there, ours: ours)
    }

    /// Keys that some source topic sets and the target is too old to know.
    package func unknownToTarget(_ source: [String: ConfigEntry]) -> [String] {
        source.values.filter { $0.isSet(on: .topic) && filter.isUnknownToTarget($0.name) }.map(\.name)
    }

    private func wanted(_ source: [String: ConfigEntry], there: [String: ConfigEntry]?) -> [String: ConfigMerge.Wanted]
    {
        var wanted: [String: ConfigMerge.Wanted] = [:]
        for entry in source.values where entry.isSet(on: .topic) && filter.copies(entry.name) {
            if let value = entry.value { wanted[entry.name] = ConfigMerge.Wanted(value: value) }
        }
        for key in TargetDefaults.pinnedKeys where wanted[key] == nil && filter.copies(key) {
            guard let inEffect = source[key]?.value else { continue }
            let present = there?[key]
            let withoutOwn = present.flatMap { $0.source == .topic ? nil : $0.value } ?? defaults.entries[key]?.value
            if withoutOwn != inEffect { wanted[key] = ConfigMerge.Wanted(value: inEffect, isPin: true) }
        }
        return wanted
    }
}
