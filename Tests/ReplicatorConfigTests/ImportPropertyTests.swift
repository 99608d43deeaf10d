import ReplicatorConfig
import TestSupport
import Testing

/// Whatever a file holds: what is made of it is valid, or it is refused with a sentence.
@Suite(.printsSeed) struct ImportPropertyTests {
    private static let clusters = ["a", "b", "a.b", "no", "1", "x y", "ü", "${x}", "a\"b", "- c", "#d", "A", "a->b"]
    private static let values = [
        "", " ", "true", "TRUE ", "false", "yes", "-1", "0", "3", "3.5", "99999999999999999999", "latest", "Earliest",
        "none",
        "gzip", "ZSTD", "SSL", "ssl", "SASL_SSL", "sasl_plaintext", "PLAINTEXT", "TLS", "PLAIN", "SCRAM-SHA-256",
        "scram-sha-512", "OAUTHBEARER", "AWS_MSK_IAM", "GSSAPI", "NTLM", "JKS", "PEM", "pkcs12", "/etc/x.jks",
        "/etc/x.p12",
        "a:1", "a:1,b:2", "SSL://a:1", "[::1]:9092", "a:b:c", "orders.*", ".*", "[", "(", "a{1", "\\", "*", "a,,b",
        ", ,",
        "${env:X}", "${file:/p:k}", "${directory:/p:k}", "${x}", "${", "}", "$${env:X}", "${env:}", "${:}",
        "a${env:X}b",
        "\"", "'", "\"\"", ": ", " #x", "&a", "*a", "!t", "|", ">", "%", "@", "`", "\u{85}", "\u{2028}", "\u{0}",
        "\u{FEFF}", "\u{202E}x",
        "é", "👩‍👩‍👧", "line\\nbreak", "org.apache.kafka.connect.mirror.IdentityReplicationPolicy", "com.example.Policy",
        "https://h/t", "http://h/t", "http://127.0.0.1/t", "file:///t", "ftp:x", "_", "__", "..", "-", "ab",
        "org.apache.kafka.common.security.plain.PlainLoginModule required username=\"u\" password=\"hunter2\";",
        "Scram required username='u password=hunter2", "x required a= ;",
        "X required unsecuredLoginStringClaim_sub=\"x\";",
        "IAM required awsProfileName=p awsRoleArn=r awsRoleAccessKeyId=\"hunter2\" awsRoleSecretAccessKey=\"hunter2\";",
        "IAM required awsRoleArn=\"arn:aws:iam::1:role/r\" awsRoleExternalId=\"hunter2\" awsRoleSessionName=\"\";",
        "O required clientId=\"\" clientSecret=\"hunter2\" extension_a=\"b\" extension_auth=\"x\" extension_a.b=\"c\";",
    ]
    private static let keys = [
        "bootstrap.servers", "security.protocol", "sasl.mechanism", "sasl.jaas.config", "client.id", "client.rack",
        "ssl.truststore.location", "ssl.truststore.type", "ssl.truststore.certificates", "ssl.keystore.location",
        "ssl.keystore.type", "ssl.keystore.key", "ssl.keystore.certificate.chain", "ssl.key.password",
        "ssl.endpoint.identification.algorithm", "sasl.oauthbearer.token.endpoint.url",
        "sasl.login.callback.handler.class", "topics", "topics.exclude", "groups", "groups.exclude", "enabled",
        "replication.policy.class", "replication.policy.separator", "source.cluster.alias", "replication.factor",
        "sync.topic.configs.enabled", "sync.topic.configs.interval.seconds", "refresh.topics.interval.seconds",
        "config.properties.exclude", "compression.type", "auto.offset.reset", "isolation.level",
        "exactly.once.source.support", "transforms", "transforms.a.type", "unknown", "config.providers.env.class",
    ]
    private static let secretKeys: Set = [
        "sasl.jaas.config", "ssl.truststore.certificates", "ssl.keystore.key", "ssl.keystore.certificate.chain",
        "ssl.key.password", "security.protocol", "sasl.mechanism", "sasl.login.callback.handler.class", "enabled",
        "replication.policy.class", "replication.factor", "sync.topic.configs.enabled", "compression.type",
        "auto.offset.reset", "transforms", "transforms.a.type", "unknown", "config.providers.env.class",
    ]
    private static let roles = ["", "consumer.", "producer.", "admin.", "source.", "target.", "source.cluster."]

