/// MirrorMaker 2's configuration, in our terms.
///
/// Keys may carry a cluster (`east.…`) or a flow (`east->west.…`); the most specific one counts. Each key that is
/// asked for is marked; what is left at the end has no equivalent and is told.
struct MirrorMakerProperties {
    private let properties: [String: String]
    private var used: Set<String> = []
    private var remarks: [String] = []

    init(_ properties: [String: String]) {
        self.properties = properties
    }

    /// - Throws: when no cluster or no enabled flow is named.
    consuming func configuration() throws(ImportFailure) -> ImportedConfiguration {
        let names = list("clusters") ?? []
        guard !names.isEmpty else {
            throw ImportFailure(
                "this is neither mm2.properties, which has the key \"clusters\", nor the JSON of DescribeReplicator")
        }
        var imported = ImportedConfiguration(origin: "MirrorMaker 2")
        for source in names {
            for target in names where source != target {
                guard value("enabled", flow: (source, target)) == "true" else { continue }
                imported.flows.append(flow(from: source, to: target))
            }
        }
        guard !imported.flows.isEmpty else {
            throw ImportFailure(
                "no flow is enabled: a line such as \(names[0])->\(names.last ?? "").enabled = true is missing")
        }
        for name in names where imported.flows.contains(where: { $0.source == name || $0.target == name }) {
            imported.clusters.append(cluster(name))
        }
        imported.remarks = remarks + leftovers(names)
        return imported
    }
}

// Reading.
extension MirrorMakerProperties {
    private mutating func take(_ keys: [String]) -> String? {
        var found: String?
        for key in keys {
            guard let value = properties[key] else { continue }
            used.insert(key)
            if found == nil { found = value }
        }
        return found
    }

    private mutating func value(_ key: String, cluster: String) -> String? {
        take(["\(cluster).\(key)", key])
    }

    private mutating func value(_ key: String, flow: (source: String, target: String)) -> String? {
        take(["\(flow.source)->\(flow.target).\(key)", key])
    }

    private mutating func list(_ key: String) -> [String]? {
        take([key]).map(Self.elements)
    }

    private static func elements(_ text: String) -> [String] {
        text.split(separator: ",").map { $0.trimmingSpaces }.filter { !$0.isEmpty }
    }
}

// Clusters.
extension MirrorMakerProperties {
    private mutating func cluster(_ name: String) -> ImportedConfiguration.Cluster {
        var settings: [(key: String, value: String)] = []
        let servers = value("bootstrap.servers", cluster: name)
        if servers == nil { remarks.append("cluster \(name): bootstrap.servers is missing; fill in bootstrapServers") }
        settings.append(("bootstrapServers", ImportedConfiguration.quoted(servers ?? "\(name).example:9092")))
        if let security = value("security.protocol", cluster: name) {
            settings.append(("securityProtocol", ImportedConfiguration.word(security)))
        }
        if let client = value("client.id", cluster: name) {
            settings.append(("clientId", ImportedConfiguration.quoted(client)))
        }
        if let rack = take([
            "\(name).consumer.client.rack", "\(name).client.rack", "consumer.client.rack", "client.rack",
        ]) {
            settings.append(("rack", ImportedConfiguration.quoted(rack)))
        }
        settings += sasl(name) + tls(name)
        return ImportedConfiguration.Cluster(name: name, settings: settings)
    }

