internal import KafkaClient
internal import PlainText
internal import Replication

/// Settings in the words of the configuration file.
enum SettingText {
    /// Bytes of one setting that are shown.
    private static let limit = 200

    /// Nil for what has no short text.
    static func text(_ value: Any) -> String? {
        let mirror = Mirror(reflecting: value)
        if mirror.displayStyle == .optional {
            guard let some = mirror.children.first else { return "none" }
            return text(some.value)
        }
        switch value {
        case let value as Bool: return "\(value)"
        case let value as Int: return ByteCount.text(value)
        case let value as String: return value.isEmpty ? "none" : value.printable(atMost: limit)
        case let value as Duration: return TimeSpan.text(value)
        case let value as TopicNaming: return value.recorded.printable(atMost: limit)
        case let value as StartPosition: return value.recorded
        case let value as ReplicationFactor: return text(value)
        case let value as TopicDeletion: return text(value)
        case CompressionChoice.keep: return "keep"
        case CompressionChoice.codec(let codec): return "\(codec)"
        case let value as any RawRepresentable: return value.rawValue as? String
        default: return nil
        }
    }

    private static func text(_ factor: ReplicationFactor) -> String {
        switch factor {
        case .source: "source"
        case .broker: "broker"
        case .number(let number): "\(number)"
        }
    }

    private static func text(_ deletion: TopicDeletion) -> String {
        switch deletion {
        case .never: "never"
        case .after(let time): "after \(TimeSpan.text(time))"
        }
    }

    /// Nil for what is no list.
    static func list(_ value: Any) -> String? {
        let elements: [String]
        switch value {
        case let value as [NamePattern]: elements = value.map { "\"\($0.text)\"" }
        case let value as [HostAndPort]: elements = value.map { "\"\($0)\"" }
        case let value as [String]: elements = value.map { "\"\($0)\"" }
        default: return nil
        }
        return "[\(elements.joined(separator: ", "))]".printable(atMost: limit)
    }
}
