import KafkaCompression
import KafkaWire
import Logging
import NIOCore

/// Logs of partitions: how they are opened, configured, kept small and closed.
extension Cluster {
    /// The log of a new partition. One of its name, which could not be removed when its topic was, is not taken over.
    func openPartition(_ assignment: PartitionAssignment, of topic: Topic) throws(BrokerError) -> Partition {
        let path = dataDirectory.map { "\($0)/\(topic.name)-\(assignment.index)" }
        if let path, FileSystem.exists(path) {
            throw .storage("\(path) is in the way of a new log: the next start sets it aside")
        }
        do throws(LogError) {
            let log = try PartitionLog(
                topic: topic.name, partition: assignment.index, config: logConfig(topic, leader: assignment.leader),
                storage: storage, now: clock.wallTime())
            return Partition(topic: topic, assignment: assignment, log: log)
        } catch {
            throw .storage("\(error)")
        }
    }

    /// A partition of an earlier run. One whose files cannot be used is offline, and the others work; only the internal
    /// topics have to be whole, since what they hold would seem to be gone.
    func reopenPartition(_ assignment: PartitionAssignment, of topic: Topic) throws(BrokerError) -> Partition {
        var assignment = assignment
        let config = logConfig(topic, leader: assignment.leader)
        if let dataDirectory, !FileSystem.exists("\(dataDirectory)/\(topic.name)-\(assignment.index)") {
            logger.warning(
                "a log is missing, and begins empty: put its directory back before records are written to it",
                metadata: ["partition": "\(topic.name)-\(assignment.index)"])
        }
        do throws(LogError) {
            let log = try PartitionLog(
                topic: topic.name, partition: assignment.index, config: config, storage: storage,
                now: clock.wallTime())
            for finding in log.findings {
                logger.warning(
                    "\(finding.text)",
                    metadata: [
                        "partition": "\(log.name)", "offset": "\(finding.offset)", "file": "\(finding.file)",
                        "byte": "\(finding.position)", "bytes": "\(finding.bytes)",
                    ])
            }
            // A run whose journal could not be written began epochs that only the log knows.
            // There are few of those; an epoch far ahead comes from a damaged batch, whose checksum does not cover it.
            if let latest = log.latestEpoch, latest >= assignment.leaderEpoch,
                latest < assignment.leaderEpoch + Self.mostUnknownEpochs
            {
                assignment.leaderEpoch = latest + 1
            }
            return Partition(topic: topic, assignment: assignment, log: log)
        } catch {
            guard !topic.isInternal else {
                throw .storage("\(topic.name)-\(assignment.index) cannot be opened: \(error)")
            }
            let log = PartitionLog(topic: topic.name, partition: assignment.index, config: config, offline: error)
            report("log cannot be opened: its partition is offline", log, error)
            return Partition(topic: topic, assignment: assignment, log: log)
        }
    }

    private static let mostUnknownEpochs: Int32 = 1000

    /// The topic's own settings over those of the node that leads.
    private func logConfig(_ topic: Topic, leader: Int32) -> LogConfig {
        let defaults = configs.changedTopicDefaults(node: leader < 0 ? nil : leader)
        do throws(InvalidTopicConfig) {
            var config = try LogConfig(defaults.merging(topic.overrides) { _, own in own })
            config.producerIDExpirationMs = Int64(configs.number("producer.id.expiration.ms"))
            return config
        } catch {
            // Checked when it was set; a version that checks more strictly than the one that wrote it falls back.
            logger.warning(
                "topic configuration does not hold: defaults are used",
                metadata: ["topic": "\(topic.name)", "reason": "\(error)"])
            return LogConfig()
        }
    }

    func configureLog(of partition: Partition, _ topic: Topic) {
        partition.log.config = logConfig(topic, leader: partition.leader)
    }

    func closeLog(of partition: Partition) {
        do throws(LogError) {
            try partition.log.close(now: clock.wallTime())
        } catch {
            report("log is not closed in order", partition, error)
        }
    }

    /// A directory that cannot be removed is removed at the next start, if the journal says that its topic is deleted.
    func deleteLog(of partition: Partition) {
        do throws(LogError) {
            try partition.log.delete(topicID: partition.topicID)
        } catch {
            report("log cannot be removed", partition, error)
        }
    }

    func applyRetention() {
        let now = clock.wallTime()
        for topic in topics.values {
            for partition in topic.partitions {
                do throws(LogError) {
                    partition.log.expireProducers(now: now)
                    let removed = try partition.log.applyRetention(now: now)
                    if removed > 0 { partition.changed() }
                } catch {
                    report("retention failed", partition, error)
                }
            }
        }
    }

    /// Forces to disk what `flush.ms` says is due.
    func flushLogs() {
        let now = clock.wallTime()
        for topic in topics.values {
            for partition in topic.partitions where partition.log.isFlushDue(now: now) {
                do throws(LogError) {
                    try partition.log.flush(now: now)
                } catch {
                    report("flush failed", partition, error)
                }
            }
        }
    }

    private func report(_ event: Logger.Message, _ partition: Partition, _ error: LogError) {
        report(event, partition.log, error)
    }

    private func report(_ event: Logger.Message, _ log: PartitionLog, _ error: LogError) {
        logger.error(event, metadata: ["partition": "\(log.name)", "reason": "\(error)"])
    }
}

extension Partition {
    /// Appends what the broker itself has to say, in an internal topic. Returns the first record's offset.
    func appendInternally(_ builder: RecordBatchBuilder, now: Int64) throws(AdminRefusal) -> Int64 {
        var builder = builder
        let records: RecordBytes
        do throws(WireError) {
            records = RecordBytes(try builder.finish().bytes)
        } catch {
            throw AdminRefusal(.unknownServerError, "\(error)")
        }
        let result: AppendResult
        do throws(ProduceRefusal) {
            result = try log.append(
                records, leaderEpoch: leaderEpoch, produceVersion: 3, now: now, origin: .coordinator)
        } catch {
            throw AdminRefusal(error.code, error.message)
        }
        grew(by: records.readableBytes)
        return result.baseOffset
    }
}

extension Cluster {
    /// Walks over all data records of a partition that have a key, oldest first.
    func forEachRecord(
        of partition: Partition, _ body: (ByteBuffer, ByteBuffer?) throws(WireError) -> Void
    ) throws(BrokerError) {
        try forEachEntry(of: partition) { batch, record throws(WireError) in
            if !batch.isControl, let key = record.key { try body(key, record.value) }
        }
    }

    /// Walks over all records of a partition with their batches' headers, oldest first, also over those of brokers to
    /// each other. A batch that cannot be read is passed over.
    func forEachEntry(
        of partition: Partition, _ body: (RecordBatchHeader, Record) throws(WireError) -> Void
    ) throws(BrokerError) {
        let log = partition.log
        var offset = log.logStartOffset
        while offset < log.highWatermark {
            let slice: LogSlice
            do throws(LogReadError) {
                slice = try log.read(from: offset, maxBytes: 1 << 20, minOneBatch: true, upTo: log.highWatermark)
            } catch {
                throw .storage("\(log.name): \(error)")
            }
            guard slice.nextOffset > offset else { return }
            offset = slice.nextOffset
            do {
                var entries = LogEntryReader(slice.records.contiguous)
                while let entry = try entries.next() {
                    guard case .batch(let batch) = entry else { continue }
                    var records = try batch.records()
                    while let record = try records.next() { try body(batch.header, record) }
                }
            } catch {
                logger.warning(
                    "records passed over", metadata: ["partition": "\(log.name)", "reason": "\(error)"])
            }
        }
    }
}