    private mutating func sasl(_ name: String) -> [(key: String, value: String)] {
        guard let mechanism = value("sasl.mechanism", cluster: name) else { return [] }
        var settings = [("sasl.mechanism", ImportedConfiguration.word(mechanism))]
        let jaas = value("sasl.jaas.config", cluster: name) ?? ""
        let options = Self.options(ofLoginModule: jaas)
        switch mechanism {
        case "AWS_MSK_IAM":
            if let role = options["awsRoleArn"] { settings.append(("sasl.aws.roleArn", quote(role))) }
            if let profile = options["awsProfileName"] { settings.append(("sasl.aws.profile", quote(profile))) }
            _ = value("sasl.client.callback.handler.class", cluster: name)
        case "OAUTHBEARER":
            let endpoint = value("sasl.oauthbearer.token.endpoint.url", cluster: name) ?? ""
            settings.append(("sasl.oauth.tokenEndpoint", quote(endpoint)))
            settings.append(("sasl.oauth.clientId", quote(options["clientId"] ?? "")))
            settings.append(("sasl.oauth.clientSecret", secret("OAUTH_CLIENT_SECRET", of: name)))
            if let scope = options["scope"] { settings.append(("sasl.oauth.scope", quote(scope))) }
            _ = value("sasl.login.callback.handler.class", cluster: name)
        default:
            settings.append(("sasl.username", quote(options["username"] ?? "")))
            settings.append(("sasl.password", secret("PASSWORD", of: name)))
        }
        return settings
    }

    private mutating func tls(_ name: String) -> [(key: String, value: String)] {
        var settings: [(key: String, value: String)] = []
        let trustType = value("ssl.truststore.type", cluster: name) ?? "JKS"
        if let file = value("ssl.truststore.location", cluster: name) {
            if trustType == "PEM" {
                settings.append(("tls.caFile", quote(file)))
            } else {
                settings.append(("tls.caFile", quote(file + ".pem")))
                remarks.append(
                    "cluster \(name): \(file) is a \(trustType) trust store; write its certificates to \(file).pem, "
                        + "with keytool -exportcert -rfc")
            }
            _ = value("ssl.truststore.password", cluster: name)
        }
        let keyType = value("ssl.keystore.type", cluster: name) ?? "JKS"
        if let file = value("ssl.keystore.location", cluster: name) {
            if keyType == "PEM" {
                settings.append(("tls.certificateFile", quote(file)))
                if value("ssl.key.password", cluster: name) != nil {
                    settings.append(("tls.keyPassword", secret("KEY_PASSWORD", of: name)))
                }
            } else {
                let isPKCS12 = keyType == "PKCS12"
                settings.append(("tls.keystoreFile", quote(isPKCS12 ? file : file + ".p12")))
                settings.append(("tls.keystorePassword", secret("KEYSTORE_PASSWORD", of: name)))
                _ = value("ssl.key.password", cluster: name)
                if !isPKCS12 {
                    remarks.append(
                        "cluster \(name): \(file) is a \(keyType) key store; convert it to \(file).p12 with "
                            + "keytool -importkeystore -deststoretype PKCS12")
                }
            }
            _ = value("ssl.keystore.password", cluster: name)
        }
        if let algorithm = value("ssl.endpoint.identification.algorithm", cluster: name), algorithm.isEmpty {
            settings.append(("tls.verification", "chainOnly"))
            remarks.append(
                "cluster \(name): host names were not verified, and are not with tls.verification: chainOnly")
        }
        return settings
    }

    private func quote(_ text: String) -> String { ImportedConfiguration.quoted(text) }

    /// Secrets are not copied from one file in clear to another.
    private mutating func secret(_ what: String, of cluster: String) -> String {
        let name = cluster.uppercased().map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "_" }
        let variable = String(name) + "_" + what
        remarks.append("cluster \(cluster): set the environment variable \(variable); secrets are not copied")
        return ImportedConfiguration.quoted("${env:\(variable)}")
    }

    /// `… required username="a" password="b";`
    private static func options(ofLoginModule text: String) -> [String: String] {
        var options: [String: String] = [:]
        for match in text.matches(of: /([A-Za-z.]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;"]+))/) {
            options[String(match.output.1)] = (match.output.2 ?? match.output.3).map { String($0) } ?? ""
        }
        return options
    }
}

