/// Every topic configuration key of Kafka 3.9, for CreateTopics, DescribeConfigs and IncrementalAlterConfigs.
package enum TopicConfigs {
    /// Sorted by name, as Kafka lists them.
    package static let all: [TopicConfigDefinition] = definitions.sorted { $0.name < $1.name }

    package static func definition(named name: String) -> TopicConfigDefinition? { byName[name] }

    /// The value that holds for a topic: its own, or the default.
    package static func value(of name: String, in values: [String: String]) -> String? {
        values[name] ?? byName[name]?.defaultValue
    }

    /// Refuses unknown names, bad values and combinations that contradict each other (Kafka's `LogConfig.validate`).
    /// - Parameter values: what the topic sets itself, over what the broker's own settings make the defaults.
    package static func validate(
        _ overrides: [String: String], brokerDefaults: [String: String] = [:]
    ) throws(InvalidTopicConfig) {
        for (name, value) in overrides.sorted(by: { $0.key < $1.key }) {
            guard let definition = byName[name] else {
                throw InvalidTopicConfig("Unknown topic config name: \(name)")
            }
            try definition.validate(value)
        }
        let values = brokerDefaults.merging(overrides) { _, own in own }
        let least = number("min.compaction.lag.ms", values), most = number("max.compaction.lag.ms", values)
        if least > most {
            throw InvalidTopicConfig(
                "conflict topic config setting min.compaction.lag.ms (\(least)) > max.compaction.lag.ms (\(most))")
        }
        if value(of: "remote.storage.enable", in: values)?.trimmed.lowercased() == "true" {
            throw InvalidTopicConfig(
                "Tiered Storage functionality is disabled in the broker. "
                    + "Topic cannot be configured with remote log storage.")
        }
    }

    /// Only for values that ``TopicConfigDefinition/validate(_:)`` has accepted.
    static func number(_ name: String, _ values: [String: String]) -> Int64 {
        value(of: name, in: values).flatMap { Int64($0.trimmed) } ?? 0
    }

    private static let byName = Dictionary(uniqueKeysWithValues: definitions.map { ($0.name, $0) })

    private static let forever = "9223372036854775807"

    private static let definitions: [TopicConfigDefinition] = [
        TopicConfigDefinition(
            "cleanup.policy", .list, "delete", .oneOf(["compact", "delete"]), broker: ["log.cleanup.policy"],
            "Treatment of old segments: delete removes them by time or size, compact keeps each key's last value."),
        TopicConfigDefinition(
            "compression.gzip.level", .int, "-1", .betweenOr(1, 9, -1), broker: ["compression.gzip.level"],
            "The compression level when compression.type is gzip."),
        TopicConfigDefinition(
            "compression.lz4.level", .int, "9", .between(1, 17), broker: ["compression.lz4.level"],
            "The compression level when compression.type is lz4."),
        TopicConfigDefinition(
            "compression.type", .string, "producer",
            .oneOf(["uncompressed", "zstd", "lz4", "snappy", "gzip", "producer"]), broker: ["compression.type"],
            "The codec batches are stored with; producer keeps the one they came with."),
        TopicConfigDefinition(
            "compression.zstd.level", .int, "3", .between(-131_072, 22), broker: ["compression.zstd.level"],
            "The compression level when compression.type is zstd."),
        TopicConfigDefinition(
            "delete.retention.ms", .long, "86400000", .atLeast(0), broker: ["log.cleaner.delete.retention.ms"],
            "Time for which compaction keeps tombstones, and so the time that a consumer may take to read from the beginning."
        ),
        TopicConfigDefinition(
            "file.delete.delay.ms", .long, "60000", .atLeast(0), broker: ["log.segment.delete.delay.ms"],
            "Time for which a deleted segment's files may stay on disk."),
        TopicConfigDefinition(
            "flush.messages", .long, forever, .atLeast(1), broker: ["log.flush.interval.messages"],
            "After how many records the log is forced to disk."),
        TopicConfigDefinition(
            "flush.ms", .long, forever, .atLeast(0),
            broker: ["log.flush.interval.ms", "log.flush.scheduler.interval.ms"],
            "After how many milliseconds the log is forced to disk."),
        TopicConfigDefinition(
            "follower.replication.throttled.replicas", .list, "", .throttledReplicas, broker: [],
            "Replicas whose replication is throttled on the follower's side: * or partition:broker pairs."),
        TopicConfigDefinition(
            "index.interval.bytes", .int, "4096", .atLeast(0), broker: ["log.index.interval.bytes"],
            "Bytes of log between two entries of the offset index."),
        TopicConfigDefinition(
            "leader.replication.throttled.replicas", .list, "", .throttledReplicas, broker: [],
            "Replicas whose replication is throttled on the leader's side: * or partition:broker pairs."),
        TopicConfigDefinition(
            "local.retention.bytes", .long, "-2", .atLeast(-2), broker: ["log.local.retention.bytes"],
            "Tiered storage: the size kept locally; -2 stands for retention.bytes."),
        TopicConfigDefinition(
            "local.retention.ms", .long, "-2", .atLeast(-2), broker: ["log.local.retention.ms"],
            "Tiered storage: the time kept locally; -2 stands for retention.ms."),
        TopicConfigDefinition(
            "max.compaction.lag.ms", .long, forever, .atLeast(1), broker: ["log.cleaner.max.compaction.lag.ms"],
            "The longest a record may stay out of compaction's reach."),
        TopicConfigDefinition(
            "max.message.bytes", .int, "1048588", .atLeast(0), broker: ["message.max.bytes"],
            "The largest record batch, after compression, that is accepted."),
        TopicConfigDefinition(
            "message.downconversion.enable", .boolean, "true", .any, broker: ["log.message.downconversion.enable"],
            "Conversion of records to formats 0 and 1 for old consumers."),
        TopicConfigDefinition(
            "message.format.version", .string, "3.0-IV1", .release, broker: ["log.message.format.version"],
            "Deprecated and without effect: batches are stored in format 2."),
        TopicConfigDefinition(
            "message.timestamp.after.max.ms", .long, forever, .atLeast(0),
            broker: ["log.message.timestamp.after.max.ms"],
            "Greatest time by which a record's CreateTime may be ahead of the broker's clock."),
        TopicConfigDefinition(
            "message.timestamp.before.max.ms", .long, forever, .atLeast(0),
            broker: ["log.message.timestamp.before.max.ms"],
            "Greatest time by which a record's CreateTime may be behind the broker's clock."),
        TopicConfigDefinition(
            "message.timestamp.difference.max.ms", .long, forever, .atLeast(0),
            broker: ["log.message.timestamp.difference.max.ms"],
            "Deprecated: stands for both message.timestamp.before.max.ms and message.timestamp.after.max.ms."),
        TopicConfigDefinition(
            "message.timestamp.type", .string, "CreateTime", .oneOf(["CreateTime", "LogAppendTime"]),
            broker: ["log.message.timestamp.type"],
            "Timestamps of records: the producer's time, or the time of their append."),
        TopicConfigDefinition(
            "min.cleanable.dirty.ratio", .double, "0.5", .between(0, 1), broker: ["log.cleaner.min.cleanable.ratio"],
            "The share of the log that must be uncompacted before it is compacted again."),
        TopicConfigDefinition(
            "min.compaction.lag.ms", .long, "0", .atLeast(0), broker: ["log.cleaner.min.compaction.lag.ms"],
            "The shortest a record stays uncompacted."),
        TopicConfigDefinition(
            "min.insync.replicas", .int, "1", .atLeast(1), broker: ["min.insync.replicas"],
            "Number of replicas that must be in sync for a produce with acks=all to be accepted."),
        TopicConfigDefinition(
            "preallocate", .boolean, "false", .any, broker: ["log.preallocate"],
            "Allocation of a new segment's whole file at once."),
        TopicConfigDefinition(
            "remote.log.copy.disable", .boolean, "false", .any, broker: [],
            "Tiered storage: whether no more segments are copied away."),
        TopicConfigDefinition(
            "remote.log.delete.on.disable", .boolean, "false", .any, broker: [],
            "Tiered storage: whether its data goes when it is switched off."),
        TopicConfigDefinition(
            "remote.storage.enable", .boolean, "false", .any, broker: [],
            "Tiered storage, which this broker does not have."),
        TopicConfigDefinition(
            "retention.bytes", .long, "-1", .any, broker: ["log.retention.bytes"],
            "The size a partition may reach before its oldest segments go; -1 for no limit."),
        TopicConfigDefinition(
            "retention.ms", .long, "604800000", .atLeast(-1),
            broker: ["log.retention.ms", "log.retention.minutes", "log.retention.hours"],
            "The age at which segments go; -1 for no limit."),
        TopicConfigDefinition(
            "segment.bytes", .int, "1073741824", .atLeast(14), broker: ["log.segment.bytes"],
            "The size of a segment; retention works on whole segments."),
        TopicConfigDefinition(
            "segment.index.bytes", .int, "10485760", .atLeast(4), broker: ["log.index.size.max.bytes"],
            "The size of a segment's offset index; a full index ends the segment."),
        TopicConfigDefinition(
            "segment.jitter.ms", .long, "0", .atLeast(0), broker: ["log.roll.jitter.ms", "log.roll.jitter.hours"],
            "The most that chance takes off segment.ms, so that segments do not all end at once."),
        TopicConfigDefinition(
            "segment.ms", .long, "604800000", .atLeast(1), broker: ["log.roll.ms", "log.roll.hours"],
            "The age at which a segment ends even if it is not full."),
        TopicConfigDefinition(
            "unclean.leader.election.enable", .boolean, "false", .any, broker: ["unclean.leader.election.enable"],
            "Permission for a replica that is not in sync to lead as a last resort, at the price of lost records."),
    ]
}
