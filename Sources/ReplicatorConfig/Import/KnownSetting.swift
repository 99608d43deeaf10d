/// Settings of Kafka's clients, of Connect and of the mirroring connectors that have no key here, and what that means.
enum KnownSetting {
    /// - Parameters:
    ///   - own: the key without cluster and flow.
    ///   - setting: the same without the client that it is for.
    /// - Returns: nil for a setting that is not known here either.
    static func remark(_ own: Substring, _ setting: Substring, name: String, value: String) -> ImportRemark? {
        if let text = lost(own, setting, value) { return .lost("\(name)\(text)") }
        if let text = different(setting, value) { return .differs("\(name)\(text)") }
        if needless.contains(where: { own.hasPrefix($0) }) || tuning.contains(where: { setting.hasPrefix($0) }) {
            return .needless("\(name): not needed here")
        }
        return nil
    }

    /// Sentence about what changes which records arrive, or their content.
    private static func lost(_ own: Substring, _ setting: Substring, _ value: String) -> String? {
        let shown = isShowable(String(own), value) ? " = \(value)" : ""
        switch setting {
        case "interceptor.classes" where !value.isEmpty:
            return "\(shown): interceptors may have changed or dropped records; here they arrive unchanged"
        case "topic.filter.class" where !value.hasSuffix(".DefaultTopicFilter"),
            "group.filter.class" where !value.hasSuffix(".DefaultGroupFilter"),
            "config.property.filter.class" where !value.hasSuffix(".DefaultConfigPropertyFilter"):
            return "\(shown): a class of its own decided what is taken; here expressions alone decide"
        case "errors.tolerance" where value.lowercased() == "all":
            return "\(shown): records that failed were passed over in silence; here their partition stops, or they are "
                + "counted (policies)"
        case "security.providers", "ssl.provider": return "\(shown): cryptography of its own; here it is built in"
        default: break
        }
        let converters = ["key.converter", "value.converter", "header.converter"]
        if converters.contains(where: { own == $0 || own == "src.\($0)" }), !value.hasSuffix("ByteArrayConverter") {
            return "\(shown): records were converted; here they arrive unchanged"
        }
        return nil
    }

    private static func different(_ setting: Substring, _ value: String) -> String? {
        switch setting {
        case "acks" where !["all", "-1"].contains(value): return ": here records always wait for all replicas in sync"
        case "use.defaults.from": return ": see \"Whose is a setting?\" in Docs/Configuration.md"
        case "metric.reporters", "auto.include.jmx.reporter": return ": metrics are at /metrics, see Docs/Metrics.md"
        case "ssl.cipher.suites", "ssl.enabled.protocols", "ssl.protocol":
            return ": TLS 1.2 and 1.3 with the ciphers of the TLS library"
        default: return setting.hasPrefix("metrics.") ? ": metrics are at /metrics, see Docs/Metrics.md" : nil
        }
    }

    /// Keys that are not needed, or say what is the case here anyway.
    private static let needless = [
        "tasks.max", "emit.heartbeats", "heartbeats", "emit.checkpoints", "checkpoints", "offset-syncs",
        "emit.offset-syncs", "offset.storage", "config.storage", "status.storage", "offset.flush", "offset.lag.max",
        "dedicated.mode", "name", "connector.class", "key.converter", "value.converter", "header.converter",
        "src.key.converter", "src.value.converter", "src.header.converter",
        "consumer.poll.timeout.ms", "admin.timeout.ms", "source.cluster.alias", "target.cluster.alias",
        "internal.replication", "group.id", "listeners", "rest.", "plugin.path", "refresh.groups.enabled",
        "config.providers", "config.action.reload", "errors.", "exactly.once", "transaction.boundary", "topic.creation",
        "replication.policy.internal", "use.incremental.alter.configs", "interceptor.classes", "topic.filter.class",
        "group.filter.class", "config.property.filter.class", "worker.", "task.", "scheduled.rebalance",
        "connect.protocol", "inter.worker", "admin.listeners", "connector.client.config.override.policy",
        "topic.tracking", "response.http.headers", "autorestart",
    ]

    /// Use of memory, time and connections by Java's clients. Here it is `bufferBytes`, `requestTimeout` and
    /// `connectTimeout`, where anything has to be set at all.
    private static let tuning = [
        "acks", "retries", "retry.backoff", "batch.size", "linger.ms", "buffer.memory", "max.block.ms",
        "max.request.size",
        "max.in.flight", "enable.idempotence", "delivery.timeout.ms", "request.timeout.ms", "default.api.timeout.ms",
        "fetch.", "max.partition.fetch", "max.poll", "session.timeout", "heartbeat.interval", "enable.auto.commit",
        "auto.commit", "partition.assignment", "receive.buffer", "send.buffer", "reconnect.backoff",
        "connections.max.idle", "metadata.", "client.dns.lookup", "socket.connection", "check.crcs", "partitioner.",
        "compression.", "transaction", "key.serializer", "value.serializer", "key.deserializer", "value.deserializer",
        "group.id", "client.id", "client.rack", "group.protocol", "interceptor.classes", "isolation.level",
        "ssl.keymanager", "ssl.trustmanager", "ssl.secure.random", "sasl.kerberos", "sasl.login.", "exclude.internal",
    ]

    /// Returns true if a key looks like one: words in lower case with dots between them, as Kafka's are.
    static func isName(_ own: Substring) -> Bool {
        let words = own.split(separator: ".", omittingEmptySubsequences: false)
        return words.count > 1 && own.count <= 120
            && words.allSatisfy { word in
                word.count <= 30 && word.wholeMatch(of: /[a-z][A-Za-z0-9_-]*/) != nil
                    && word.count(where: \.isNumber) < 4 && word.count(where: \.isUppercase) < 4
            }
    }

    /// Returns true if a value may be shown: secrets stand under every name that people give them, so only what cannot
    /// be one.
    static func isShowable(_ key: String, _ value: String) -> Bool {
        let name = key.lowercased()
        let words = [
            "pass", "pwd", "secret", "token", "credential", "jaas", "key", "auth", "license", "private", "user", "cert",
            "cookie", "signature", "session", "login", "pin",
        ]
        let isClass = name.hasSuffix(".class") || name.hasSuffix("converter")
        guard isClass || !words.contains(where: { name.contains($0) }) else { return false }
        if value.isEmpty || Bool(kafka: value) != nil || ["all", "none"].contains(value.lowercased()) { return true }
        return value.count <= 9 && Int(value) != nil || isClassName(value)
    }

    /// A package in lower case, and a name.
    private static func isClassName(_ value: String) -> Bool {
        value.count <= 200
            && value.wholeMatch(of: /([a-z][a-z0-9_]*\.)+[A-Z][A-Za-z0-9_]*(\$[A-Z][A-Za-z0-9_]*)?/) != nil
    }

    /// The value, if it is what it should be.
    static func className(_ value: String) -> String { isClassName(value) ? value : "(not a class's name)" }
}
