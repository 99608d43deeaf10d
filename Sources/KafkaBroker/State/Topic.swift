import KafkaWire

/// A topic: a name for people, an id that tells it from namesakes before and after it, and its partitions.
final class Topic {
    let name: String
    let id: KafkaUUID
    var partitions: [Partition] = []
    /// The configuration keys that the topic sets itself.
    var overrides: [String: String]

    init(name: String, id: KafkaUUID, overrides: [String: String]) {
        self.name = name
        self.id = id
        self.overrides = overrides
    }

    var isInternal: Bool { TopicName.isInternal(name) }

    /// Nil for an index that the topic does not have.
    func partition(_ index: Int32) -> Partition? {
        partitions.indices.contains(Int(index)) ? partitions[Int(index)] : nil
    }
}

/// Kafka's rules for topic names (`org.apache.kafka.common.internals.Topic`).
enum TopicName {
    static let offsets = "__consumer_offsets"
    static let transactions = "__transaction_state"
    private static let longest = 249

    static func isInternal(_ name: String) -> Bool { name == offsets || name == transactions }

    /// The reason why the name is not allowed, in Kafka's words; nil when it is.
    static func problem(with name: String) -> String? {
        if name.isEmpty { return "Topic name is invalid: the empty string is not allowed" }
        if name == "." || name == ".." { return "Topic name is invalid: '\(name)' is not allowed" }
        if name.utf8.count > longest {
            return "Topic name is invalid: the length of '\(name)' is longer than the max allowed length \(longest)"
        }
        let isLegal = name.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "_"), UInt8(ascii: "-"):
                true
            default: false
            }
        }
        guard !isLegal else { return nil }
        return "Topic name is invalid: '\(name)' contains one or more characters other than ASCII alphanumerics, "
            + "'.', '_' and '-'"
    }

    /// Names that differ only in `.` and `_` are one name in Kafka's metrics, and so may not coexist.
    static func collisionKey(_ name: String) -> String {
        String(name.map { $0 == "." ? "_" : $0 })
    }
}
