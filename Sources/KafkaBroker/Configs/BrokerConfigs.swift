/// One broker configuration key.
struct BrokerConfigDefinition: Sendable {
    /// The times at which the key may be set (Kafka's update modes).
    enum Scope: Sendable {
        /// At start only.
        case readOnly
        /// At start only here, while Kafka changes it as it runs, too.
        case atStart
        /// Also at run time, for one node or for all.
        case dynamic
    }

    /// Name, type, default and permitted values, in the form of topic keys.
    let value: TopicConfigDefinition
    let scope: Scope
    /// False for keys such as `log.retention.ms`, which nothing stands for until they are set.
    let hasDefault: Bool

    var name: String { value.name }
}

/// The broker keys of Kafka that have an effect here; whatever else is asked for is refused, never ignored.
enum BrokerConfigs {
    /// Sorted by name.
    static let all: [BrokerConfigDefinition] = (own + security + topicDefaults).sorted { $0.name < $1.name }

    static func definition(named name: String) -> BrokerConfigDefinition? { byName[name] }

    /// A key that Kafka has and this broker has not; what neither has may be set at run time, as for a plug-in.
    static func isUnsupported(_ name: String) -> Bool {
        byName[name] == nil && unsupported.contains(where: name.hasPrefix)
    }

    /// Checks settings as a person writes them.
    static func validate(_ properties: [String: String]) throws(BrokerError) {
        for (name, value) in properties.sorted(by: { $0.key < $1.key }) {
            let plain = ListenerProperties.plainKey(of: name)?.key
            if let plain, !ListenerProperties.isListenerKey(plain) {
                throw .invalidSettings("\(name): \(plain) cannot be set for one listener")
            }
            guard let definition = byName[plain ?? name] else { throw .invalidSettings(refusal(of: plain ?? name)) }
            guard name != "broker.id", name != "node.id", name != "log.dirs" else {
                throw .invalidSettings("\(name) cannot be set: it follows from the nodes, ports and data directory")
            }
            do throws(InvalidTopicConfig) {
                try definition.value.validate(value)
            } catch {
                throw .invalidSettings(error.message)
            }
        }
        let queued = number("queued.max.request.bytes", properties)
        let request = number("socket.request.max.bytes", properties)
        guard queued < 0 || queued >= request else {
            throw .invalidSettings(
                "queued.max.request.bytes (\(queued)) must be -1 or at least socket.request.max.bytes (\(request)): one "
                    + "request of the largest size has to fit")
        }
        let least = number("group.min.session.timeout.ms", properties)
        let most = number("group.max.session.timeout.ms", properties)
        guard least <= most else {
            throw .invalidSettings(
                "group.min.session.timeout.ms (\(least)) must not exceed group.max.session.timeout.ms (\(most))")
        }
        try validateConsumerGroups(properties)
    }

    private static func validateConsumerGroups(_ properties: [String: String]) throws(BrokerError) {
        for key in ["heartbeat.interval.ms", "session.timeout.ms"] {
            let (least, most) = ("group.consumer.min.\(key)", "group.consumer.max.\(key)")
            let value = number("group.consumer.\(key)", properties)
            guard (number(least, properties)...max(number(most, properties), number(least, properties))).contains(value)
            else {
                throw .invalidSettings(
                    "group.consumer.\(key) (\(value)) must lie between \(least) (\(number(least, properties))) and "
                        + "\(most) (\(number(most, properties)))")
            }
        }
        let heartbeat = number("group.consumer.heartbeat.interval.ms", properties)
        let session = number("group.consumer.session.timeout.ms", properties)
        guard heartbeat < session else {
            throw .invalidSettings(
                "group.consumer.heartbeat.interval.ms (\(heartbeat)) must be less than "
                    + "group.consumer.session.timeout.ms (\(session))")
        }
    }

    private static func number(_ name: String, _ properties: [String: String]) -> Int64 {
        Int64((properties[name] ?? byName[name]?.value.defaultValue ?? "").trimmed) ?? 0
    }

    private static func refusal(of name: String) -> String {
        if let near = byName.keys.sorted().first(where: { $0.isOneEdit(from: name) }) {
            return "unknown broker setting \(name); did you mean \(near)?"
        }
        if isUnsupported(name) {
            return "\(name) is a Kafka setting that this broker does not support yet"
        }
        return "unknown broker setting \(name)"
    }

