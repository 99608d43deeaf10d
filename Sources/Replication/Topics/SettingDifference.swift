package import KafkaClient

/// A topic setting whose value in effect differs between a source topic and its copy, to the copy's disadvantage:
/// set on the topics or said by the brokers.
package struct SettingDifference: Hashable, Sendable {
    /// A value in effect, and who says so.
    package struct Value: Hashable, Sendable, CustomStringConvertible {
        package var text: String
        package var origin: String

        package var description: String { "\(text) (\(origin))" }
    }

    package enum Consequence: Hashable, Sendable {
        /// Records go from the copy that the source still has.
        case keepsLess
        /// Batches that the source takes are refused.
        case refuses
        /// Records are not the same on the copy.
        case alters
        /// Records are lost more easily when brokers fail.
        case isLessSafe
    }

    package var key: String
    package var source: Value
    package var target: Value
    package var consequence: Consequence
}

extension SettingDifference {
    /// Compares settings in effect. A key that either side does not tell is left out.
    package static func all(
        source: [String: ConfigEntry], target: [String: ConfigEntry]
    ) -> [SettingDifference] {
        let pair = Pair(source: source, target: target)
        var differences = pair.retention
        if let source = pair.source("max.message.bytes"), let target = pair.target("max.message.bytes"), target < source
        {
            differences += pair.difference("max.message.bytes", .refuses)
        }
        if pair.text("message.timestamp.type", in: target) == "LogAppendTime",
            pair.text("message.timestamp.type", in: source) == "CreateTime"
        {
            differences += pair.difference("message.timestamp.type", .alters)
        }
        if let source = pair.source("min.insync.replicas"), let target = pair.target("min.insync.replicas"),
            target < source
        {
            differences += pair.difference("min.insync.replicas", .isLessSafe)
        }
        if pair.text("unclean.leader.election.enable", in: target) == "true",
            pair.text("unclean.leader.election.enable", in: source) == "false"
        {
            differences += pair.difference("unclean.leader.election.enable", .isLessSafe)
        }
        return differences
    }

    private struct Pair {
        let source: [String: ConfigEntry]
        let target: [String: ConfigEntry]

        func text(_ key: String, in entries: [String: ConfigEntry]) -> String? { entries[key]?.value }
        func source(_ key: String) -> Int64? { text(key, in: source).flatMap { Int64($0) } }
        func target(_ key: String) -> Int64? { text(key, in: target).flatMap { Int64($0) } }

        func difference(_ key: String, _ consequence: Consequence) -> [SettingDifference] {
            guard let ours = source[key], let theirs = target[key] else { return [] }
            return [
                SettingDifference(key: key, source: ours.inEffect, target: theirs.inEffect, consequence: consequence)
            ]
        }

        /// Only a policy with `delete` removes by age and size, only one with `compact` by key.
        var retention: [SettingDifference] {
            guard let ours = policy(source), let theirs = policy(target) else { return [] }
            guard theirs.isSubset(of: ours) else { return difference("cleanup.policy", .keepsLess) }
            guard theirs.contains("delete") else { return [] }
            return ["retention.ms", "retention.bytes"].flatMap { key -> [SettingDifference] in
                guard let source = source(key), let target = target(key), target >= 0, source < 0 || target < source
                else { return [] }
                return difference(key, .keepsLess)
            }
        }

        private func policy(_ entries: [String: ConfigEntry]) -> Set<String>? {
            text("cleanup.policy", in: entries).map { policy in
                Set(policy.split(separator: ",").map { $0.filter { !$0.isWhitespace } })
            }
        }
    }
}

extension ConfigEntry {
    fileprivate var inEffect: SettingDifference.Value {
        let origin =
            switch source {
            case .topic: "set on the topic"
            case .broker: "set on a broker"
            case .allBrokers: "set on all brokers"
            case .brokerFile: "in the brokers' properties file"
            case .builtIn: "Kafka's default"
            default: "it is not known by whom"
            }
        return SettingDifference.Value(text: value ?? "", origin: origin)
    }
}
