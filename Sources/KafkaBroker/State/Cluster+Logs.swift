import KafkaCompression
import KafkaWire
import Logging
import NIOCore

/// Logs of partitions: how they are opened, configured, kept small and closed.
extension Cluster {
    func openPartition(_ assignment: PartitionAssignment, of topic: Topic) throws(BrokerError) -> Partition {
        do throws(LogError) {
            let log = try PartitionLog(
                topic: topic.name, partition: assignment.index, config: logConfig(topic, leader: assignment.leader),
                storage: storage, now: clock.wallTime())
            return Partition(topic: topic, assignment: assignment, log: log)
        } catch {
            throw .storage("\(error)")
        }
    }

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

    /// A directory that cannot be removed is swept away at the next start.
    func deleteLog(of partition: Partition) {
        do throws(LogError) {
            try partition.log.delete()
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
        logger.error(event, metadata: ["partition": "\(partition.log.name)", "reason": "\(error)"])
    }

    /// Removes what looks like a partition's directory and belongs to no partition: a crash came between a change of
    /// the journal and that of the disk.
    func sweepStrayLogs() throws(BrokerError) {
        guard let dataDirectory else { return }
        do throws(LogError) {
            for name in try FileSystem.names(in: dataDirectory) where isStray(name) {
                try FileSystem.removeDirectory("\(dataDirectory)/\(name)")
                logger.warning("stray log removed", metadata: ["directory": "\(name)"])
            }
        } catch {
            throw .storage("\(error)")
        }
    }

    private func isStray(_ name: String) -> Bool {
        if name.hasSuffix(".deleted") { return true }
        guard let dash = name.lastIndex(of: "-"), let index = Int32(name[name.index(after: dash)...]) else {
            return false
        }
        return partition(String(name[..<dash]), index) == nil
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
