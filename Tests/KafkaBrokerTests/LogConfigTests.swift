import KafkaBroker
import KafkaWire
import Testing

@Suite struct `Topic configurations` {
    @Test func `defaults are Kafka's`() throws {
        #expect(try LogConfig([:]) == LogConfig())
        #expect(TopicConfigs.all.count == 36)
        #expect(TopicConfigs.all.map(\.name) == TopicConfigs.all.map(\.name).sorted())
        for definition in TopicConfigs.all { try definition.validate(definition.defaultValue) }
    }

    @Test(
        arguments: [
            ("segment.bytes", "13", "Invalid value 13 for configuration segment.bytes: Value must be at least 14"),
            ("segment.bytes", "1e3", "Invalid value 1e3 for configuration segment.bytes: Not a number of type INT"),
            (
                "segment.bytes", "4294967296",
                "Invalid value 4294967296 for configuration segment.bytes: Not a number of type INT"
            ),
            ("retention.ms", "-2", "Invalid value -2 for configuration retention.ms: Value must be at least -1"),
            ("retention.ms", "", "Invalid value  for configuration retention.ms: Not a number of type LONG"),
            (
                "min.cleanable.dirty.ratio", "1.1",
                "Invalid value 1.1 for configuration min.cleanable.dirty.ratio: Value must be no more than 1"
            ),
            (
                "preallocate", "yes",
                "Invalid value yes for configuration preallocate: Expected value to be either true or false"
            ),
            (
                "cleanup.policy", "delete,purge",
                "Invalid value purge for configuration cleanup.policy: String must be one of: compact, delete"
            ),
            (
                "compression.type", "none",
                "Invalid value none for configuration compression.type: String must be one of: uncompressed, zstd, lz4, snappy, gzip, producer"
            ),
            (
                "compression.gzip.level", "0",
                "Invalid value 0 for configuration compression.gzip.level: Value must be between 1 and 9 or equal to -1"
            ),
            (
                "leader.replication.throttled.replicas", "1:2,x",
                "Invalid value 1:2,x for configuration leader.replication.throttled.replicas: leader.replication.throttled.replicas must be the literal '*' or a list of replicas in the following format: [partitionId]:[brokerId],[partitionId]:[brokerId],..."
            ),
            ("retention", "1", "Unknown topic config name: retention"),
            ("min.compaction.lag.ms", "9223372036854775807", nil),
        ] as [(String, String, String?)])
    func `what Kafka refuses is refused in its words`(_ name: String, _ value: String, _ message: String?) throws {
        guard let message else { return try TopicConfigs.validate([name: value]) }

        let error = #expect(throws: InvalidTopicConfig.self) { try TopicConfigs.validate([name: value]) }

        #expect(error?.message == message)
    }

    @Test func `values that contradict each other are refused`() {
        #expect(
            throws: InvalidTopicConfig(
                "conflict topic config setting min.compaction.lag.ms (5) > max.compaction.lag.ms (4)")
        ) {
            try TopicConfigs.validate(["min.compaction.lag.ms": "5", "max.compaction.lag.ms": "4"])
        }
    }

    @Test func `values become typed settings`() throws {
        let config = try LogConfig([
            "cleanup.policy": "compact, delete", "compression.type": "zstd", "message.timestamp.type": "LogAppendTime",
            "message.timestamp.difference.max.ms": "7", "message.timestamp.after.max.ms": "9", "retention.ms": " -1 ",
        ])

        #expect(config.isCompacted && config.isDeleted)
        #expect(config.compression == .codec(.zstd, level: 3))
        #expect(config.messageTimestampType == .logAppendTime)
        #expect(config.messageTimestampBeforeMaxMs == 7 && config.messageTimestampAfterMaxMs == 9)
        #expect(config.retentionMs == -1)
    }

    @Test func `broker keys stand for topic keys in their own units`() {
        let names = TopicConfigs.definition(named: "retention.ms")?.brokerSynonyms.map(\.name)
        let multipliers = TopicConfigs.definition(named: "retention.ms")?.brokerSynonyms.map(\.multiplier)

        #expect(names == ["log.retention.ms", "log.retention.minutes", "log.retention.hours"])
        #expect(multipliers == [1, 60_000, 3_600_000])
    }
}
