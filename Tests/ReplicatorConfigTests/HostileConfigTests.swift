import Foundation
import KafkaClient
import Replication
import ReplicatorConfig
import Testing

/// Files that would keep the parser busy for ever, and secrets that must not come out in its words.
@Suite struct HostileConfigTests {
    private static let clusters = """
        clusters:
          src: {bootstrapServers: "127.0.0.1:1"}
          dst: {bootstrapServers: "127.0.0.1:2"}
        flows: [{name: f, source: src, target: dst, topics: {allow: ["x"]}}]

        """

    private static func file(_ cluster: String) -> String {
        """
        clusters:
          src: {bootstrapServers: "127.0.0.1:1"}
          dst: {bootstrapServers: "127.0.0.1:2", securityProtocol: SASL_PLAINTEXT, \(cluster)}
        flows: [{name: f, source: src, target: dst, topics: {allow: ["x"]}}]
        """
    }

    private static let environment = ["SECRET": "HUNTER2", "WORD": "HUNTER2 more"]

    private func problems(_ text: String) -> [String] {
        do {
            _ = try ConfigFile.parse(text, file: "f", environment: Self.environment)
            return []
        } catch {
            return error.problems.map(\.description)
        }
    }

    @Test(arguments: [
        "? *x : *x, ? [*x, *x] : 1", "*x : 1", "? {k: *x} : 1", "[*x, *x]: 1", "*x", "[*x]", "? *x",
    ])
    func `aliases as keys are refused before they are compared, however deep`(entry: String) {
        var text = "n0: &n0 {x: 1}\n"
        for level in 1...25 {
            text += "n\(level): &n\(level) {\(entry.replacing("*x", with: "*n\(level - 1)"))}\n"
        }
        let clock = ContinuousClock()
        var found: [String] = []
        let time = clock.measure { found = problems(text + Self.clusters) }

        #expect(found.count == 1)
        #expect(found.first?.hasPrefix("f:2:") == true, "\(found)")
        #expect(found.first?.contains("key") == true)
        #expect(time < .seconds(1))
    }

    @Test func `aliases as values are taken`() throws {
        let text = """
            clusters:
              src: {bootstrapServers: &there "127.0.0.1:1"}
              dst: {bootstrapServers: "127.0.0.1:2"}
            flows:
              - {name: f, source: src, target: dst, topics: &topics {allow: ["x"]}}
              - {name: g, source: src, target: dst, topics: *topics, naming: {mode: prefix, alias: other}}
            """

        #expect(try ConfigFile.parse(text, file: "f").flows.map(\.topics.allow.count) == [1, 1])
    }

