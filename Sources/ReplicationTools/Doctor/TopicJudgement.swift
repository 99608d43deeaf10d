internal import KafkaClient
internal import KafkaWire
package import Replication

/// Facts about a topic and its copy.
package struct TopicFacts: Sendable {
    package var source: String
    package var target: String
    /// Settings in effect, by key.
    package var sourceConfigs: [String: String]
    /// Settings that the copy has, or would be created with.
    package var targetConfigs: [String: String]
    package var copyExists: Bool
    /// Replicas that the copy has or would get; nil when the target's brokers decide.
    package var replicationFactor: Int?
    /// In-sync replicas of the partition that has the fewest.
    package var leastInSync: Int?
    /// In milliseconds since 1970; nil for an empty topic.
    package var oldestTimestamp: Int64?
    package var newestTimestamp: Int64?
    /// The first of the records looked at that has no key, and how many were looked at.
    package var recordWithoutKey: (partition: Int32, offset: Int64)?
    package var sampled = 0

    package init(
        source: String, target: String, sourceConfigs: [String: String], targetConfigs: [String: String],
        copyExists: Bool
    ) {
        self.source = source
        self.target = target
        self.sourceConfigs = sourceConfigs
        self.targetConfigs = targetConfigs
        self.copyExists = copyExists
    }
}

