package import KafkaClient

/// Decides which settings of a target topic have to change for it to follow its source topic.
package struct TopicConfigPlanner {
    private let filter: TopicConfigFilter
    private let defaults: TargetDefaults
    private let overwrites: Bool

    /// - Parameter overwrites: replace also what somebody else changed on the target.
    package init(excluding patterns: [NamePattern], defaults: TargetDefaults, overwrites: Bool = false) {
        filter = TopicConfigFilter(excluding: patterns, knownKeys: defaults.knownKeys)
        self.defaults = defaults
        self.overwrites = overwrites
    }

    private struct Wanted {
        var value: String
        var isPin: Bool
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
        var plan = SyncPlan()
        for key in Set(wanted.keys).union(ours.keys).sorted() {
            guard filter.copies(key) else {
                // Excluded since we set it: from now on it is the operator's.
                plan.bookkeeping.append(.config(source: sourceName, key: key, value: nil))
                continue
            }
            let present = there[key].flatMap { $0.source == .topic ? $0.value : nil }
            let merge = ThreeWayMerge(
                wanted: wanted[key]?.value, there: present, ours: ours[key], adopts: true, overwrites: overwrites)
            switch merge {
            case .keep: break
            case .adopt(let value):
                plan.bookkeeping.append(.config(source: sourceName, key: key, value: value))
            case .forget:
                plan.bookkeeping.append(.config(source: sourceName, key: key, value: nil))
            case .set(let from, let to):
                let change = ConfigChangePlan(
                    topic: topic, source: sourceName, key: key, from: from, to: to, isPin: wanted[key]?.isPin ?? false)
                plan.actions.append(.changeConfig(change))
            case .reset(let from):
                plan.actions.append(
                    .changeConfig(
                        ConfigChangePlan(topic: topic, source: sourceName, key: key, from: from, to: nil)))
            case .foreign(let found, let wish, let isOver):
                if isOver { plan.bookkeeping.append(.config(source: sourceName, key: key, value: nil)) }
                plan.notes.append(foreign(topic, sourceName, key, found: found, wish: wish, ours: ours[key]))
            }
        }
        return plan
    }

    /// Keys that some source topic sets and the target is too old to know.
    package func unknownToTarget(_ source: [String: ConfigEntry]) -> [String] {
        source.values.filter { $0.isOwn && filter.isUnknownToTarget($0.name) }.map(\.name)
    }

    private func wanted(_ source: [String: ConfigEntry], there: [String: ConfigEntry]?) -> [String: Wanted] {
        var wanted: [String: Wanted] = [:]
        for entry in source.values where entry.isOwn && filter.copies(entry.name) {
            if let value = entry.value { wanted[entry.name] = Wanted(value: value, isPin: false) }
        }
        for key in TargetDefaults.pinnedKeys where wanted[key] == nil && filter.copies(key) {
            guard let inEffect = source[key]?.value else { continue }
            let present = there?[key]
            let withoutOwn = present.flatMap { $0.source == .topic ? nil : $0.value } ?? defaults.entries[key]?.value
            if withoutOwn != inEffect { wanted[key] = Wanted(value: inEffect, isPin: true) }
        }
        return wanted
    }

    private func foreign(
        _ topic: String, _ sourceName: String, _ key: String, found: String?, wish: String?, ours: String?
    ) -> SyncNote {
        let there = found.map { "is \($0)" } ?? "is not set"
        let was = ours.map { "we had set \($0)" } ?? "this flow did not set it"
        let says =
            wish.map { "\(sourceName) at the source says \($0)" } ?? "\(sourceName) at the source no longer sets it"
        let remedy =
            wish == nil
            ? "it stays"
            : "it is left alone; set the source's value there, exclude the key with sync.configExclude, "
                + "or run plan --apply --overwrite"
        return SyncNote(
            kind: .changedByOthers, subject: "\(topic) \(key)",
            message: "\(key) of \(topic) \(there), \(was), \(says): \(remedy)")
    }
}

extension ConfigEntry {
    /// Set on the topic itself, readable and changeable.
    fileprivate var isOwn: Bool { source == .topic && !isReadOnly && !isSensitive }
}
