package import KafkaClient
internal import KafkaWire

/// Decides which client quotas have to change on the target. Quotas by address are left out: addresses mean one
/// network.
package enum QuotaPlanner {
    /// - Parameters:
    ///   - ours: what we last set.
    ///   - principals: what principals of the source are called on the target, as in `User:alice`.
    package static func plan(
        source: [QuotaEntity: [String: Double]], target: [QuotaEntity: [String: Double]],
        ours: [QuotaEntity: [String: Double]], principals: [String: String], overwrites: Bool = false
    ) -> SyncPlan {
        var wanted: [QuotaEntity: [String: Double]] = [:]
        for (entity, quotas) in source where Set(entity.parts.keys).isSubset(of: ["user", "client-id"]) {
            wanted[renamed(entity, principals)] = quotas
        }
        var plan = SyncPlan()
        for entity in Set(wanted.keys).union(ours.keys).sorted(by: { $0.description < $1.description }) {
            let keys = Set((wanted[entity] ?? [:]).keys).union((ours[entity] ?? [:]).keys)
            for key in keys.sorted() {
                let merge = ThreeWayMerge(
                    wanted: wanted[entity]?[key], there: target[entity]?[key], ours: ours[entity]?[key], adopts: false,
                    overwrites: overwrites)
                switch merge {
                case .keep: break
                case .adopt(let value): plan.bookkeeping.append(.quota(entity, key: key, value: value))
                case .forget: plan.bookkeeping.append(.quota(entity, key: key, value: nil))
                case .set(let from, let to):
                    plan.actions.append(.changeQuota(entity, key: key, from: from, to: to))
                case .reset(let from): plan.actions.append(.changeQuota(entity, key: key, from: from, to: nil))
                case .foreign(let there, let wish, let isOver):
                    if isOver { plan.bookkeeping.append(.quota(entity, key: key, value: nil)) }
                    plan.notes.append(foreign(entity, key, there: there, wish: wish))
                }
            }
        }
        return plan
    }

    private static func renamed(_ entity: QuotaEntity, _ principals: [String: String]) -> QuotaEntity {
        guard let user = entity.parts["user"] ?? nil, let principal = principals.exactly("User:\(user)"),
            principal.hasPrefix("User:")
        else { return entity }
        var copy = entity
        copy.parts["user"] = String(principal.dropFirst("User:".count))
        return copy
    }

    private static func foreign(_ entity: QuotaEntity, _ key: String, there: Double?, wish: Double?) -> SyncNote {
        let found = there.map { "is \($0)" } ?? "is not set"
        let says = wish.map { "the source says \($0): it is left alone; set it there, or run plan --apply --overwrite" }
        return SyncNote(
            kind: .changedByOthers, subject: "\(entity) \(key)",
            message: "\(key) of \(entity) \(found) on the target, set by others; "
                + (says ?? "the source no longer sets it: it stays"))
    }
}
