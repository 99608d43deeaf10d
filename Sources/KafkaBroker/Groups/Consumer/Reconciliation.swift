package import KafkaWire

/// A member's next step towards its target (KIP-848; Kafka's `CurrentAssignmentBuilder`).
///
/// ```
///              has partitions to let go                     has let them go
///   stable ───────────────────────────▶ unrevoked ──────────────────────────────┐
///     ▲ │                                    ▲                                   │
///     │ │ the target has partitions of others│ a new target takes some away      ▼
///     │ └───────────────────────────▶ unreleased ◀────── others still hold some of the target
///     └────────── everything is free ────────┘
/// ```
package struct Reconciliation {
    let target: PartitionMap
    let targetEpoch: Int32
    /// Partitions that the member says it holds; nil if it says nothing.
    let owned: PartitionMap?
    /// True for a partition that no member holds.
    let isFree: (KafkaUUID, Int32) -> Bool

    package init(
        target: PartitionMap, targetEpoch: Int32, owned: PartitionMap?, isFree: @escaping (KafkaUUID, Int32) -> Bool
    ) {
        self.target = target
        self.targetEpoch = targetEpoch
        self.owned = owned
        self.isFree = isFree
    }

    package func advance(_ member: ConsumerMember) -> ConsumerMember {
        switch member.state {
        case .stable where member.epoch == targetEpoch: member
        case .stable, .unreleased: next(member, epoch: member.epoch)
        case .unrevoked(let pending):
            // Still in the epoch before: the next one begins when it has let go.
            owns(pending) ? member : next(member, epoch: member.epoch + 1)
        }
    }

    /// True if the member has any of the partitions; one that does not say is taken to have them.
    private func owns(_ partitions: PartitionMap) -> Bool {
        owned.map { !$0.isDisjoint(with: partitions) } ?? true
    }

    private func next(_ member: ConsumerMember, epoch: Int32) -> ConsumerMember {
        var member = member
        let kept = member.assigned.intersection(target)
        let revoked = member.assigned.subtracting(target)
        if !revoked.isEmpty, owns(revoked) {
            member.move(to: epoch)
            member.assigned = kept
            member.state = .unrevoked(revoked)
            return member
        }
        let missing = target.subtracting(kept)
        var available = PartitionMap()
        for (topic, partitions) in missing.topics { available.insert(topic, partitions.filter { isFree(topic, $0) }) }
        member.move(to: targetEpoch)
        member.assigned = kept.union(available)
        member.state = available == missing ? .stable : .unreleased
        return member
    }
}

extension ConsumerMember {
    /// The epoch before is kept: with it a member comes back whose answer was lost.
    fileprivate mutating func move(to next: Int32) {
        previousEpoch = epoch
        epoch = next
    }
}
