internal import FoundationEssentials
package import Logging
internal import PlainText

/// One message of the log, in either form. Text from outside is escaped, so that a line of the log is always one of ours.
package struct LogLine: Sendable {
    package var time: LocalTime
    package var level: Logger.Level
    /// The logger's name.
    package var label: String
    /// Module that has something to say.
    package var source: String
    package var message: String
    package var fields: Logger.Metadata

    package init(
        time: LocalTime, level: Logger.Level, label: String, source: String, message: String, fields: Logger.Metadata
    ) {
        self.time = time
        self.level = level
        self.label = label
        self.source = source
        self.message = message
        self.fields = fields
    }

    /// Bytes of a message that are shown.
    private static let limit = 8_192

    /// For people.
    ///
    /// ```
    /// 2026-11-30T02:12:21.123+00:00 warning replicator: flow=a topic=orders [Replication] partition has stopped
    /// ```
    package var text: String {
        var line = "\(time.text) \(level) \(label):"
        for (key, value) in fields.sorted(by: { $0.key < $1.key }) {
            line += " \(key.printable())=\("\(value)".printable())"
        }
        return line + " [\(source)] \(message.printable(atMost: Self.limit))"
    }

    /// For machines: a JSON object. Numbers are numbers.
    package var json: String {
        var object: [String: Value] = [:]
        for (key, value) in fields { object[key] = Value(value, of: key) }
        object["time"] = .text(time.utc)
        object["level"] = .text(level.rawValue)
        object["logger"] = .text(label)
        object["message"] = .text(Self.shortened(message))
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        // Cannot fail: the object holds text and finite numbers.
        guard let line = try? encoder.encode(object) else { return "{}" }
        return String(decoding: line, as: UTF8.self).printableJSON
    }

    /// Escapes are JSON's.
    private static func shortened(_ text: String) -> String {
        text.utf8.count <= limit ? text : text.printable(atMost: limit)
    }

    /// Keys whose values are numbers of ours wherever they are any. What is called otherwise is text, also when it
    /// consists of digits: topics, groups and clusters may be called so.
    package static let numbers: Set<String> = [
        "after", "answers", "askedMilliseconds", "attempt", "before", "broker", "byte", "bytes", "bytesPerSecond",
        "count", "cutAt", "end", "epoch", "failures", "firstOffset", "givenMilliseconds", "groups", "ids", "knownEnd",
        "lag", "lastOffset", "leader", "milliseconds", "nodes", "offset", "offsets", "partition", "partitions",
        "producerID", "records", "replicas", "seconds", "sourceOffset", "start", "targetOffset", "timeoutMs", "topics",
        "used",
    ]

    private enum Value: Encodable {
        case number(Int64)
        case text(String)

        init(_ value: Logger.MetadataValue, of key: String) {
            let text = "\(value)"
            // As we write numbers: no sign of plus, no zeros in front.
            if LogLine.numbers.contains(key), let number = Int64(text), "\(number)" == text {
                self = .number(number)
            } else {
                self = .text(LogLine.shortened(text))
            }
        }

        func encode(to encoder: any Encoder) throws {
            var container = encoder.singleValueContainer()
            switch self {
            case .number(let number): try container.encode(number)
            case .text(let text): try container.encode(text)
            }
        }
    }
}