/// Finds what would keep a topic's records from arriving, or from staying. Pure.
package struct TopicJudgement {
    private let now: Int64
    private let targetBrokers: Int
    private let startsAtLatest: Bool
    private let compression: CompressionChoice

    /// - Parameter now: milliseconds since 1970.
    package init(now: Int64, targetBrokers: Int, startsAtLatest: Bool, compression: CompressionChoice) {
        self.now = now
        self.targetBrokers = targetBrokers
        self.startsAtLatest = startsAtLatest
        self.compression = compression
    }

    package func findings(_ topic: TopicFacts) -> [Finding] {
        sizes(topic) + timestamps(topic) + retention(topic) + codec(topic) + keys(topic) + replicas(topic)
    }

    private func number(_ key: String, _ configs: [String: String]) -> Int64? { configs[key].flatMap { Int64($0) } }

    private func sizes(_ topic: TopicFacts) -> [Finding] {
        guard let largest = number("max.message.bytes", topic.sourceConfigs) else { return [] }
        var findings: [Finding] = []
        if let segment = number("segment.bytes", topic.targetConfigs), segment < largest {
            findings.append(
                Finding(
                    .error, "limits", topic.target,
                    "segment.bytes is \(segment), the source allows batches of \(largest)",
                    why: "a batch must fit into a segment", remedy: "raise segment.bytes of \(topic.target)"))
        }
        return findings
    }

    private func timestamps(_ topic: TopicFacts) -> [Finding] {
        var findings: [Finding] = []
        guard topic.targetConfigs["message.timestamp.type"] != "LogAppendTime" else { return findings }
        let difference = number("message.timestamp.difference.max.ms", topic.targetConfigs) ?? .max
        let before = min(number("message.timestamp.before.max.ms", topic.targetConfigs) ?? .max, difference)
        let after = min(number("message.timestamp.after.max.ms", topic.targetConfigs) ?? .max, difference)
        if let oldest = topic.oldestTimestamp, !startsAtLatest, now.saturatingSubtracting(oldest) > before {
            findings.append(
                Finding(
                    .error, "timestamps", topic.target,
                    "takes records of at most \(age(before)), the oldest of \(topic.source) is \(age(now.saturatingSubtracting(oldest))) old",
                    why: "the target refuses them, and their partition stops",
                    remedy: "raise message.timestamp.before.max.ms of \(topic.target)"))
        }
        if let newest = topic.newestTimestamp, newest.saturatingSubtracting(now) > after {
            findings.append(
                Finding(
                    .error, "timestamps", topic.target,
                    "takes records up to \(age(after)) ahead of its clock, \(topic.source) has one \(age(newest.saturatingSubtracting(now))) ahead",
                    why: "the target refuses them, and their partition stops",
                    remedy:
                        "set the producers' clocks right, or raise message.timestamp.after.max.ms of \(topic.target)"))
        } else if let newest = topic.newestTimestamp, newest.saturatingSubtracting(now) > 60_000 {
            findings.append(
                Finding(
                    .warning, "clocks", topic.source,
                    "has a record from \(age(newest.saturatingSubtracting(now))) in the future",
                    why: "a clock is wrong, at a producer or here: latencies and retention by time will be, too",
                    remedy: "synchronise the clocks"))
        }
        return findings
    }

    private func retention(_ topic: TopicFacts) -> [Finding] {
        guard !startsAtLatest, topic.targetConfigs["cleanup.policy"]?.contains("delete") ?? false,
            let kept = number("retention.ms", topic.targetConfigs), kept >= 0, let oldest = topic.oldestTimestamp,
            now.saturatingSubtracting(oldest) > kept
        else { return [] }
        return [
            Finding(
                .warning, "retention", topic.target,
                "keeps records for \(age(kept)), the oldest of \(topic.source) is \(age(now.saturatingSubtracting(oldest))) old",
                why: "older records are copied and soon deleted again",
                remedy: "raise retention.ms of \(topic.target), or begin later with startFrom")
        ]
    }

    private func codec(_ topic: TopicFacts) -> [Finding] {
        guard let there = topic.targetConfigs["compression.type"], there != "producer" else { return [] }
        if case .codec(let codec) = compression, codec.name == there { return [] }
        return [
            Finding(
                .warning, "compression", topic.target, "compression.type is \(there)",
                why: "the target recompresses every batch that comes with another codec",
                remedy: "set compression.type of \(topic.target) to producer")
        ]
    }

    private func keys(_ topic: TopicFacts) -> [Finding] {
        guard topic.targetConfigs["cleanup.policy"]?.contains("compact") ?? false else { return [] }
        guard let record = topic.recordWithoutKey else { return [] }
        return [
            Finding(
                .error, "keys", topic.target,
                "is compacted, and the record at offset \(record.offset) of \(topic.source)-\(record.partition) has no key",
                why: "a compacted topic takes no records without a key, and their partition stops",
                remedy:
                    "let cleanup.policy of \(topic.target) be delete, or exclude cleanup.policy with sync.configExclude"
            )
        ]
    }

    private func replicas(_ topic: TopicFacts) -> [Finding] {
        var findings: [Finding] = []
        if let factor = topic.replicationFactor, !topic.copyExists, factor > targetBrokers {
            findings.append(
                Finding(
                    .error, "replicas", topic.target,
                    "would get \(factor) replicas, the target has \(targetBrokers) brokers",
                    why: "the target refuses to create it", remedy: "lower sync.replicationFactor"))
        }
        guard let least = number("min.insync.replicas", topic.targetConfigs) else { return findings }
        if let factor = topic.replicationFactor, factor < least {
            findings.append(
                Finding(
                    .error, "replicas", topic.target, "has \(factor) replicas, min.insync.replicas is \(least)",
                    why: "no record is ever accepted with acks=all",
                    remedy: "lower min.insync.replicas of \(topic.target), or give it more replicas"))
        } else if let inSync = topic.leastInSync, inSync < least {
            findings.append(
                Finding(
                    .error, "replicas", topic.target,
                    "only \(inSync) replicas are in sync, min.insync.replicas is \(least)",
                    why: "nothing is accepted until more are", remedy: "bring the target's brokers back"))
        }
        return findings
    }

    /// Age in words.
    private func age(_ milliseconds: Int64) -> String {
        switch milliseconds {
        case ..<1_000: "\(milliseconds) ms"
        case ..<120_000: "\(milliseconds / 1_000) s"
        case ..<7_200_000: "\(milliseconds / 60_000) min"
        case ..<172_800_000: "\(milliseconds / 3_600_000) h"
        default: "\(milliseconds / 86_400_000) days"
        }
    }
}
