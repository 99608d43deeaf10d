import KafkaWire
import Logging
import NIOCore

/// The cluster's topics, as far as a client may see them.
struct ClusterTopics: TopicCatalog {
    let cluster: Cluster
    /// Nil for the broker itself.
    let caller: Caller?

    var version: UInt64 { cluster.topicsVersion }

    func topic(named name: String) -> TopicShape? { cluster.topics.exactly(name).map(TopicShape.init) }

    func topic(withID id: KafkaUUID) -> TopicShape? { cluster.topicsByID[id].map(TopicShape.init) }

    var visibleNames: [String] {
        guard let caller, caller.isRestricted else { return Array(cluster.topics.keys) }
        return cluster.topics.keys.filter { caller.may(.describe, .topic, $0) }
    }
}

extension TopicShape {
    fileprivate init(_ topic: Topic) {
        self.init(name: topic.name, id: topic.id, partitions: Int32(topic.partitions.count))
    }
}

/// Needs of consumer groups: settings, their records, and the change between protocols.
extension Cluster {
    func consumerContext(of group: String, caller: Caller?) -> ConsumerGroupContext {
        var settings = ConsumerGroupContext.Settings()
        settings.sessionTimeout = configs.groupNumber("consumer.session.timeout.ms", group: group)
        settings.heartbeatInterval = Int32(
            clamping: configs.groupNumber("consumer.heartbeat.interval.ms", group: group))
        settings.maxSize = configs.number("group.consumer.max.size")
        settings.assignors = serverAssignors
        return ConsumerGroupContext(
            settings: settings, topics: ClusterTopics(cluster: self, caller: caller), now: clock.steadyTime())
    }

    var serverAssignors: [ServerAssignor] {
        let names = TopicConfigDefinition.elements(of: configs.value(of: "group.consumer.assignors") ?? "")
        return names.compactMap { ServerAssignor(setting: $0) }
    }

    var migrationPolicy: MigrationPolicy {
        let name = (configs.value(of: "group.consumer.migration.policy") ?? "").trimmed.lowercased()
        return MigrationPolicy(rawValue: name) ?? .bidirectional
    }

    /// Writes what changed of a consumer group since it was written last.
    func writeConsumerGroup(_ entry: GroupEntry) throws(AdminRefusal) {
        guard let group = entry.state.consumer, !group.unwritten.isEmpty else { return }
        try writeOffsets(try records(of: group), of: entry.id)
        _ = try entry.state.changeConsumer { $0.hasWritten() }
    }

    private func records(of group: ConsumerGroup) throws(AdminRefusal) -> [(OffsetsTopicKey, ByteBuffer?)] {
        do throws(WireError) {
            return try group.unwritten.map { change throws(WireError) in
                let (key, value) = try change.encoded()
                return (.consumerGroup(group.id, key), value)
            }
        } catch {
            throw AdminRefusal(.unknownServerError, "\(error)")
        }
    }

    /// Records that take a group out of the log.
    func tombstones(of state: GroupState) -> [(OffsetsTopicKey, ByteBuffer?)] {
        switch state {
        case .classic: return [(.group(state.id), nil)]
        case .memberless(let id, let type): return [(.memberless(id, type), nil)]
        case .consumer(let group):
            var keys: [ConsumerGroupKey] = []
            for member in group.members.keys { keys += [.assignment(member), .target(member), .member(member)] }
            // Members that are gone, and not yet from the log.
            for change in group.unwritten {
                switch change {
                case .member(let id, nil): keys.append(.member(id))
                case .target(let id, nil): keys.append(.target(id))
                case .assignment(let id, nil): keys.append(.assignment(id))
                case .member, .target, .assignment, .epoch, .targetEpoch: break
                }
            }
            return (keys + [.targetEpoch, .epoch]).map { (.consumerGroup(group.id, $0), nil) }
        }
    }

    /// Makes a classic group of a consumer group in which nobody speaks the newer protocol any more.
    ///
    /// - Parameter rebalances: whether its members are to assign among themselves at once.
    func downgradeIfClassic(_ entry: GroupEntry, rebalances: Bool) {
        guard let group = entry.state.consumer, group.isClassicThroughout, migrationPolicy.allowsDowngrade,
            group.members.count <= configs.number("group.max.size")
        else { return }
        let context = consumerContext(of: group.id, caller: nil)
        do throws(AdminRefusal) {
            try writeOffsets(tombstones(of: entry.state), of: entry.id)
        } catch {
            // It remains a consumer group until it can be written down.
            logger.error("group cannot be stored", metadata: ["group": "\(entry.id)", "reason": "\(error.message)"])
            return
        }
        entry.state = .classic(
            Group(
                downgrading: group, settings: classicSettings, topics: context.topics, rebalances: rebalances,
                now: context.now))
        logger.info("consumer group is a classic group again", metadata: ["group": "\(entry.id)"])
    }

    /// The group for a member that joins by ConsumerGroupHeartbeat: a new one, or what a classic group becomes.
    ///
    /// - Returns: what a consumer group replaces, to be put back if the member is refused.
    func prepareConsumerGroup(
        _ id: String, isJoining: Bool, _ context: ConsumerGroupContext
    ) throws(AdminRefusal) -> (entry: GroupEntry, former: GroupState?) {
        guard let entry = groups.groups[id] else {
            guard isJoining else { throw AdminRefusal(.groupIDNotFound, "Group \(id) not found.") }
            let former = Group(id: id, settings: classicSettings, now: context.now)
            return (addGroup(.consumer(ConsumerGroup(id: id))), .classic(former))
        }
        switch entry.state {
        case .consumer: return (entry, nil)
        case .classic(let group) where isJoining && group.isEmpty:
            entry.state = .consumer(ConsumerGroup(id: id))
            return (entry, .classic(group))
        case .classic(let group)
        where isJoining && migrationPolicy.allowsUpgrade && group.canUpgrade(within: context.settings.maxSize):
            entry.state = .consumer(try ConsumerGroup(upgrading: group, context))
            return (entry, .classic(group))
        case .classic, .memberless:
            throw AdminRefusal(.groupIDNotFound, "Group \(id) is not a consumer group.")
        }
    }

    /// A classic group has become a consumer group: its record goes, and who waits is told to join again.
    func completeUpgrade(of former: GroupState, _ entry: GroupEntry) throws(AdminRefusal) {
        guard case .classic(var group) = former else { return }
        if group.protocolType != nil { try writeOffsets(tombstones(of: former), of: entry.id) }
        group.dismissWaiting()
        let effects = group.takeEffects()
        run(effects, of: entry)
        if !group.isEmpty { logger.info("classic group is a consumer group now", metadata: ["group": "\(entry.id)"]) }
    }

    /// An empty consumer group makes room for a classic one.
    func vacateConsumerGroup(_ entry: GroupEntry) throws(AdminRefusal) {
        guard let group = entry.state.consumer, group.isEmpty else { return }
        try writeOffsets(tombstones(of: entry.state), of: entry.id)
        entry.state = .classic(Group(id: entry.id, settings: classicSettings, now: clock.steadyTime()))
    }
}
