import KafkaWire
import Logging

/// Faults and changes from outside the protocol, for tests and drills.
extension Cluster {
    func partitionForFault(_ topic: String, _ index: Int32) throws(BrokerError) -> Partition {
        guard topics.exactly(topic) != nil else { throw .notFound("there is no topic \(topic)") }
        guard let partition = partition(topic, index) else {
            throw .notFound("there is no partition \(topic)-\(index)")
        }
        return partition
    }

    func nodeForFault(_ id: Int32) throws(BrokerError) -> Node {
        guard let node = node(id) else {
            throw .notFound("there is no node \(id); the cluster has 1 to \(nodes.count)")
        }
        return node
    }

    /// The log loses what it has from `offset` on, under a new leader epoch: what consumers and producers see after an
    /// unclean election.
    ///
    /// - Parameter keepsEpoch: no epoch begins: what producers and consumers see after a restored disk.
    /// - Returns: the log's end after that, which lies lower than asked when a batch spans `offset`.
    func truncate(
        _ partition: Partition, to offset: Int64, keepsEpoch: Bool = false
    ) throws(BrokerError) -> Int64 {
        // Groups and transactions live in memory too, and would contradict a shortened log.
        guard !TopicName.isInternal(partition.topic) else {
            throw .notPossible("\(partition.topic) is the broker's own and is not truncated")
        }
        guard offset >= 0, offset <= partition.log.logEndOffset else {
            throw .notPossible(
                "\(partition.log.name) ends at \(partition.log.logEndOffset): it cannot be truncated to \(offset)")
        }
        do throws(LogError) {
            try partition.log.truncate(to: offset, now: clock.wallTime())
        } catch {
            throw .storage("\(error)")
        }
        if keepsEpoch { partition.changed() } else { try beginEpoch(of: partition) }
        logger.info(
            "log truncated",
            metadata: ["partition": "\(partition.log.name)", "end": "\(partition.log.logEndOffset)"])
        return partition.log.logEndOffset
    }

    /// The records below `offset` are gone, as when retention removed them.
    ///
    /// - Returns: the log's start after that.
    func expire(_ partition: Partition, before offset: Int64) throws(BrokerError) -> Int64 {
        guard offset >= 0, offset <= partition.log.highWatermark else {
            throw .notPossible(
                "\(partition.log.name) ends at \(partition.log.highWatermark): it cannot begin at \(offset)")
        }
        do throws(LogReadError) {
            try partition.log.expire(before: offset)
        } catch {
            throw .storage("\(partition.log.name): \(error)")
        }
        partition.changed()
        logger.info(
            "log expired",
            metadata: ["partition": "\(partition.log.name)", "start": "\(partition.log.logStartOffset)"])
        return partition.log.logStartOffset
    }

    /// The records before the first one that is not older than `timestamp` (milliseconds since 1970) are gone.
    func expire(_ partition: Partition, olderThan timestamp: Int64) throws(BrokerError) -> Int64 {
        let kept: Int64
        do throws(LogReadError) {
            kept = try partition.log.offset(forTimestamp: timestamp)?.offset ?? partition.log.highWatermark
        } catch {
            throw .storage("\(partition.log.name): \(error)")
        }
        return try expire(partition, before: kept)
    }

    /// Deletes a topic and creates its namesake at once: the same partitions and settings, no records, another id.
    func recreateTopic(_ name: String) throws(BrokerError) -> Topic {
        guard let topic = topics.exactly(name) else { throw .notFound("there is no topic \(name)") }
        guard !topic.isInternal else { throw .notPossible("\(name) is the broker's own and is not recreated") }
        let plan = TopicPlan(
            name: name, assignments: topic.partitions.map(\.replicas), overrides: topic.overrides)
        do throws(AdminRefusal) {
            try deleteTopic(topic)
            return try createTopic(plan)
        } catch {
            throw .storage("\(name): \(error.message)")
        }
    }

    /// Sets the wall clock forward or back; what is due by then is done at once.
    func jumpClock(by milliseconds: Int64) throws(BrokerError) {
        let (offset, isTooFar) = clock.offset.addingReportingOverflow(milliseconds)
        // A timestamp has to stay one, with room for retention times.
        guard !isTooFar, offset.magnitude <= UInt64(Self.farthestClock) else {
            throw .notPossible("the clock does not jump by \(milliseconds) ms: at most 100 years off")
        }
        clock.offset = offset
        logger.info("clock jumped", metadata: ["offset": "\(offset) ms"])
        applyRetention()
        expireOffsets()
        abortTimedOutTransactions()
        expireTransactionalIDs()
    }

    private static let farthestClock: Int64 = 100 * 366 * 86_400_000
}
