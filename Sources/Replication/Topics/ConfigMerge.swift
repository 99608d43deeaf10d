internal import KafkaClient

/// Decides which settings of one topic or group of the target have to change for it to follow the source's.
struct ConfigMerge {
    /// The one on the target.
    let resource: ConfigResource
    /// The name of the one on the source.
    let source: String
    let filter: ConfigFilter
    let overwrites: Bool

    struct Wanted {
        var value: String
        var isPin = false
    }

    /// - Parameters:
    ///   - there: the settings in effect on the target.
    ///   - ours: what we last set, by key.
    func plan(wanted: [String: Wanted], there: [String: ConfigEntry], ours: [String: String]) -> SyncPlan {
        var plan = SyncPlan()
        for key in Set(wanted.keys).union(ours.keys).sorted() {
            guard filter.copies(key) else {
                // Excluded since we set it: from now on it is the operator's.
                plan.bookkeeping.append(remembering(key, nil))
                continue
            }
            let present = there[key].flatMap { $0.source == resource.ownSource ? $0.value : nil }
            let merge = ThreeWayMerge(
                wanted: wanted[key]?.value, there: present, ours: ours[key], adopts: true, overwrites: overwrites)
            switch merge {
            case .keep: break
            case .adopt(let value): plan.bookkeeping.append(remembering(key, value))
            case .forget: plan.bookkeeping.append(remembering(key, nil))
            case .set(let from, let to):
                plan.actions.append(change(key, from: from, to: to, isPin: wanted[key]?.isPin ?? false))
            case .reset(let from): plan.actions.append(change(key, from: from, to: nil))
            case .foreign(let found, let wish, let isOver):
                if isOver { plan.bookkeeping.append(remembering(key, nil)) }
                plan.notes.append(foreign(key, found: found, wish: wish, ours: ours[key]))
            }
        }
        return plan
    }

    private func change(_ key: String, from: String?, to: String?, isPin: Bool = false) -> SyncAction {
        .changeConfig(ConfigChangePlan(of: resource, source: source, key: key, from: from, to: to, isPin: isPin))
    }

    private func remembering(_ key: String, _ value: String?) -> LedgerChange {
        ConfigChangePlan(of: resource, source: source, key: key, from: nil, to: value).memory
    }

    private func foreign(_ key: String, found: String?, wish: String?, ours: String?) -> SyncNote {
        let there = found.map { "is \($0)" } ?? "is not set"
        let was = ours.map { "we had set \($0)" } ?? "this flow did not set it"
        let says = wish.map { "\(source) at the source says \($0)" } ?? "\(source) at the source no longer sets it"
        let remedy =
            wish == nil
            ? "it stays"
            : "it is left alone; set the source's value there, exclude the key with sync.configExclude, "
                + "or run plan --apply --overwrite"
        let whose = if case .group = resource { "\(resource)" } else { resource.name }
        return SyncNote(
            kind: .changedByOthers, subject: "\(resource.name) \(key)",
            message: "\(key) of \(whose) \(there), \(was), \(says): \(remedy)")
    }
}

extension ConfigChangePlan {
    /// Memory of the change once it is made.
    var memory: LedgerChange {
        if case .group = resource { return .groupConfig(source: source, key: key, value: to) }
        return .config(source: source, key: key, value: to)
    }
}

extension ConfigEntry {
    /// Set on the topic or group itself, readable and changeable.
    func isSet(on own: Source) -> Bool { source == own && !isReadOnly && !isSensitive }
}