    private func escaped(_ text: String, isKey: Bool) -> String {
        String(text.flatMap { isKey && " :=#!\\".contains($0) ? ["\\", $0] : [$0] })
    }

    @Test func `mirror maker's properties become a valid file or a sentence`() throws {
        var random = seeded(20_261_130)
        var imported = 0
        for round in 0..<300 {
            let clusters = Array(Self.clusters.shuffled(using: &random).prefix(2 + round % 2))
            var lines = ["clusters = \(clusters.map { escaped($0, isKey: false) }.joined(separator: ", "))"]
            for cluster in clusters where Int.random(in: 0..<10, using: &random) > 0 {
                lines.append("\(escaped(cluster, isKey: true)).bootstrap.servers = host\(lines.count).example:9092")
            }
            let flow = "\(escaped(clusters[0], isKey: true))->\(escaped(clusters[1], isKey: true))."
            let back = "\(escaped(clusters[1], isKey: true))->\(escaped(clusters[0], isKey: true))."
            lines += ["\(flow)enabled = true", round % 3 == 0 ? "\(back)enabled = true" : ""]
            for _ in 0..<Int.random(in: 0..<14, using: &random) {
                let prefixes = ["", flow, back] + clusters.map { escaped($0, isKey: true) + "." }
                let setting = Self.keys.randomElement(using: &random) ?? ""
                let key =
                    (prefixes.randomElement(using: &random) ?? "") + (Self.roles.randomElement(using: &random) ?? "")
                    + setting
                let value = Self.values.randomElement(using: &random) ?? ""
                // A password in place of a path or of a topic is nothing that anybody can know.
                let isPlausible = !value.contains("hunter2") || Self.secretKeys.contains(setting)
                lines.append("\(key) = \(isPlausible ? value : "x")")
            }
            let text = lines.joined(separator: "\n")
            let result: ImportedConfiguration
            do {
                result = try ImportedConfiguration.read(text)
            } catch {
                #expect("\(error)".count > 40, "\(text)")
                #expect(!"\(error)".contains("hunter2"), "\(text)")
                continue
            }
            imported += 1
            #expect(throws: Never.self, "\(text)\n\n\(result.yaml)") { try result.check() }
            #expect(!result.yaml.contains("hunter2"), "\(text)\n\n\(result.yaml)")
        }
        #expect(imported > 150)
    }

    @Test func `texts of every kind become a sentence rather than a crash`() throws {
        var random = seeded(7)
        let sources = [
            "{\"KafkaClusters\": [], \"ReplicationInfoList\": []}", "apiVersion: v1\nkind: KafkaMirrorMaker2\nspec: {}",
            "[{\"connector.class\": \"MirrorHeartbeatConnector\"}]", "clusters = a\\", "apiVersion: &a [*a, *a]",
            "[[[[[", "{",
            "apiVersion: 1\nkind: List\nitems: [1, {kind: ConfigMap, data: {x: 'clusters=a'}}]", "connector.class=x",
            "bootstrap.servers=a:1\ngroup.id=g", "{\"config\": {\"connector.class\": 1}}",
        ]
        for source in sources {
            for _ in 0..<40 {
                var characters = Array(source)
                if Bool.random(using: &random) {
                    characters.remove(at: Int.random(in: 0..<characters.count, using: &random))
                }
                let failure = #expect(throws: ImportFailure.self, "\(source)") {
                    try ImportedConfiguration.read(String(characters))
                }
                #expect(failure.map { "\($0)".contains("Error") || "\($0)".contains("codingPath") } != true)
            }
        }
    }
}
