import KafkaClient
import KafkaWire
import Replication
import ReplicatorConfig
import Testing

@Suite struct ImportTests {
    private let mirrorMaker = """
        # Two clusters
        clusters = east, west
        east.bootstrap.servers = east1:9092, east2:9092
        west.bootstrap.servers = west1:9093
        west.security.protocol = SASL_SSL
        west.sasl.mechanism = SCRAM-SHA-512
        west.sasl.jaas.config = org.apache.kafka.common.security.scram.ScramLoginModule required \\
            username="mirror" password="hush-hush";
        west.ssl.truststore.location = /etc/kafka/trust.pem
        west.ssl.truststore.type = PEM
        east->west.enabled = true
        east->west.topics = orders.*, clicks
        east->west.groups.exclude = test-.*
        west->east.enabled = false
        replication.policy.separator = _
        sync.group.offsets.enabled = true
        refresh.topics.interval.seconds = 30
        west.producer.compression.type = zstd
        replication.factor = 3
        tasks.max = 10
        """

    private func imported(_ text: String) throws -> (ImportedConfiguration, ConfigFile) {
        let imported = try ImportedConfiguration.read(text)
        let environment = [
            "WEST_PASSWORD": "hush-hush", "EAST_OAUTH_CLIENT_SECRET": "s", "EAST_KEYSTORE_PASSWORD": "p",
            "KAFKA_USERNAME": "u", "KAFKA_PASSWORD": "p",
        ]
        return (imported, try ConfigFile.parse(imported.yaml, file: "imported", environment: environment))
    }

    @Test func `mirror maker's properties become a configuration that is valid as it is`() throws {
        let (_, config) = try imported(mirrorMaker)

        let flow = try #require(config.flows.first)
        #expect(config.flows.count == 1)
        #expect(flow.name == "east-to-west")
        #expect(flow.source.bootstrapServers.map(\.description) == ["east1:9092", "east2:9092"])
        #expect(flow.target.security.protocol == .saslTLS)
        #expect(flow.topics.allow.map(\.text) == ["orders.*", "clicks"])
        #expect(flow.consumerGroups.deny.map(\.text) == ["test-.*"])
        #expect(flow.naming == .prefix(alias: "east", separator: "_"))
        #expect(flow.startFrom == .earliest)
        #expect(flow.compression == .codec(.zstd))
        #expect(flow.sync.groupOffsets)
        #expect(flow.sync.interval == .seconds(30))
        #expect(flow.sync.replicationFactor == .number(3))
    }

    @Test(
        arguments: [("-1", .broker), ("2", .number(2)), (nil, .source)] as [(String?, ReplicationFactor)])
    func `how topics are made comes along`(factor: String?, expected: ReplicationFactor) throws {
        let (result, config) = try imported(
            """
            clusters = a, b
            a.bootstrap.servers = a:1
            b.bootstrap.servers = b:1
            a->b.enabled = true
            config.properties.exclude = min\\\\.insync\\\\.replicas, segment.*
            \(factor.map { "replication.factor = \($0)" } ?? "")
            """)

        let sync = try #require(config.flows.first).sync
        #expect(sync.replicationFactor == expected)
        #expect(sync.configExclude.map(\.text) == [#"min\.insync\.replicas"#, "segment.*"])
        #expect(result.allRemarks.contains { $0.contains("had 2 replicas") } == (factor == nil))
    }

    @Test func `secrets are referred to, not copied`() throws {
        let (result, _) = try imported(mirrorMaker)

        #expect(!result.yaml.contains("hush-hush"))
        #expect(result.yaml.contains("${env:WEST_PASSWORD}"))
        #expect(result.allRemarks.contains { $0.contains("WEST_PASSWORD") })
    }

    @Test func `what has no equivalent is named, in the file too`() throws {
        let (result, _) = try imported(mirrorMaker + "\nforwarding.admin.class = com.example.Admin\n")

        for remark in ["forwarding.admin.class = com.example.Admin: has no equivalent", "tasks.max: not needed here"] {
            #expect(result.allRemarks.contains(remark))
            #expect(result.yaml.contains("#   - \(remark)"))
        }
    }