// Flows.
extension MirrorMakerProperties {
    private mutating func flow(from source: String, to target: String) -> ImportedConfiguration.Flow {
        let flow = (source: source, target: target)
        var imported = ImportedConfiguration.Flow(
            name: "\(source)-to-\(target)", source: source, target: target, settings: [])
        let topics = value("topics", flow: flow).map(Self.elements) ?? [".*"]
        let noTopics = take(["topics.exclude", "topics.blacklist"].flatMap { ["\(source)->\(target).\($0)", $0] })
        imported.settings.append(("topics.allow", ImportedConfiguration.list(topics)))
        // What is excluded by default there is never copied here.
        imported.settings.append(
            ("topics.deny", ImportedConfiguration.list(noTopics.map(Self.elements) ?? [])))
        let groups = value("groups", flow: flow).map(Self.elements) ?? [".*"]
        let noGroups = take(["groups.exclude", "groups.blacklist"].flatMap { ["\(source)->\(target).\($0)", $0] })
        imported.settings.append(("consumerGroups.allow", ImportedConfiguration.list(groups)))
        imported.settings.append(
            (
                "consumerGroups.deny",
                ImportedConfiguration.list(
                    noGroups.map(Self.elements) ?? ["console-consumer-.*", "connect-.*", "__.*"])
            ))
        imported.settings += naming(flow, &imported.remarks) + records(flow, &imported.remarks)
        imported.settings += sync(flow, &imported.remarks)
        return imported
    }

    private mutating func naming(
        _ flow: (source: String, target: String), _ remarks: inout [String]
    ) -> [(key: String, value: String)] {
        let policy = value("replication.policy.class", flow: flow) ?? "DefaultReplicationPolicy"
        let separator = value("replication.policy.separator", flow: flow) ?? "."
        if policy.hasSuffix("IdentityReplicationPolicy") { return [("naming.mode", "identical")] }
        if !policy.hasSuffix("DefaultReplicationPolicy") {
            remarks.append("replication.policy.class \(policy) has no equivalent; names are prefixed with the source")
        }
        return [
            ("naming.mode", "prefix"), ("naming.alias", quote(flow.source)), ("naming.separator", quote(separator)),
        ]
    }

    private mutating func records(
        _ flow: (source: String, target: String), _ remarks: inout [String]
    ) -> [(key: String, value: String)] {
        let (source, target) = flow
        let reset = take(
            ["\(source)->\(target).consumer.auto.offset.reset", "\(source).consumer.auto.offset.reset"]
                + ["consumer.auto.offset.reset", "\(source).source.consumer.auto.offset.reset"])
        var settings = [("startFrom", reset == "latest" ? "latest" : "earliest")]
        let codec = take(
            ["\(source)->\(target).producer.override.compression.type", "\(target).producer.compression.type"]
                + ["\(target).compression.type", "producer.compression.type", "compression.type"])
        // MirrorMaker decompresses everything; a producer without a codec writes uncompressed. Keeping is cheaper.
        if let codec, codec != "none" { settings.append(("compression", ImportedConfiguration.word(codec))) }
        let exactlyOnce = take(
            ["\(target).exactly.once.source.support", "exactly.once.source.support"])
        if exactlyOnce != "enabled" {
            remarks.append("MirrorMaker 2 wrote at least once; here delivery is exactlyOnce unless you say otherwise")
        }
        return settings
    }

    private mutating func sync(
        _ flow: (source: String, target: String), _ remarks: inout [String]
    ) -> [(key: String, value: String)] {
        func flag(_ text: String?, default standard: Bool) -> String { "\(text.map { $0 == "true" } ?? standard)" }
        var settings = [
            ("sync.topicConfigs", flag(value("sync.topic.configs.enabled", flow: flow), default: true)),
            ("sync.acls", flag(value("sync.topic.acls.enabled", flow: flow), default: true)),
            ("sync.groupOffsets", flag(value("sync.group.offsets.enabled", flow: flow), default: false)),
            ("sync.newTopics", flag(value("refresh.topics.enabled", flow: flow), default: true)),
        ]
        settings += topics(flow, &remarks)
        if settings[2].1 == "false" {
            remarks.append("group offsets were not synchronised (sync.group.offsets.enabled); true costs little here")
        }
        let intervals = [
            "refresh.topics", "sync.topic.configs", "sync.topic.acls", "refresh.groups", "sync.group.offsets",
        ].compactMap { value("\($0).interval.seconds", flow: flow).flatMap { Int($0) } }.filter { $0 > 0 }
        if let shortest = intervals.min() {
            settings.append(("sync.interval", "\(min(shortest, 86_400))s"))
            remarks.append("there is one sync.interval for everything; the default would be 5s")
        }
        return settings
    }
}

