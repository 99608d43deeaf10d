import KafkaClient
import KafkaWire
import Replication
import ReplicatorConfig
import Testing

@Suite struct ConfigFileTests {
    private static let minimal = """
        clusters:
          east: {bootstrapServers: "127.0.0.1:9092"}
          west: {bootstrapServers: "127.0.0.1:9192"}
        flows:
          - name: east-to-west
            source: east
            target: west
            topics: {allow: ["orders.*"]}
        """

    private func parse(_ text: String, environment: [String: String] = [:]) throws -> ConfigFile {
        try ConfigFile.parse(text, file: "replicator.yaml", environment: environment)
    }

    /// The problems of a text, as a person reads them.
    private func problems(_ text: String) -> [String] {
        do {
            _ = try parse(text)
            return []
        } catch let error as InvalidConfiguration {
            return error.problems.map(\.description)
        } catch {
            return ["\(error)"]
        }
    }

    @Test(arguments: [
        ([("east", "west", "dup"), ("east", "west", "dup.*")], "identical", true),
        ([("east", "west", "dup"), ("east", "west", "other.*")], "identical", false),
        ([("east", "west", "t"), ("west", "south", "t"), ("east", "south", "t")], "identical", true),
        ([("east", "west", "t"), ("west", "south", "t"), ("east", "south", "t")], "prefix", false),
        ([("east", "west", "t"), ("west", "south", "t"), ("south", "east", "t")], "identical", false),
        ([("east", "south", "t"), ("west", "south", "t")], "identical", false),
    ]) func `flows that would write the same records twice are refused`(
        paths: [(String, String, String)], mode: String, refused: Bool
    ) {
        let flows = paths.enumerated().map { number, path in
            "  - {name: f\(number), source: \(path.0), target: \(path.1), topics: {allow: [\"\(path.2)\"]}, "
                + "naming: {mode: \(mode)}}"
        }
        let text = """
            clusters:
              east: {bootstrapServers: "127.0.0.1:1"}
              west: {bootstrapServers: "127.0.0.1:2"}
              south: {bootstrapServers: "127.0.0.1:3"}
            flows:
            \(flows.joined(separator: "\n"))
            """
        #expect(problems(text).contains { $0.contains("where each would be twice") } == refused)
        #expect(problems(text).isEmpty != refused)
    }

    @Test(arguments: [
        ("{mode: identical}", "{mode: prefix, alias: east}", true),
        ("{mode: prefix, alias: west, separator: \".\"}", "{mode: prefix, alias: east, separator: \"-\"}", true),
        ("{mode: prefix, alias: west}", "{mode: prefix, alias: east}", false),
        ("{mode: identical}", "{mode: identical}", false),
    ]) func `flows that would feed each other for ever are refused`(back: String, forth: String, refused: Bool) {
        let text = """
            clusters:
              east: {bootstrapServers: "127.0.0.1:1"}
              west: {bootstrapServers: "127.0.0.1:2"}
            flows:
              - {name: forth, source: east, target: west, topics: {allow: [".*"]}, naming: \(forth)}
              - {name: back, source: west, target: east, topics: {allow: [".*"]}, naming: \(back)}
            """
        #expect(problems(text).contains { $0.contains("go round without a guard") } == refused)
    }

    @Test func `clusters carry the identity of the program, and a client id of their own`() throws {
        let identity = ClientIdentity(name: "replicator", version: "1.2.3", metricsPrefix: "replicator")
        let text = """
            clusters:
              east: {bootstrapServers: "h:1"}
              west: {bootstrapServers: "h:2", clientId: copier}
            flows:
              - {name: f, source: east, target: west, topics: {allow: ["a"]}}
            """
        let config = try ConfigFile.parse(text, file: "f.yaml", identity: identity)
        #expect(config.clusters.values.map(\.identity) == [identity, identity])
        #expect(config.clusters["east"]?.clientID == "replicator")
        #expect(config.clusters["west"]?.clientID == "copier")
        #expect(config.flows.first?.source.identity == identity)
    }

    @Test func `a minimal file gets the documented defaults`() throws {
        let flow = try #require(try parse(Self.minimal).flows.first)

        #expect(flow.name == "east-to-west")
        #expect(flow.source.bootstrapServers == [HostAndPort(host: "127.0.0.1", port: 9092)])
        #expect(flow.naming == .prefix(alias: "east", separator: "."))
        #expect(flow.targetAlias == "west")
        #expect(flow.startFrom == .latest)
        #expect(flow.compression == .keep)
        #expect(flow.delivery == .exactlyOnce)
        #expect(flow.loopPrevention == .headers)
        #expect(flow.sync.interval == .seconds(5))
        #expect(flow.consumerGroups.allow.map(\.text) == [".*"])
    }