    @Test func `defaults that differ are spelled out`() throws {
        let (_, config) = try imported(
            """
            clusters=a,b
            a.bootstrap.servers=a:1
            b.bootstrap.servers=b:1
            a->b.enabled=true
            b->a.enabled=true
            replication.policy.class=org.apache.kafka.connect.mirror.IdentityReplicationPolicy
            a.consumer.auto.offset.reset=latest
            """)

        #expect(config.flows.map(\.name) == ["a-to-b", "b-to-a"])
        #expect(config.flows.map(\.naming) == [.identical, .identical])
        #expect(config.flows.map(\.startFrom) == [.latest, .earliest])
        #expect(config.flows.allSatisfy { !$0.sync.groupOffsets })
        #expect(config.flows[0].consumerGroups.deny.map(\.text) == ["console-consumer-.*", "connect-.*", "__.*"])
    }

    @Test func `key stores of Java are told to be converted`() throws {
        let (result, config) = try imported(
            """
            clusters=east,west
            east.bootstrap.servers=a:1
            west.bootstrap.servers=b:1
            east->west.enabled=true
            east.security.protocol=SSL
            east.ssl.keystore.location=/etc/key.jks
            east.ssl.keystore.password=never-shown
            east.ssl.truststore.location=/etc/trust.jks
            """)

        #expect(config.flows[0].source.security.protocol == .tls)
        #expect(result.allRemarks.contains { $0.contains("/etc/key.jks is a JKS key store; convert it") })
        #expect(result.allRemarks.contains { $0.contains("/etc/trust.jks is a JKS trust store") })
        #expect(!result.yaml.contains("never-shown"))
    }