// How topics are made.
extension MirrorMakerProperties {
    private mutating func topics(
        _ flow: (source: String, target: String), _ remarks: inout [String]
    ) -> [(key: String, value: String)] {
        var settings: [(key: String, value: String)] = []
        if let factor = value("replication.factor", flow: flow) {
            settings.append(("sync.replicationFactor", factor == "-1" ? "broker" : ImportedConfiguration.word(factor)))
        } else {
            remarks.append("new topics had 2 replicas (replication.factor); here they have as many as at the source")
        }
        let excluded = take(
            ["config.properties.exclude", "config.properties.blacklist"]
                .flatMap { ["\(flow.source)->\(flow.target).\($0)", $0] })
        if let excluded {
            settings.append(("sync.configExclude", ImportedConfiguration.list(Self.elements(excluded))))
        }
        return settings
    }
}

// What is left.
extension MirrorMakerProperties {
    /// Keys that are not needed, or say what is the case here anyway.
    private static let needless = [
        "tasks.max", "emit.heartbeats", "heartbeats", "emit.checkpoints", "checkpoints", "offset-syncs",
        "emit.offset-syncs",
        "offset.storage", "config.storage", "status.storage", "offset.flush", "offset.lag.max",
        "dedicated.mode", "name", "connector.class", "key.converter", "value.converter", "header.converter",
        "consumer.poll.timeout.ms", "admin.timeout.ms", "source.cluster.alias", "target.cluster.alias",
        "internal.replication", "group.id", "listeners", "rest.", "plugin.path", "refresh.groups.enabled",
    ]

    private func leftovers(_ clusters: [String]) -> [String] {
        properties.keys.filter { !used.contains($0) }.sorted().map { key in
            let own = unprefixed(key, clusters)
            if Self.needless.contains(where: { own.hasPrefix($0) }) { return "\(key): not needed here" }
            if key.hasSuffix(".enabled"), key.contains("->") {
                return "\(key): flows that are not enabled are left out"
            }
            let value = properties[key] ?? ""
            return Self.mayHoldSecret(own) || !Self.isWord(value)
                ? "\(key): has no equivalent" : "\(key) = \(value): has no equivalent"
        }
    }

    private static let secretive = [
        "password", "passphrase", "jaas", "secret", "token", "credential", "key", "auth", "user", "certificate",
        "login",
    ]

    /// Whether what stands under the key is better not shown.
    private static func mayHoldSecret(_ key: some StringProtocol) -> Bool {
        let name = key.lowercased()
        return secretive.contains { name.contains($0) }
    }

    /// Numbers, names of classes and the like; a list or an address may hold anything.
    private static func isWord(_ value: String) -> Bool {
        value.utf8.count <= 100
            && value.utf8.allSatisfy {
                $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A || $0 >= 0x30 && $0 <= 0x39 || "._-$".utf8.contains($0)
            }
    }

    private func unprefixed(_ key: String, _ clusters: [String]) -> Substring {
        for source in clusters {
            for target in clusters where key.hasPrefix("\(source)->\(target).") {
                return key.dropFirst(source.count + target.count + 3)
            }
            if key.hasPrefix("\(source).") { return key.dropFirst(source.count + 1) }
        }
        return key[...]
    }
}

extension Substring {
    fileprivate var trimmingSpaces: String {
        var text = self
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
