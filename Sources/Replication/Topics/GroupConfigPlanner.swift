internal import KafkaClient
internal import KafkaWire

/// Decides which settings of groups of the target have to change for them to follow the source's.
struct GroupConfigPlanner {
    private let settings: FlowSettings
    private let overwrites: Bool

    init(_ settings: FlowSettings, overwrites: Bool) {
        self.settings = settings
        self.overwrites = overwrites
    }

    /// - Parameter ours: what we last set, by the group's name at the source.
    func plan(_ groups: [SyncObservation.Group], ours: [ExactName: [String: String]]) -> SyncPlan {
        var plan = SyncPlan()
        var unknown: Set<String> = []
        for group in groups {
            // A broker tells all the settings that groups can have.
            let filter = ConfigFilter(excluding: settings.sync.configExclude, knownKeys: Set(group.target.keys))
            var wanted: [String: ConfigMerge.Wanted] = [:]
            for entry in group.source.values where entry.isSet(on: .group) {
                guard let value = entry.value else { continue }
                if filter.isUnknownToTarget(entry.name) { unknown.insert(entry.name) }
                if filter.copies(entry.name) { wanted[entry.name] = ConfigMerge.Wanted(value: value) }
            }
            let merge = ConfigMerge(
                resource: .group(group.targetName), source: group.name, filter: filter, overwrites: overwrites)
            plan.append(
                merge.plan(wanted: wanted, there: group.target, ours: ours[ExactName(group.name)] ?? [:]))
        }
        for key in unknown.sorted() {
            plan.notes.append(
                SyncNote(
                    kind: .notPossible, subject: key,
                    message: "groups of \(settings.source.name) set \(key), which \(settings.target.name) does not "
                        + "know: it is not copied; upgrade \(settings.target.name), or exclude the key"))
        }
        return plan
    }
}
