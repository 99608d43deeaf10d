package import KafkaClient

/// Decides which access rules have to be created on the target, and which of ours have to go.
package enum ACLPlanner {
    /// - Parameters:
    ///   - owned: the rules on the target that are ours, or were about to be.
    ///   - untouched: topics on the target whose own rules stay as they are.
    ///   - overwrites: create rules again that others removed.
    package static func plan(
        source: [AccessRule], target: [AccessRule], owned: [AccessRule: LedgerState.Ownership], mapping: ACLMapping,
        untouched: Set<String> = [], overwrites: Bool = false
    ) -> SyncPlan {
        var plan = SyncPlan()
        func isLeft(_ rule: AccessRule) -> Bool {
            rule.resource == .topic && rule.pattern == .literal && untouched.contains(rule.name)
        }
        var wanted: Set<AccessRule> = []
        for rule in source {
            switch mapping.target(of: rule) {
            case .copied(let copy): if !isLeft(copy) { wanted.insert(copy) }
            case .ignored: break
            case .left(let reason):
                plan.notes.append(
                    SyncNote(kind: .notCopied, subject: "\(rule)", message: "the rule \(rule) is not copied: \(reason)")
                )
            }
        }
        let there = Set(target)
        for rule in wanted.sorted(by: { $0.description < $1.description }) {
            switch (there.contains(rule), owned[rule]) {
            case (true, .pending): plan.bookkeeping.append(.acl(rule, .ours))
            case (true, .ours), (true, nil): break
            case (false, nil), (false, .pending): plan.actions.append(.createAcl(rule))
            case (false, .ours):
                if overwrites {
                    plan.actions.append(.createAcl(rule))
                } else {
                    plan.notes.append(removedByOthers(rule))
                }
            }
        }
        for rule in owned.keys.filter({ !wanted.contains($0) && !isLeft($0) }).sorted(by: {
            $0.description < $1.description
        }) {
            if there.contains(rule) {
                plan.actions.append(.deleteAcl(rule))
            } else {
                plan.bookkeeping.append(.acl(rule, nil))
            }
        }
        return plan
    }

    private static func removedByOthers(_ rule: AccessRule) -> SyncNote {
        SyncNote(
            kind: .changedByOthers, subject: "\(rule)",
            message: "the rule \(rule) was removed on the target, and the source still has it: it is left alone; "
                + "create it there again, or run plan --apply --overwrite")
    }
}