    private let replicator = #"""
        {"ReplicatorName": "orders", "ServiceExecutionRoleArn": "arn:aws:iam::1:role/msk", "KafkaClusters": [
          {"KafkaClusterAlias": "blue", "AmazonMskCluster":
             {"MskClusterArn": "arn:aws:kafka:eu-west-1:1:cluster/blue/abc-1"}, "VpcConfig": {"SubnetIds": ["s"]}},
          {"KafkaClusterAlias": "green", "AmazonMskCluster":
             {"MskClusterArn": "arn:aws:kafka:us-east-1:1:cluster/green/def-1"}}],
         "ReplicationInfoList": [{"SourceKafkaClusterAlias": "blue", "TargetKafkaClusterAlias": "green",
           "TargetCompressionType": "GZIP",
           "TopicReplication": {"TopicsToReplicate": ["orders\\..*"], "TopicsToExclude": ["orders\\.tmp"],
             "CopyTopicConfigurations": false, "StartingPosition": {"Type": "EARLIEST"},
             "TopicNameConfiguration": {"Type": "PREFIXED_WITH_SOURCE_CLUSTER_ALIAS"}},
           "ConsumerGroupReplication": {"ConsumerGroupsToReplicate": ["g.*"], "DetectAndCopyNewConsumerGroups": false,
             "SynchroniseConsumerGroupOffsets": true}}]}
        """#

    @Test func `the description of an MSK replicator becomes a configuration that is valid as it is`() throws {
        let (result, config) = try imported(replicator)

        let flow = try #require(config.flows.first)
        #expect(flow.name == "blue-to-green")
        #expect(flow.topics.allow.map(\.text) == [#"orders\..*"#])
        #expect(flow.topics.deny.map(\.text) == [#"orders\.tmp"#])
        #expect(flow.naming == .prefix(alias: "blue", separator: "."))
        #expect(flow.startFrom == .earliest)
        #expect(flow.compression == .codec(.gzip))
        #expect(!flow.sync.topicConfigs)
        #expect(flow.source.security.protocol == .saslTLS)
        #expect(
            result.allRemarks.contains {
                $0.contains("get-bootstrap-brokers --cluster-arn arn:aws:kafka:us-east-1:1:cluster/green/def-1")
            })
        #expect(result.allRemarks.contains { $0.contains("detectAndCopyNewConsumerGroups: false has no equivalent") })
    }

    @Test func `keys as the service writes them mean the same`() throws {
        let lowercased = replicator.replacing(/"([A-Z])([A-Za-z]+)":/) {
            "\"\($0.output.1.lowercased())\($0.output.2)\":"
        }

        #expect(try imported(lowercased).0.yaml == (try imported(replicator)).0.yaml)
    }

    private func remarks(_ lines: String) throws -> [(title: String, remarks: [String])] {
        let text = """
            clusters = a, b
            a.bootstrap.servers = a:1
            b.bootstrap.servers = b:1
            a->b.enabled = true
            a->b.topics = orders
            \(lines)
            """
        let imported = try ImportedConfiguration.read(text)
        try imported.check()
        #expect(!imported.yaml.contains("hunter2"))
        return imported.groupedRemarks
    }

    @Test(arguments: [
        "a->b.transforms = x\na->b.transforms.x.type = com.example.Mask", "a->b.value.converter = com.example.Json",
        "a.consumer.interceptor.classes = com.example.Audit", "topic.filter.class = com.example.Filter",
        "replication.policy.class = com.example.Policy", "a->b.errors.tolerance = all",
        "a.security.protocol = SASL_SSL\na.sasl.mechanism = GSSAPI", "a.security.protocol = SASL_SSL",
        "a.security.protocol = SASL_SSL\na.sasl.mechanism = PLAIN\na.sasl.client.callback.handler.class = com.example.Vault",
        "a->b.topics = [", "a->b.topics = x-internal\na->b.topics.exclude = y", "a->b.source.cluster.alias = ä",
        "a.security.protocol = SSL\na.ssl.engine.factory.class = com.example.Factory",
        "a.producer.bootstrap.servers = c:1",
    ])
    func `what this program does not do comes first`(lines: String) throws {
        guard lines != "a->b.topics = [" else {
            // Nothing is left of that flow.
            let failure = #expect(throws: ImportFailure.self) { try remarks(lines) }
            #expect(failure.map { "\($0)".contains("is no regular expression here") } == true)
            return
        }
        let groups = try remarks(lines + "\ntasks.max = 3")

        #expect(groups.first?.title == "NOT DONE HERE, although the original did it:")
        #expect(groups.first?.remarks.count == 1)
        #expect(groups.last?.remarks.contains("tasks.max: not needed here") == true)
    }

    @Test func `a flow that is not enabled has one remark, whatever is set for it`() throws {
        let groups = try remarks("b->a.topics = x\nb->a.groups = y\nb->a.enabled = false\nb->a.transforms = z")
        let all = groups.flatMap(\.remarks)

        #expect(all.filter { $0.contains("b->a") } == ["b->a: flows that are not enabled are left out"])
        #expect(!groups.contains { $0.title.hasPrefix("NOT DONE") })
    }

    @Test(arguments: [
        ("east.client.token = hunter2", "east.client.token: has no equivalent"),
        ("some.setting = 3", "some.setting = 3: has no equivalent"),
        ("some.setting = hunter2", "some.setting: has no equivalent"),
        ("some.passphrase = 3", "some.passphrase: has no equivalent"),
        ("aVeryLongLineOfBase64ThatWasNotContinued0123456789 =", "line 6 is no setting that is known"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.sig = x", "line 6 is no setting that is known"),
    ])
    func `values are shown only where they cannot be secrets`(line: String, expected: String) throws {
        let all = try remarks(line).flatMap(\.remarks)

        #expect(all.contains { $0.hasPrefix(expected) }, "\(all)")
        #expect(!all.contains { $0.contains("hunter2") || $0.contains("eyJ") || $0.contains("Base64") })
    }

    @Test(arguments: [
        "a.security.protocol = SSL\na.ssl.truststore.location = /etc/x.jks \\\na.ssl.keystore.password=hunter2",
        "a.client.id = a \\\na.sasl.jaas.config = x password=\"hunter2\";",
        "a->b.groups = a,\\\na.ssl.keystore.key=-----BEGIN PRIVATE KEY----- hunter2",
        "source.cluster.alias = a\\\n.ssl.key.password = hunter2",
    ])
    func `a secret that a backslash has joined to something else is not copied either`(lines: String) throws {
        let groups = try remarks(lines)

        #expect(groups.first?.title == "To do before the first start:")
        #expect(groups.first?.remarks.contains { $0.contains("holds what looks like another setting") } == true)
        #expect(!groups.contains { $0.remarks.contains { $0.contains("hunter2") } })
    }

    @Test(arguments: [
        ("${env:X}", "${env:X}"), ("a-${env:X}-b", "a-${env:X}-b"), ("${directory:/run:id}", "${file:/run/id}"),
        ("${vault:secret/a:id}", "${env:A_CLIENT_ID}"),
        ("${file:/p:k}${file:/p:l}", "${env:A_CLIENT_ID}${env:A_CLIENT_ID_2}"),
        ("$5", "$5"), ("${", "${env:A_CLIENT_ID}"), ("${x}", "${env:A_CLIENT_ID}"),
        ("a$${env:X}", "${env:A_CLIENT_ID}"),
    ])
    func `references become ours, or a variable to set`(value: String, expected: String) throws {
        let imported = try ImportedConfiguration.read(
            """
            clusters = a, b
            a.bootstrap.servers = a:1
            b.bootstrap.servers = b:1
            a->b.enabled = true
            a.client.id = \(value)
            """)

        #expect(imported.yaml.contains("    clientId: \"\(expected)\"\n"))
        let mustBeSet = imported.allRemarks.contains { $0.contains("set the environment variable A_CLIENT_ID") }
        #expect(mustBeSet == expected.contains("A_CLIENT_ID"))
        try imported.check()
    }

    @Test func `nothing in a remark ends its line or turns it around`() throws {
        let lines = try remarks(#"a.x\u000Ay\u202Ez.setting = 1"#).flatMap { $0.remarks }

        #expect(
            lines.contains(
                "line 6 is no setting that is known; if it is a part of the one before, an empty line or a "
                    + "missing backslash has ended that, there as here"))
        let shown = try remarks(#"a.producer.acks\u000A\u202E = 1"#).flatMap { $0.remarks }
        #expect(!shown.joined().unicodeScalars.contains { $0 == "\n" || $0 == "\u{202E}" })
    }

    @Test func `a broken document is refused, also behind one that is whole`() throws {
        let whole = """
            apiVersion: kafka.strimzi.io/v1
            kind: KafkaMirrorMaker2
            spec:
              target: {alias: b, bootstrapServers: "b:1"}
              mirrors: [{source: {alias: a, bootstrapServers: "a:1"}, sourceConnector: {}}]
            """
        #expect(throws: Never.self) { try ImportedConfiguration.read(whole) }
        let failure = #expect(throws: ImportFailure.self) { try ImportedConfiguration.read(whole + "\n---\nx: [") }
        #expect(failure.map { "\($0)".hasPrefix("not valid YAML, line ") } == true)
    }

    @Test(arguments: [
        ("clusters = a, b\na -> b.enabled = true", "no blanks are allowed around the arrow"),
        ("bootstrap.servers = a:1\ngroup.id = g", "the properties of one client"),
        ("clusters = a, b\na->b.enabled = true\nbootstrap.servers = a:1", "both clusters list a:1"),
        ("clusters = a, b\na->b.enabled = true\na->b.topics =", "it selects no topic"),
        (#"[{"connector.class": "MirrorHeartbeatConnector"}]"#, "no connector copies records"),
    ])
    func `what cannot run is refused with the reason`(text: String, expected: String) {
        let failure = #expect(throws: ImportFailure.self) { try ImportedConfiguration.read(text) }

        #expect(failure.map { "\($0)".contains(expected) } == true, "\(failure.map { "\($0)" } ?? "")")
    }

    @Test(
        arguments: [
            (#"M required username="u" password="p";"#, ["username": "u", "password": "p"]),
            (#"M required username=u password=p;"#, ["username": "u", "password": "p"]),
            (#"M required username='a;"b"' password="c=d" ;"#, ["username": #"a;"b""#, "password": "c=d"]),
            (#"M required /* x="y" */ username="a\"b\n" // z="z"#, ["username": "a\"b\n"]),
            (
                #"M required username="u" oauth.client.id="x" extension_a="b";"#,
                ["username": "u", "oauth.client.id": "x", "extension_a": "b"]
            ),
            (#"M required username="u password=p;"#, [:]), ("M required a b;", [:]), ("", [:]), ("M", [:]),
            (#"M required a="1"; N required a="2" b="3";"#, ["a": "1"]),
        ] as [(String, [String: String])])
    func `a login module is read as Kafka does`(text: String, options: [String: String]) {
        #expect(LoginModule(text).options == options)
    }

    @Test(arguments: ["", "a = b", "{}", "{\"a\": 1", "clusters = a, b"])
    func `what is neither is refused with what was expected`(text: String) {
        let failure = #expect(throws: ImportFailure.self) { try ImportedConfiguration.read(text) }

        #expect(failure.map { "\($0)".count > 40 } == true)
    }
}
