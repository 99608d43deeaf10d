import KafkaWire

/// Settings of one group (resource type GROUP): what it sets itself, before the broker's own `group.…` settings.
enum GroupConfigs {
    /// Sorted by name.
    static let all: [TopicConfigDefinition] = [
        TopicConfigDefinition(
            "consumer.heartbeat.interval.ms", .int, "5000", .atLeast(1),
            broker: ["group.consumer.heartbeat.interval.ms"],
            "Interval at which members of a consumer group are to send heartbeats."),
        TopicConfigDefinition(
            "consumer.session.timeout.ms", .int, "45000", .atLeast(1), broker: ["group.consumer.session.timeout.ms"],
            "Longest silence of a member of a consumer group."),
        TopicConfigDefinition(
            "share.auto.offset.reset", .string, "latest", .any, broker: [],
            "First offset of a share group on a partition without a start offset. Kept and shown."),
        TopicConfigDefinition(
            "share.isolation.level", .string, "read_uncommitted", .oneOf(["read_committed", "read_uncommitted"]),
            broker: [], "Records that a share group is given, by isolation level. Kept and shown."),
        TopicConfigDefinition(
            "share.record.lock.duration.ms", .int, "30000", .atLeast(1000), broker: [],
            "Time for which one member of a share group may hold a record. Kept and shown."),
    ]

    static func definition(named name: String) -> TopicConfigDefinition? { all.first { $0.name == name } }

    /// Refuses what the group's settings must not be, in Kafka's words.
    static func validate(_ values: [String: String], _ configs: ConfigStore) throws(AdminRefusal) {
        for (name, value) in values.sorted(by: { $0.key < $1.key }) {
            guard let definition = definition(named: name) else {
                throw AdminRefusal(.invalidConfig, "Unknown group config name: \(name)")
            }
            do throws(InvalidTopicConfig) {
                try definition.validate(value)
            } catch {
                throw AdminRefusal(.invalidConfig, error.message)
            }
            try checkBounds(of: name, value, configs)
        }
        func number(_ name: String) -> Int {
            values[name].flatMap { Int($0.trimmed) } ?? configs.number("group.\(name)")
        }
        guard number("consumer.session.timeout.ms") > number("consumer.heartbeat.interval.ms") else {
            throw AdminRefusal(
                .invalidConfig, "consumer.session.timeout.ms must be greater than consumer.heartbeat.interval.ms")
        }
    }

    private static func checkBounds(
        of name: String, _ value: String, _ configs: ConfigStore
    ) throws(AdminRefusal) {
        guard name.hasPrefix("consumer."), let number = Int(value.trimmed) else { return }
        let key = name.dropFirst("consumer.".count)
        let (least, most) = ("group.consumer.min.\(key)", "group.consumer.max.\(key)")
        guard number >= configs.number(least) else {
            throw AdminRefusal(.invalidConfig, "\(name) must be greater than or equal to \(least)")
        }
        guard number <= configs.number(most) else {
            throw AdminRefusal(.invalidConfig, "\(name) must be less than or equal to \(most)")
        }
    }
}

extension ConfigStore {
    /// A number of a group: its own, or the broker's.
    func groupNumber(_ name: String, group: String) -> Int64 {
        Int64(self.group[group]?[name].flatMap { Int($0.trimmed) } ?? number("group.\(name)"))
    }

    /// Every value given for a group's key, the one in force first.
    func values(of key: TopicConfigDefinition, group: String) -> [Value] {
        var values: [Value] = []
        if let own = self.group[group]?[key.name] { values.append(Value(name: key.name, value: own, source: .group)) }
        for synonym in key.brokerSynonyms { values += self.values(of: synonym.name, node: nil) }
        if key.brokerSynonyms.isEmpty {
            values.append(Value(name: key.name, value: key.defaultValue, source: .defaultConfig))
        }
        return values
    }
}
