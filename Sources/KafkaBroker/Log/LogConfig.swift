package import KafkaWire

/// The settings of one partition's log as typed values, under Kafka's names and with its defaults.
package struct LogConfig: Sendable, Hashable {
    /// `compression.type`: what the producer chose, or one codec for the whole topic.
    package enum Compression: Sendable, Hashable {
        case producer
        /// `level` in the codec's own scale; `nil` where it has none.
        case codec(CompressionCodec, level: Int32?)
    }

    package var segmentBytes: Int = 1 << 30
    package var segmentMs: Int64 = 604_800_000
    package var segmentJitterMs: Int64 = 0
    package var segmentIndexBytes: Int = 10 << 20
    package var flushMessages: Int64 = .max
    package var flushMs: Int64 = .max
    /// Negative for no limit.
    package var retentionBytes: Int64 = -1
    /// Negative for no limit.
    package var retentionMs: Int64 = 604_800_000
    package var maxMessageBytes: Int = 1_048_588
    package var indexIntervalBytes: Int = 4_096
    package var deleteRetentionMs: Int64 = 86_400_000
    package var minCompactionLagMs: Int64 = 0
    package var maxCompactionLagMs: Int64 = .max
    package var minCleanableDirtyRatio: Double = 0.5
    package var isCompacted = false
    package var isDeleted = true
    package var uncleanLeaderElection = false
    package var minInsyncReplicas: Int = 1
    package var compression: Compression = .producer
    package var messageTimestampType: TimestampType = .createTime
    package var messageTimestampBeforeMaxMs: Int64 = .max
    package var messageTimestampAfterMaxMs: Int64 = .max
    package var messageDownconversion = true
    /// The broker's `producer.id.expiration.ms`: how long a producer's sequence numbers are remembered after its last
    /// batch's newest record (research P16: record time, not wall time).
    package var producerIDExpirationMs: Int64 = 86_400_000

    package init() {}

    /// - Parameter values: topic keys and their values; absent keys take Kafka's default.
    package init(_ values: [String: String]) throws(InvalidTopicConfig) {
        try TopicConfigs.validate(values)
        func number(_ name: String) -> Int64 { TopicConfigs.number(name, values) }
        func text(_ name: String) -> Substring { TopicConfigs.value(of: name, in: values).map(\.trimmed) ?? "" }
        func flag(_ name: String) -> Bool { text(name).lowercased() == "true" }

        segmentBytes = Int(number("segment.bytes"))
        segmentMs = number("segment.ms")
        segmentJitterMs = number("segment.jitter.ms")
        segmentIndexBytes = Int(number("segment.index.bytes"))
        flushMessages = number("flush.messages")
        flushMs = number("flush.ms")
        retentionBytes = number("retention.bytes")
        retentionMs = number("retention.ms")
        maxMessageBytes = Int(number("max.message.bytes"))
        indexIntervalBytes = Int(number("index.interval.bytes"))
        deleteRetentionMs = number("delete.retention.ms")
        minCompactionLagMs = number("min.compaction.lag.ms")
        maxCompactionLagMs = number("max.compaction.lag.ms")
        minCleanableDirtyRatio = Double(text("min.cleanable.dirty.ratio")) ?? minCleanableDirtyRatio
        let policies = TopicConfigDefinition.elements(of: text("cleanup.policy"))
        isCompacted = policies.contains("compact")
        isDeleted = policies.contains("delete")
        uncleanLeaderElection = flag("unclean.leader.election.enable")
        minInsyncReplicas = Int(number("min.insync.replicas"))
        compression = Self.compression(named: text("compression.type"), level: number)
        messageTimestampType = text("message.timestamp.type") == "LogAppendTime" ? .logAppendTime : .createTime
        // The old key holds for whichever of the new ones is left at its default (Kafka 3.6 to 3.9).
        let difference = number("message.timestamp.difference.max.ms")
        let before = number("message.timestamp.before.max.ms"), after = number("message.timestamp.after.max.ms")
        messageTimestampBeforeMaxMs = before == .max ? difference : before
        messageTimestampAfterMaxMs = after == .max ? difference : after
        messageDownconversion = flag("message.downconversion.enable")
    }

    private static func compression(named name: Substring, level: (String) -> Int64) -> Compression {
        switch name {
        case "uncompressed": .codec(.none, level: nil)
        case "gzip": .codec(.gzip, level: Int32(level("compression.gzip.level")))
        case "snappy": .codec(.snappy, level: nil)
        case "lz4": .codec(.lz4, level: Int32(level("compression.lz4.level")))
        case "zstd": .codec(.zstd, level: Int32(level("compression.zstd.level")))
        default: .producer
        }
    }

    /// The longest a segment takes records: compaction needs it closed before `max.compaction.lag.ms` has passed.
    var maxSegmentMs: Int64 {
        isCompacted ? min(maxCompactionLagMs, segmentMs) : segmentMs
    }
}