    /// Families of Kafka's own settings, to tell what is missing here from what is mistyped.
    private static let unsupported = [
        "advertised.", "alter.", "authorizer.", "auto.", "background.threads",
        "client.quota.", "connection", "control", "delegation.token.", "early.start.listeners",
        "group.coordinator.", "group.share.", "inter.broker.", "kafka.", "leader.imbalance.", "listener",
        "log.cleaner.", "log.dir", "log.flush.", "log.message.", "max.connection", "metadata.", "metric",
        "num.io.threads", "num.network.threads", "num.recovery.threads", "num.replica", "offsets.", "principal.",
        "process.roles", "queued.", "quota.", "remote.log.", "replica.", "request.timeout.ms", "reserved.broker.",
        "sasl.", "security.", "share.", "socket.", "ssl.", "super.users", "transaction.state.log.load.buffer",
        "unstable.", "zookeeper.",
    ]

    private static let byName = Dictionary(uniqueKeysWithValues: all.map { ($0.name, $0) })

    /// The broker keys behind topic keys: of several, the first may be set at run time and the last carries the default.
    private static let topicDefaults: [BrokerConfigDefinition] = TopicConfigs.all.flatMap { topic in
        topic.brokerSynonyms.enumerated().map { index, synonym in
            let isLast = index == topic.brokerSynonyms.count - 1
            let defaultValue =
                if synonym.multiplier > 1, let number = Int64(topic.defaultValue) {
                    String(number / synonym.multiplier)
                } else {
                    topic.defaultValue
                }
            let value = TopicConfigDefinition(
                synonym.name, topic.type, defaultValue, synonym.multiplier > 1 ? .any : topic.validValues, broker: [],
                topic.documentation)
            return BrokerConfigDefinition(
                value: value, scope: index == 0 ? .dynamic : .readOnly, hasDefault: isLast)
        }
    }

    static func key(
        _ name: String, _ type: TopicConfigDefinition.ValueType, _ defaultValue: String?,
        _ validValues: TopicConfigDefinition.ValidValues, _ documentation: String,
        scope: BrokerConfigDefinition.Scope = .readOnly
    ) -> BrokerConfigDefinition {
        BrokerConfigDefinition(
            value: TopicConfigDefinition(name, type, defaultValue ?? "", validValues, broker: [], documentation),
            scope: scope, hasDefault: defaultValue != nil)
    }

