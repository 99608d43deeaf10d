import KafkaWire
import Logging

/// Elections of partitions' leaders.
extension Cluster {
    /// Brings ISR and leader in line with which nodes are live.
    ///
    /// The leader stays while it is live; otherwise the first live replica in the ISR takes over. While there is a leader,
    /// every live replica is in sync, since nodes share storage. With nobody of the ISR live it is kept and nobody leads,
    /// until one of its nodes comes back or an unclean election.
    ///
    /// - Returns: whether anything changed.
    @discardableResult
    func elect(_ assignment: inout PartitionAssignment, isNewEpoch: Bool = false) -> Bool {
        let before = assignment
        let live = assignment.replicas.filter { node($0)?.isLive ?? false }
        let eligible = live.filter(assignment.isr.contains)
        if !eligible.contains(assignment.leader) { assignment.leader = eligible.first ?? -1 }
        if assignment.leader >= 0 { assignment.isr = live }
        if assignment.leader != before.leader || isNewEpoch { assignment.leaderEpoch += 1 }
        return assignment != before
    }

    /// A node came or went: new leaders where needed, told to everything that waits.
    func reelect() throws(BrokerError) {
        var changes: [(Partition, PartitionAssignment, Topic)] = []
        for topic in topics.values {
            for partition in topic.partitions {
                var assignment = partition.assignment
                if elect(&assignment) { changes.append((partition, assignment, topic)) }
            }
        }
        try commit(changes.map { .partition(PartitionRecord($0.1, of: $0.2.id)) })
        for (partition, assignment, topic) in changes { apply(assignment, to: partition, of: topic) }
        for topic in topics.values {
            for partition in topic.partitions where partition.leader < 0 && partition.log.config.uncleanLeaderElection {
                try electUncleanly(partition, of: topic)
            }
        }
    }

    /// Makes a live in-sync replica the leader.
    func moveLeader(of partition: Partition, to node: Int32) throws(BrokerError) {
        guard partition.isr.contains(node), self.node(node)?.isLive ?? false else {
            throw .notPossible("node \(node) is not in the ISR of \(partition.topic)-\(partition.index)")
        }
        guard partition.leader != node, let topic = topicsByID[partition.topicID] else { return }
        var assignment = partition.assignment
        assignment.leader = node
        assignment.leaderEpoch += 1
        elect(&assignment)
        try commit([.partition(PartitionRecord(assignment, of: topic.id))])
        apply(assignment, to: partition, of: topic)
    }

    /// The same leader begins a new epoch.
    func beginEpoch(of partition: Partition) throws(BrokerError) {
        guard let topic = topicsByID[partition.topicID] else { return }
        var assignment = partition.assignment
        assignment.leaderEpoch += 1
        try commit([.partition(PartitionRecord(assignment, of: topic.id))])
        apply(assignment, to: partition, of: topic)
    }

    /// The first live replica leads although it is not in sync: what was written since it left the ISR is lost.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    func electUncleanly(_ partition: Partition, of topic: Topic) throws(BrokerError) -> Bool {
        guard let leader = partition.replicas.first(where: { node($0)?.isLive ?? false }) else { return false }
        if let end = partition.replicatedEnds[leader], end < partition.log.logEndOffset {
            do throws(LogError) {
                try partition.log.truncate(to: end, now: clock.wallTime())
            } catch {
                throw .storage("\(error)")
            }
        }
        var assignment = partition.assignment
        assignment.leader = leader
        assignment.isr = [leader]
        assignment.leaderEpoch += 1
        elect(&assignment)
        try commit([.partition(PartitionRecord(assignment, of: topic.id))])
        apply(assignment, to: partition, of: topic)
        logger.warning(
            "unclean leader election",
            metadata: ["partition": "\(partition.log.name)", "end": "\(partition.log.logEndOffset)"])
        return true
    }

    /// Puts a decision into force: it is in the journal already.
    func apply(_ assignment: PartitionAssignment, to partition: Partition, of topic: Topic) {
        for id in partition.isr where !assignment.isr.contains(id) {
            partition.replicatedEnds[id] = partition.log.logEndOffset
        }
        let isNewEpoch = partition.leaderEpoch != assignment.leaderEpoch
        partition.replicas = assignment.replicas
        partition.isr = assignment.isr
        partition.leader = assignment.leader
        partition.leaderEpoch = assignment.leaderEpoch
        for id in assignment.isr { partition.replicatedEnds[id] = nil }
        guard isNewEpoch else { return }
        if partition.leader >= 0 { partition.log.beginLeaderEpoch(partition.leaderEpoch) }
        configureLog(of: partition, topic)
        partition.changed()
        logger.info(
            "leader moved",
            metadata: [
                "partition": "\(partition.topic)-\(partition.index)", "leader": "\(partition.leader)",
                "epoch": "\(partition.leaderEpoch)",
            ])
    }
}