    @Test func `a file too deep or too large is refused`() {
        #expect(problems("a: " + String(repeating: "[", count: 100_000)).count == 1)
        #expect(problems(String(repeating: "{a: ", count: 20_000)).count == 1)
        #expect(
            problems(Self.clusters + String(repeating: "# x\n", count: 3_000_000)).first?.contains("at most") == true)
        var bomb = "a: &a [x,x,x,x,x,x,x,x,x]\n"
        for (name, before) in zip(["b", "c", "d", "e", "g", "h", "i"], ["a", "b", "c", "d", "e", "g", "h"]) {
            bomb += "\(name): &\(name) [\(Array(repeating: "*\(before)", count: 9).joined(separator: ","))]\n"
        }
        #expect(!problems(bomb + Self.clusters).isEmpty)
    }

    @Test(arguments: [
        #"sasl: "PLAIN:a:HUNTER2""#, #"sasl: ["HUNTER2"]"#,
        #"sasl: {mechanism: PLAIN, username: a, password: [HUNTER2]}"#,
        #"sasl: {mechanism: PLAIN, username: a, pasword: "HUNTER2"}"#, #"sasl: {mechanism: PLAIN, HUNTER2}"#,
        #"sasl: {mechanism: PLAIN, username: a, password:HUNTER2}"#, #"sasl: {mechanism: "PLAIN:HUNTER2"}"#,
        #"sasl: {mechanism: PLAIN, username: a, password: "abc${HUNTER2"}"#,
        #"sasl: {mechanism: PLAIN, username: a, password: "abc${HUNTER2}"}"#,
        #"sasl: {mechanism: PLAIN, username: a, password: "${env:HUNTER2 x}"}"#,
        #"sasl: {mechanism: PLAIN, username: a, password: {HUNTER2: 1}}"#,
        #"sasl: {mechanism: OAUTHBEARER, oauth: "HUNTER2"}"#,
        #"sasl: {mechanism: OAUTHBEARER, oauth: {tokenEndpoint: "https://u:HUNTER2@id.example", clientId: a, clientSecret: b}}"#,
        #"sasl: {mechanism: OAUTHBEARER, oauth: {tokenEndpoint: "ftp://x?secret=HUNTER2", clientId: a, clientSecret: b}}"#,
        #"sasl: {mechanism: OAUTHBEARER, tokenFile: x, oauth: {extensions: {a: "HUNTER2\u0007"}}}"#,
        #"sasl: {mechanism: AWS_MSK_IAM, aws: "HUNTER2"}"#,
        #"sasl: {mechanism: AWS_MSK_IAM, aws: {secretAccessKey: ["HUNTER2"]}}"#,
        #"tls: "HUNTER2""#, #"tls: {keyPassword: {x: HUNTER2}}"#, #"tls: {HUNTER2: }"#,
        #"sasl: {mechanism: "${env:SECRET}"}"#,
        #"requestTimeout: "${env:SECRET}""#, #"clientId: x, rack: [HUNTER2]"#,
        #"sasl: {password: HUNTER2, password: HUNTER2}"#,
        #"sasl: {"password:HUNTER2", "password:HUNTER2"}"#, #"sasl: !!HUNTER2 "x""#, #"sasl: {password: "HUNTER2}"#,
        #"sasl: *HUNTER2"#,
        #"sasl: {password: 'HUNTER2' 'x'}"#, "sasl: {password: \"HUNTER2\u{1}\"}", #"sasl: @HUNTER2"#,
    ])
    func `a secret in the wrong place, or a wrong secret, is not shown`(cluster: String) {
        let found = problems(Self.file(cluster)).joined(separator: "\n")

        #expect(!found.isEmpty)
        #expect(!found.contains("HUNTER2"), "\(found)")
    }

    @Test(arguments: ["bootstrapServers: \"user:HUNTER2@host:port\"", "bootstrapServers: \"${env:WORD}\""])
    func `an address is not shown where it holds a password, or came from elsewhere`(entry: String) {
        let text = "clusters: {src: {\(entry)}}\nflows: []"

        #expect(problems(text).contains { $0.contains("HOST:PORT") })
        #expect(!problems(text).joined().contains("HUNTER2"))
    }

    @Test(arguments: [
        ("abc$${x}", "abc${x}"), ("$${", "${"), ("a$${env:SECRET}b", "a${env:SECRET}b"), ("$", "$"), ("$$", "$$"),
        ("a$b", "a$b"),
        ("$${x}${env:SECRET}", "${x}HUNTER2"), ("${env:SECRET}$${", "HUNTER2${"), ("{}", "{}"),
    ])
    func `two dollar signs before a brace are one that stands for itself`(written: String, meant: String) throws {
        let config = try ConfigFile.parse(
            Self.file("sasl: {mechanism: PLAIN, username: a, password: '\(written)'}"), file: "f",
            environment: Self.environment)
        guard case .password(_, _, let password) = try #require(config.clusters["dst"]?.security.sasl) else {
            Issue.record("no password")
            return
        }

        #expect(try password.reveal() == meant)
    }

    @Test func `problems are one line each, whatever stands in the file`() {
        let found = problems("clusters: {\"a\\nFORGED\": {\"x\\u001b[2J\": 1}}\nflows: []")

        #expect(found.contains { $0.contains("a\\nFORGED") })
        #expect(found.allSatisfy { !$0.contains("\n") && !$0.contains("\u{1B}") })
    }

    @Test func `what lets others read or change is warned about`() throws {
        let text = """
            clusters:
              a: {bootstrapServers: "h:1", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: PLAIN, username: a, password: b}}
              b: {bootstrapServers: "h:2", securityProtocol: SSL, tls: {verification: none}}
              c: {bootstrapServers: "h:3", securityProtocol: SASL_PLAINTEXT, sasl: {mechanism: SCRAM-SHA-512, username: a, password: b}}
            flows: [{name: f, source: a, target: b, topics: {allow: ["x"]}}]
            """
        let warnings = try ConfigFile.parse(text, file: "f").warnings

        #expect(warnings.count == 2)
        #expect(warnings.first?.hasPrefix("clusters.a: PLAIN without TLS") == true)
        #expect(warnings.last?.hasPrefix("clusters.b: tls.verification none") == true)
    }

    @Test(
        arguments: [
            ("north", "south", 0), ("eu", "eu", 1),
        ])
    func `one alias for the topics of two sources on one target is warned about`(
        first: String, second: String, count: Int
    ) throws {
        let text = """
            clusters: {a: {bootstrapServers: "h:1"}, b: {bootstrapServers: "h:2"}, c: {bootstrapServers: "h:3"}}
            flows:
              - {name: one, source: a, target: c, topics: {allow: ["x"]}, naming: {mode: prefix, alias: \(first)}}
              - {name: two, source: b, target: c, topics: {allow: ["x"]}, naming: {mode: prefix, alias: \(second)}}
              - {name: away, source: a, target: b, topics: {allow: ["x"]}, naming: {mode: prefix, alias: \(second)}}
            """
        let warnings = try ConfigFile.parse(text, file: "f").warnings

        #expect(warnings.count == count, "\(warnings)")
        let names = ["one (from a)", "two (from b)", "\"eu.\"", "naming.alias"]
        #expect(warnings.allSatisfy { warning in names.allSatisfy { warning.contains($0) } }, "\(warnings)")
    }

    @Test(arguments: [
        ("b", 0o644, true), ("b", 0o600, false), ("b", 0o640, false), ("${env:PW}", 0o644, false),
        ("x${env:PW}", 0o644, true),
    ])
    func `a file that all may read is warned about where secrets stand in it`(password: String, mode: Int, warns: Bool)
        throws
    {
        let file = FileManager.default.temporaryDirectory.appending(path: "config-\(UUID()).yaml").path()
        defer { try? FileManager.default.removeItem(atPath: file) }
        let text = Self.file("sasl: {mechanism: SCRAM-SHA-512, username: a, password: '\(password)'}")
        #expect(
            FileManager.default.createFile(
                atPath: file, contents: Data(text.utf8), attributes: [.posixPermissions: mode]))

        let warnings = try ConfigFile.load(file, environment: ["PW": "p"]).warnings

        #expect(warnings.contains { $0.contains("chmod 600") } == warns)
    }

    @Test func `an import shows no secret, and writes nothing that was not meant`() throws {
        let text = """
            clusters = a, b
            a.bootstrap.servers = x:1
            b.bootstrap.servers = y:1
            a->b.enabled = true
            a.security.protocol = SASL_SSL\\nflows: [] # HARMLESS
            a.sasl.mechanism = PLAIN
            a.sasl.jaas.config = org.example.PlainLoginModule required username="u" password="HUNTER2";
            a.ssl.keystore.password = HUNTER2
            a.ssl.keystore.key = HUNTER2
            a.basic.auth.user.info = HUNTER2
            a.sasl.oauthbearer.client.credentials.client.secret = HUNTER2
            a.some.token = HUNTER2
            a.odd = one two HUNTER2
            a.forged = x\\n  - evil
            forwarding.admin.class = com.example.Admin
            """
        let imported = try ImportedConfiguration.read(text)

        #expect(!imported.yaml.contains("HUNTER2"))
        #expect(!imported.allRemarks.joined().contains("HUNTER2"))
        #expect(imported.yaml.contains("securityProtocol: SASL_SSL\n"))
        #expect(!imported.yaml.contains("HARMLESS"))
        #expect(imported.allRemarks.contains("forwarding.admin.class = com.example.Admin: has no equivalent"))
        #expect(imported.yaml.split(separator: "\n").allSatisfy { !$0.hasPrefix("  - evil") })
    }

    @Test func `what is no description of a replicator is refused without a word of it`() {
        let error = #expect(throws: ImportFailure.self) {
            try ImportedConfiguration.read(#"{"kafkaClusters": "HUNTER2", "replicationInfoList": []}"#)
        }

        #expect(error?.description.contains("kafkaClusters") == true)
        #expect(error?.description.contains("HUNTER2") == false)
    }
}
