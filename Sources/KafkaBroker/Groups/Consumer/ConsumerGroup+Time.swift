import KafkaWire

/// Effects of time on a consumer group.
extension ConsumerGroup {
    /// Time at which ``tick(_:)`` is due; nil while there are no members.
    package var nextDeadline: Int64? { timers.values.compactMap(\.next).min() }

    /// Members that were not heard from, or have not let partitions go in time, are members no longer.
    package mutating func tick(_ context: ConsumerGroupContext) {
        let late = timers.filter { $0.value.next.map { $0 <= context.now } == true }.keys.map(\.text).sorted()
        if !late.isEmpty { remove(late, context.topics) }
    }

    /// After a restart everybody has a whole session to be heard from.
    mutating func startTimers(_ context: ConsumerGroupContext) {
        for (key, member) in members {
            var timers = MemberTimers()
            timers.session = context.now + (member.classic?.sessionTimeout ?? context.settings.sessionTimeout)
            if case .unrevoked = member.state, !member.usesClassicProtocol {
                timers.revocation = context.now + max(member.rebalanceTimeout, 0)
            }
            self.timers[key] = timers
        }
    }
}
