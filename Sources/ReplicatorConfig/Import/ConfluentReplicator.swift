/// Confluent Replicator's connector, in the terms of `mm2.properties`.
enum ConfluentReplicator {
    /// Keys that mean the same under another name.
    private static let names = [
        "topic.config.sync": "sync.topic.configs.enabled", "topic.auto.create": "refresh.topics.enabled",
        "dest.topic.replication.factor": "replication.factor",
    ]
    /// Keys of its own machinery.
    private static let machinery = [
        "offset.topic.commit", "offset.timestamps.commit", "offset.start", "offset.translator.tasks",
        "confluent.topic.",
        "confluent.license", "topic.create.backoff", "topic.preserve.partitions", "fetch.offset.expiry",
        "fetch.offset.retry", "offset.translator.batch",
    ]

    static func add(_ connector: ConnectorImport.Connector, to reader: inout ConnectorImport) {
        let config = connector.config
        reader.origin = "Confluent Replicator"
        let format = config["topic.rename.format"]?.trimmed ?? "${topic}"
        let naming = naming(format)
        if naming == nil {
            reader.remarks.append(
                .lost(
                    "topic.rename.format: only a text before the topic's name is possible here; copies keep their names, "
                        + "which are other topics"))
        }
        let names = naming ?? ("", "")
        let sourceName = reader.cluster("source", servers: config["src.kafka.bootstrap.servers"])
        let targetName = reader.cluster("target", servers: config["dest.kafka.bootstrap.servers"])
        let route = reader.addRoute(
            from: sourceName, to: targetName, alias: names.alias, name: connector.name, isNamed: true)
        func own(_ key: String) -> String { route.prefix + key }
        reader.set(own("replication.policy.separator"), names.separator, name: "topic.rename.format")
        select(config, own, &reader)
        for (key, value) in config.sorted(by: { $0.key < $1.key })
        where !["topic.rename.format", "topic.whitelist", "topic.blacklist", "topic.regex"].contains(key) {
            if key.hasPrefix("src.kafka.") {
                reader.set("\(sourceName).\(key.dropFirst(10))", value, name: key)
            } else if key.hasPrefix("src.consumer.") {
                reader.set("\(sourceName).\(key.dropFirst(4))", value, name: key)
            } else if key.hasPrefix("dest.kafka.") {
                reader.set("\(targetName).\(key.dropFirst(11))", value, name: key)
            } else if key.hasSuffix(".interval.ms"), let milliseconds = Int(value.trimmed), milliseconds > 0 {
                let name = key == "topic.poll.interval.ms" ? "refresh.topics" : "sync.topic.configs"
                reader.set(own("\(name).interval.seconds"), "\(max(1, milliseconds / 1_000))", name: key)
            } else if let name = Self.names[key] {
                // No copies at all are those of the source.
                if key.hasSuffix("factor"), value.trimmed == "0" { continue }
                reader.set(own(name), value, name: key)
            } else if key == "topic.preserve.partitions", Bool(kafka: value.trimmed) == false {
                reader.remarks.append(
                    .lost(
                        "topic.preserve.partitions: records were spread over the target's partitions; here each keeps its own"
                    ))
            } else if machinery.contains(where: { key.hasPrefix($0) }) {
                reader.remarks.append(.needless("\(key): not needed here"))
            } else if key.hasPrefix("provenance.header") {
                reader.remarks.append(.differs("\(key): loops are recognised by this program's own header"))
            } else if key.hasPrefix("schema.") {
                reader.remarks.append(.lost("\(key): schemas are not translated; ids in records stay as they are"))
            } else {
                reader.set(own(key), value, name: key)
            }
        }
        if config["topic.timestamp.type"] != nil {
            reader.remarks.append(.needless("topic.timestamp.type: copies keep the time of their records"))
        }
        // Groups were translated by timestamps, if consumers had an interceptor; rules were not copied.
        reader.set(own("sync.group.offsets.enabled"), "true", name: "offset.translator")
        reader.set(own("sync.topic.acls.enabled"), "false", name: "acls")
        reader.remarks.append(
            .differs("offsets of consumer groups are exact here, and consumers need no interceptor for it"))
    }

    /// Names are names here, and expressions are for everything that is not excluded by name.
    private static func select(
        _ config: [String: String], _ own: (String) -> String, _ reader: inout ConnectorImport
    ) {
        func names(_ key: String) -> [String] { (config[key] ?? "").listElements.map(escaped) }
        let expression = config["topic.regex"]?.trimmed ?? ""
        var allow = names("topic.whitelist")
        // A comma would divide it.
        if expression.contains(",") {
            reader.remarks.append(.lost("topic.regex holds a comma; write it into topics.allow by hand"))
        } else if !expression.isEmpty {
            allow.append(expression)
        }
        reader.set(own("topics"), allow.joined(separator: ","), name: "topic.whitelist, topic.regex")
        reader.set(own("topics.exclude"), names("topic.blacklist").joined(separator: ","), name: "topic.blacklist")
    }

    private static func escaped(_ name: String) -> String {
        String(name.flatMap { ".*+?()[]{}|^$\\".contains($0) ? ["\\", $0] : [$0] })
    }

    /// Nil for a format that is not a text before the topic.
    private static func naming(_ format: String) -> (alias: String, separator: String)? {
        guard format.hasSuffix("${topic}") else { return nil }
        let prefix = String(format.dropLast("${topic}".count))
        return prefix.isEmpty ? ("", "") : ImportedName.parts(ofPrefix: prefix)
    }
}
