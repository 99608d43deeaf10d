internal import FoundationEssentials
internal import KafkaClient
internal import NIOCore
internal import PlainText

// Obstacles of partitions, for the operator.
extension Shard {
    /// Status of each partition whose topic is selected.
    var statuses: [FlowStatus.Partition] {
        let now = NIODeadline.now()
        var statuses: [FlowStatus.Partition] = []
        scheduler.forEach { partition in
            guard partition.isSelected else { return }
            statuses.append(FlowStatus.Partition(partition, obstacle: obstacle(of: partition, at: now), at: now))
        }
        return statuses
    }

    private func obstacle(of partition: PartitionReplicator, at now: NIODeadline) -> String? {
        guard partition.isActive else { return nil }
        if let obstacle = partition.obstacle { return obstacle }
        if let beginning = partition.beginning { return beginning }
        let waitsForTarget = !partition.isIdle
        return (waitsForTarget ? targetObstacle(of: partition, at: now) : nil) ?? sourceObstacle(of: partition, at: now)
    }

    private func targetObstacle(of partition: PartitionReplicator, at now: NIODeadline) -> String? {
        let cluster = target.settings.name
        guard partition.hasTargetLeader, let leader = partition.targetLog.leader else {
            return "\(partition.target) has no leader on \(cluster)"
        }
        if let obstacle = obstacle(at: link(target: leader), broker: leader, of: cluster, now) { return obstacle }
        guard let error = partition.lastRecoveryError, !partition.isStreaming else { return nil }
        return "it cannot be found out what \(cluster) has: \(error)"
    }

    private func sourceObstacle(of partition: PartitionReplicator, at now: NIODeadline) -> String? {
        if partition.isPaused { return nil }
        let cluster = source.settings.name
        guard partition.hasSourceLeader, let leader = partition.sourceLeader?.broker else {
            return "\(partition.source) has no leader on \(cluster)"
        }
        if let answer = partition.sourceObstacle ?? partition.impossibleAnswer { return answer }
        let broker = scheduler.readReplicas.replica(of: partition.source) ?? leader
        if let obstacle = obstacle(at: link(source: broker), broker: broker, of: cluster, now) { return obstacle }
        if partition.isBehindTransaction { return openTransaction(before: partition) }
        if partition.need != nil { return "it is not known yet where its records come from" }
        if partition.isOutOfRange { return "\(cluster) says that offset \(partition.cursor.position) is out of range" }
        if let since = partition.sourceEnd.unreadSince, now - since > BrokerLink.silence, partition.isIdle {
            if let rate = rateLimit.bytesPerSecond, link(source: broker).limitedUntil > now {
                guard rate > 0 else {
                    return
                        "other instances have claimed all of limits.bytesPerSecond: nothing is read here until they let go of "
                        + "a part, or one that is gone has been silent for a session"
                }
                return
                    "its turn has not come within limits.bytesPerSecond, of which \(rate) bytes per second are read here"
            }
            let seconds = (now - since).nanoseconds / 1_000_000_000
            return
                "nothing has come from broker \(broker) of \(cluster) for \(seconds) s, although it says that the log "
                + "ends at offset \(partition.highWatermark)"
        }
        return nil
    }

    private func obstacle(
        at link: BrokerLink, broker: Int32, of cluster: String, _ now: NIODeadline
    ) -> String? {
        if let error = link.error { return "\(error)" }
        if link.throttledUntil > now + .seconds(1) {
            let seconds = (link.throttledUntil - now).nanoseconds / 1_000_000_000
            return
                "broker \(broker) of \(cluster) has asked us to be silent for another \(seconds) s (throttle_time_ms)"
        }
        if let since = link.silentSince, now - since > BrokerLink.silence {
            return "broker \(broker) of \(cluster) has not answered for \((now - since).nanoseconds / 1_000_000_000) s"
        }
        return nil
    }

    private func openTransaction(before partition: PartitionReplicator) -> String {
        let stable = partition.sourceEnd.lastStableOffset
        let options = source.settings.toolOptions
        let topic = partition.source.topic.shellQuoted
        guard let open = partition.sourceEnd.openTransaction else {
            return "a transaction that is open since offset \(stable) holds back what follows; "
                + "kafka-transactions.sh \(options) find-hanging --topic \(topic) "
                + "finds it"
        }
        let last = Date(timeIntervalSince1970: Double(open.lastTimestamp) / 1_000)
        let since =
            (0..<253_402_300_800_000).contains(open.lastTimestamp)
            ? ", whose last record is of \(last.formatted(.iso8601))," : ""
        return "the transaction of producer id \(open.producerID) (epoch \(open.epoch)), open since offset "
            + "\(open.startOffset)\(since) holds back what follows; if its producer is gone, end it with "
            + "kafka-transactions.sh \(options) abort --topic \(topic) "
            + "--partition \(partition.source.partition) --start-offset \(open.startOffset)"
    }
}
