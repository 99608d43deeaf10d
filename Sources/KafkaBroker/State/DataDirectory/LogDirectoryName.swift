package import KafkaWire

/// The name of a directory with a partition's log, in use or out of it, as Kafka names them:
/// `<topic>-<partition>`, `<topic>-<partition>.<id>-delete`, `<topic>-<partition>.<id>-stray`.
package struct LogDirectoryName: Hashable {
    package enum State: Hashable {
        case inUse
        /// Directory of a deleted topic; its files are being removed.
        case deleted(KafkaUUID)
        /// Set aside since nobody knew whose it is.
        case stray
    }

    package let topic: String
    package let partition: Int32
    package let state: State

    private static let deletedSuffix = "-delete"
    private static let straySuffix = "-stray"

    /// Nil for a name that no log's directory has.
    package init?(_ name: String) {
        var base = name[...]
        if let (log, id) = Self.split(name, Self.deletedSuffix) {
            base = log
            state = .deleted(id)
        } else if let (log, _) = Self.split(name, Self.straySuffix) {
            base = log
            state = .stray
        } else {
            state = .inUse
        }
        guard let dash = base.lastIndex(of: "-"), let index = Int32(base[base.index(after: dash)...]), index >= 0,
            base[base.index(after: dash)...] == String(index)
        else { return nil }
        topic = String(base[..<dash])
        partition = index
        guard TopicName.problem(with: topic) == nil else { return nil }
    }

    /// A log's name, with an end that tells what became of it.
    package static func deleted(_ log: String, _ topicID: KafkaUUID) -> String {
        named(log, hexadecimal(topicID), deletedSuffix)
    }

    package static func stray(_ log: String) -> String { named(log, hexadecimal(.random()), straySuffix) }

    /// Kafka's limit on file names, at the expense of the log's.
    private static func named(_ log: String, _ id: String, _ suffix: String) -> String {
        let end = ".\(id)\(suffix)"
        return "\(log.prefix(255 - end.count))\(end)"
    }

    private static func hexadecimal(_ id: KafkaUUID) -> String {
        func digits(_ half: UInt64) -> String {
            let text = String(half, radix: 16)
            return String(repeating: "0", count: 16 - text.count) + text
        }
        return digits(id.high) + digits(id.low)
    }

    private static func split(_ name: String, _ suffix: String) -> (Substring, KafkaUUID)? {
        guard name.hasSuffix(suffix) else { return nil }
        let rest = name.dropLast(suffix.count)
        guard let dot = rest.lastIndex(of: ".") else { return nil }
        let digits = rest[rest.index(after: dot)...]
        guard digits.utf8.count == 32, let high = UInt64(digits.prefix(16), radix: 16),
            let low = UInt64(digits.suffix(16), radix: 16)
        else { return nil }
        return (rest[..<dot], KafkaUUID(high: high, low: low))
    }
}