    @Test func `every key of the contract is read`() throws {
        let config = try parse(
            """
            clusters:
              east:
                bootstrapServers: "127.0.0.1:9092,127.0.0.1:9093"
              west:
                bootstrapServers: ["127.0.0.1:9192"]
                securityProtocol: SASL_SSL
                sasl: {mechanism: SCRAM-SHA-512, username: replicator, password: "${env:WEST_PASSWORD}"}
                tls: {caFile: ca.pem, certificateFile: client.pem, keyFile: client.key}
            flows:
              - name: east-to-west
                source: east
                target: west
                topics: {allow: ["orders.*"], deny: ["orders.private"]}
                consumerGroups: {allow: [".*"], deny: []}
                naming: {mode: prefix, alias: e, separator: "_"}
                loopPrevention: producerIds
                startFrom: 2026-01-31T12:00:00Z
                compression: zstd
                delivery: atLeastOnce
                bufferBytes: 16MiB
                sync: {topicConfigs: false, partitions: true, acls: false, groupOffsets: true, newTopics: false, interval: 500ms}
            http: {listen: "127.0.0.1:9644"}
            """, environment: ["WEST_PASSWORD": "s3cret"])
        let flow = try #require(config.flows.first)

        #expect(config.http == HostAndPort(host: "127.0.0.1", port: 9644))
        #expect(flow.target.security.protocol == .saslTLS)
        #expect(
            flow.target.security.sasl
                == .password(
                    .scramSHA512, username: "replicator", password: Secret([.text(""), .text("s3cret"), .text("")])))
        #expect(flow.target.security.tls?.caFile == "ca.pem")
        #expect(flow.naming == .prefix(alias: "e", separator: "_"))
        #expect(flow.loopPrevention == .producerIds)
        #expect(flow.startFrom == .timestamp(1_769_860_800_000))
        #expect(flow.compression == .codec(.zstd))
        #expect(flow.delivery == .atLeastOnce)
        #expect(flow.bufferBytes == 16 << 20)
        #expect(flow.sync.topicConfigs == false)
        #expect(flow.sync.interval == .milliseconds(500))
    }

    @Test(arguments: [
        (
            "      topics: {alow: [\"a\"]}",
            "replicator.yaml:8:14: flows[0].topics.alow: unknown key; did you mean \"allow\"?"
        ),
        (
            "    compression: brotli",
            "replicator.yaml:9:18: flows[0].compression: expected one of keep, none, gzip, snappy, lz4, zstd, found \"brotli\""
        ),
        ("    compression: ZSTD", "did you mean zstd?"),
        ("    offsets: keep", "flows[0].offsets: expected one of translate, preserve, found \"keep\""),
        ("    offsets: preserve\n    delivery: atLeastOnce", "flows[0].offsets: preserve needs delivery: exactlyOnce"),
        (
            "    offsets: preserve\n    policies: {truncated: continue}",
            "flows[0].offsets: preserve cannot go with policies: {truncated: continue}"
        ),
        (
            "    offsets: preserve\n    policies: {recreated: continue}",
            "flows[0].offsets: preserve cannot go with policies: {recreated: continue}"
        ),
        ("    holes: filler", "flows[0].holes: filler needs offsets: preserve"),
        ("    offsets: preserve\n    holes: tombstones", "expected one of markers, filler, found \"tombstones\""),
        ("    delivery: [x]", "replicator.yaml:9:15: flows[0].delivery: expected text, found a list"),
        ("    startFrom: yesterday", "expected latest, earliest or an ISO-8601 time"),
        ("    startFrom: 2026-01-31T12:00:00", "expected latest, earliest or an ISO-8601 time"),
        ("    bufferBytes: many", "expected a number of bytes such as 16MiB, found \"many\""),
        ("    bufferBytes: 1KiB", "1024 is outside 4194304…68719476736"),
        ("    sync: {interval: soon}", "expected a time span such as 500ms, 5s or 10m, found \"soon\""),
        ("    sync: {acls: maybe}", "expected true or false, found \"maybe\""),
        (
            "    naming: {mode: identical, alias: e}",
            "flows[0].naming.alias: has no effect with mode identical; remove it"
        ),
        ("    naming: {alias: e}", "missing required key \"mode\""),
        ("    consumerGroups: {allow: [\"(\"]}", "\"(\" is not a regular expression"),
        ("    consumerGroups: {rename: {}}", "flows[0].consumerGroups.rename.prefix: what to put before the name"),
        ("    nmae: x", "flows[0].nmae: unknown key; did you mean \"name\"?"),
    ])
    func `a mistake is named with its place and its remedy`(line: String, expected: String) {
        var lines = Self.minimal.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
        if line.contains("topics:") { lines.removeLast() }
        let found = problems(
            (lines + [line.contains("topics:") ? String(line.dropFirst(2)) : line]).joined(separator: "\n"))

        #expect(found.contains { $0.contains(expected) }, "\(found)")
    }

    @Test func `all problems are reported at once, in order of place`() {
        let found = problems(
            """
            clusters:
              east: {bootstrapServers: "nowhere"}
            flows:
              - name: a
                source: east
                target: north
                topics: {allow: ["["]}
            extra: 1
            """)

        #expect(found.count == 4, "\(found)")
        #expect(
            found[0].hasPrefix("replicator.yaml:2:28: clusters.east.bootstrapServers: \"nowhere\" is not HOST:PORT"))
        #expect(found[1].contains("no cluster is called \"north\"; there are: east"))
        #expect(found[2].contains("\"[\" is not a regular expression"))
        #expect(found[3].contains("replicator.yaml:8:1: extra: unknown key"))
    }

    @Test func `groups are left out as MirrorMaker 2 does, and renamed in one direction only`() throws {
        let standard = try parse(Self.minimal).flows[0].consumerGroups
        #expect(standard.deny.map(\.text) == ["console-consumer-.*", "connect-.*", "__.*"])

        let found = problems(
            """
            clusters:
              east: {bootstrapServers: "127.0.0.1:9092"}
              west: {bootstrapServers: "127.0.0.1:9192"}
            flows:
              - {name: a, source: east, target: west, topics: {allow: [x]}, consumerGroups: {rename: {prefix: "e."}}}
              - {name: b, source: west, target: east, topics: {allow: [y]}, consumerGroups: {rename: {prefix: "w."}}}
            """)
        #expect(found.count == 1 && found[0].contains("rename in one direction only"), "\(found)")
    }

    @Test func `the same cluster on both ends is refused`() {
        let same = Self.minimal.replacing("target: west", with: "target: east")
        let sharedServer = Self.minimal.replacing("9192", with: "9092")

        #expect(problems(same).contains { $0.contains("source and target are the same cluster \"east\"") })
        #expect(problems(sharedServer).contains { $0.contains("are the same cluster: both list 127.0.0.1:9092") })
    }

    @Test func `text that is not YAML names the line`() {
        let found = problems("clusters:\n  east: {bootstrapServers: \"a:1\"\nflows: []\n")

        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("replicator.yaml:3:") == true, "\(found)")
        #expect(found.first?.contains("not valid YAML") == true, "\(found)")
    }

    @Test func `a key that stands twice is refused`() {
        #expect(
            problems("clusters: {}\n# clusters: {}\nclusters: {}\n").contains {
                $0.contains(":1:1: the key clusters is here, and again in line 3")
            })
        #expect(
            problems("clusters:\n  a: {}\n  b:\n    a: {}\n  a: {}\n").contains {
                $0.contains(":2:3: the key a is here, and again in line 5")
            })
        #expect(problems("clusters: {a: {}, a: {}}\na: {}\n").contains { $0.contains("the key a is here twice") })
    }

    @Test func `an unset variable is named, and no value ever appears`() {
        let found = problems(
            Self.minimal.replacing(
                "west: {bootstrapServers: \"127.0.0.1:9192\"}",
                with: """
                    west: {bootstrapServers: "127.0.0.1:9192", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: u, password: "${env:NOT_SET}"}}
                    """))

        #expect(found.contains { $0.contains("the environment variable NOT_SET is not set") }, "\(found)")
    }

    @Test func `SASL without credentials and credentials without SASL are refused`() {
        let without = Self.minimal.replacing(
            "\"127.0.0.1:9192\"", with: "\"127.0.0.1:9192\", securityProtocol: SASL_SSL")
        let idle = Self.minimal.replacing(
            "\"127.0.0.1:9192\"", with: "\"127.0.0.1:9192\", sasl: {mechanism: PLAIN, username: u, password: p}")

        #expect(
            problems(without).contains { $0.contains("securityProtocol SASL_SSL needs credentials under \"sasl\"") })
        #expect(problems(idle).contains { $0.contains("has no effect with securityProtocol PLAINTEXT") })
    }

    @Test func `an empty file and a missing file say what to do`() {
        #expect(problems("").contains { $0.contains("the file is empty; replicator.yaml.example shows") })
        #expect(throws: InvalidConfiguration.self) { try ConfigFile.load("/nonexistent/replicator.yaml") }
    }

    @Test func `two opposite flows know each other's aliases`() throws {
        let config = try parse(
            Self.minimal + """

                  - name: west-to-east
                    source: west
                    target: east
                    topics: {allow: [".*"]}
                    naming: {mode: prefix, alias: w}
                """)

        #expect(config.flows.map(\.targetAlias) == ["w", "east"])
    }
}