    private static let own: [BrokerConfigDefinition] = [
        key("auto.create.topics.enable", .boolean, "true", .any, "Creation of topics whose metadata is asked for."),
        key("broker.id", .int, nil, .any, "The node's id."),
        key("broker.rack", .string, nil, .any, "The rack of every node; a comma-separated list names one for each."),
        key(
            "default.replication.factor", .int, "1", .atLeast(1),
            "Replicas of topics that do not say, and of those created automatically; at most one per node."),
        key("delete.topic.enable", .boolean, "true", .any, "Permission to delete topics."),
        key("fetch.max.bytes", .int, "57671680", .atLeast(1024), "The most that one Fetch answer carries."),
        key(
            "group.consumer.assignors", .list, "uniform,range", .serverAssignors,
            "Assignors that members of consumer groups may ask for; the first one is the default."),
        key(
            "group.consumer.heartbeat.interval.ms", .int, "5000", .atLeast(1),
            "Interval at which members of consumer groups are to send heartbeats."),
        key(
            "group.consumer.max.heartbeat.interval.ms", .int, "15000", .atLeast(1),
            "The longest such interval of a group."),
        key(
            "group.consumer.max.session.timeout.ms", .int, "60000", .atLeast(1),
            "The longest session of a consumer group's members."),
        key(
            "group.consumer.max.size", .int, "2147483647", .atLeast(1), "The most members that a consumer group takes."),
        key(
            "group.consumer.migration.policy", .string, "bidirectional", .migrationPolicy,
            "Conversions of groups with members to consumer groups, and back to classic groups."),
        key(
            "group.consumer.min.heartbeat.interval.ms", .int, "5000", .atLeast(1),
            "The shortest such interval of a group."),
        key(
            "group.consumer.min.session.timeout.ms", .int, "45000", .atLeast(1),
            "The shortest session of a consumer group's members."),
        key(
            "group.consumer.session.timeout.ms", .int, "45000", .atLeast(1),
            "Longest silence of a member of a consumer group."),
        key(
            "group.initial.rebalance.delay.ms", .int, "100", .atLeast(0),
            "Time for which an empty group waits for more members before its first rebalance. Kafka's own default is 3000."
        ),
        key("group.max.session.timeout.ms", .int, "1800000", .atLeast(1), "The longest session a member may ask for."),
        key("group.max.size", .int, "2147483647", .atLeast(1), "The most members that a group takes."),
        key("group.min.session.timeout.ms", .int, "6000", .atLeast(1), "The shortest session a member may ask for."),
        key(
            "log.cleaner.backoff.ms", .long, "15000", .atLeast(1),
            "Interval at which logs are checked for being due for compaction.", scope: .dynamic),
        key(
            "log.cleaner.dedupe.buffer.size", .long, "134217728", .atLeast(1024),
            "Memory for the keys of one round of compaction.", scope: .dynamic),
        key("log.cleaner.enable", .boolean, "true", .any, "Compaction of logs."),
        key("log.dirs", .string, nil, .any, "Folder of the data."),
        key(
            "log.retention.check.interval.ms", .long, "300000", .atLeast(1),
            "Interval at which segments are checked for what retention may remove."),
        key(
            "max.incremental.fetch.session.cache.slots", .int, "1000", .atLeast(0),
            "Number of fetch sessions that a node remembers."),
        key(
            "max.connections", .int, "2147483647", .atLeast(0),
            "Number of connections that a node takes; more wait until others end.", scope: .dynamic),
        key(
            "max.connections.per.ip", .int, "2147483647", .atLeast(0),
            "Number of connections that a node takes from one address; more are closed.", scope: .dynamic),
        key(
            "max.connections.per.ip.overrides", .string, "", .perHost,
            "Other numbers for some addresses: ADDRESS:NUMBER, separated by commas.", scope: .dynamic),
        key("node.id", .int, nil, .any, "The node's id."),
        key("num.partitions", .int, "1", .atLeast(1), "Partitions of topics that do not say how many they want."),
        key("offset.metadata.max.bytes", .int, "4096", .atLeast(0), "The longest metadata of a committed offset."),
        key(
            "offsets.retention.check.interval.ms", .long, "600000", .atLeast(1),
            "Interval at which committed offsets are checked for being old enough to expire."),
        key(
            "offsets.retention.minutes", .int, "10080", .atLeast(1),
            "Time for which the offsets of a group without members are kept."),
        key("offsets.topic.num.partitions", .int, "50", .atLeast(1), "Partitions of __consumer_offsets."),
        key(
            "offsets.topic.replication.factor", .int, "3", .atLeast(1),
            "Replicas of __consumer_offsets; at most one per node."),
        key(
            "producer.id.expiration.ms", .int, "86400000", .atLeast(1),
            "Time for which a producer's sequence numbers are remembered after its newest record.", scope: .dynamic),
        key(
            "queued.max.request.bytes", .long, "268435456", .atLeast(-1),
            "Memory for requests that arrive or are handled, of all connections; -1 for no limit. Kafka's own default is -1."
        ),
        key(
            "replica.selector.class", .string, nil, .any,
            "Selector of the replica that a consumer reads from: RackAwareReplicaSelector, or empty for the leader."),
        key(
            "socket.request.max.bytes", .int, "104857600", .atLeast(1),
            "The largest request; a larger one closes its connection."),
        key(
            "transaction.abort.timed.out.transaction.cleanup.interval.ms", .int, "10000", .atLeast(1),
            "Interval at which transactions are checked for being open for too long."),
        key("transaction.max.timeout.ms", .int, "900000", .atLeast(1), "The longest time-out a producer may ask for."),
        key(
            "transaction.partition.verification.enable", .boolean, "true", .any,
            "Verification with the coordinator before the first transactional batch on a partition is taken.",
            scope: .dynamic),
        key(
            "transaction.remove.expired.transaction.cleanup.interval.ms", .int, "3600000", .atLeast(1),
            "Interval at which transactional ids are checked for being out of use."),
        key(
            "transaction.state.log.min.isr", .int, "2", .atLeast(1),
            "Live replicas without which no transaction proceeds; at most as many as there are replicas."),
        key("transaction.state.log.num.partitions", .int, "50", .atLeast(1), "Partitions of __transaction_state."),
        key(
            "transaction.state.log.replication.factor", .int, "3", .atLeast(1),
            "Replicas of __transaction_state; at most one per node."),
        key(
            "transaction.state.log.segment.bytes", .int, "104857600", .atLeast(14),
            "Segment size of __transaction_state."),
        key(
            "transactional.id.expiration.ms", .int, "604800000", .atLeast(1),
            "Time for which an unused transactional id is remembered."),
        key(
            "unstable.api.versions.enable", .boolean, "false", .any,
            "Offer of versions that are not part of a release yet, such as ApiVersions 5."),
    ]
}

extension String {
    /// Returns true if one inserted, missing or exchanged character makes the difference, for "did you mean".
    fileprivate func isOneEdit(from other: String) -> Bool {
        let (short, long) = count <= other.count ? (Array(self), Array(other)) : (Array(other), Array(self))
        guard long.count - short.count <= 1 else { return false }
        let head = zip(short, long).prefix { $0 == $1 }.count
        let tail = zip(short.reversed(), long.reversed()).prefix { $0 == $1 }.count
        return head + tail >= long.count - 1
    }
}
