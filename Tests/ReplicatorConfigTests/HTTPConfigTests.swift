import KafkaClient
import Replication
import ReplicatorConfig
import Testing

/// `http`: address, hosts, credentials, TLS.
@Suite struct HTTPConfigTests {
    private static func parse(_ http: String) throws(InvalidConfiguration) -> ConfigFile {
        try ConfigFile.parse(
            """
            clusters: {east: {bootstrapServers: "127.0.0.1:9092"}, west: {bootstrapServers: "127.0.0.1:9192"}}
            flows: [{name: a, source: east, target: west, topics: {allow: [".*"]}}]
            http: \(http)
            """, file: "r.yaml", environment: ["TOKEN": "t0ken"])
    }

    private static func problems(_ http: String) -> String {
        do throws(InvalidConfiguration) {
            _ = try parse(http)
            return ""
        } catch {
            return error.problems.map(\.description).joined(separator: "\n")
        }
    }

    @Test func `everything may be left out but the address`() throws {
        let config = try Self.parse("{listen: \"127.0.0.1:9644\"}")
        #expect(config.http == HostAndPort(host: "127.0.0.1", port: 9644))
        #expect(config.httpAccess == HTTPAccessSettings())
    }

    @Test func `everything may be there`() throws {
        let config = try Self.parse(
            """
            {listen: "0.0.0.0:9644", allowedHosts: [replicator.svc, "*.replicas.example", "a.example:443"],
              authentication: {users: {ops: "${env:TOKEN}", "jan e": x}, tokens: {prometheus: "${env:TOKEN}"},
                anonymous: read},
              tls: {certificateFile: a.pem, keyFile: a.key, keyPassword: "${env:TOKEN}"}}
            """)
        let access = config.httpAccess
        let authentication = try #require(access.authentication)

        #expect(access.allowedHosts == ["replicator.svc", "*.replicas.example", "a.example:443"])
        #expect(authentication.users.keys.sorted() == ["jan e", "ops"])
        #expect(try authentication.users["jan e"]?.reveal() == "x")
        #expect(try authentication.tokens["prometheus"]?.reveal() == "t0ken")
        #expect(authentication.anonymousMayRead)
        #expect(access.tls?.certificateFile == "a.pem")
        #expect(access.tls?.keyFile == "a.key")
        #expect(access.tls?.keyPassword != nil)
        #expect(!"\(access)".contains("t0ken"))
    }

    @Test func `series of topics and groups are bounded`() throws {
        let usual = try Self.parse("{listen: \"127.0.0.1:1\"}").series
        let own = try Self.parse("{listen: \"127.0.0.1:1\", metrics: {topics: 0, groups: 5}}").series

        #expect([usual.topics, usual.groups] == [1_000, 1_000])
        #expect([own.topics, own.groups] == [0, 5])
    }

    @Test func `strangers may read only where that is said`() throws {
        let config = try Self.parse("{listen: \"127.0.0.1:1\", authentication: {users: {a: b}}}")
        #expect(config.httpAccess.authentication?.anonymousMayRead == false)
    }

    @Test(arguments: [
        "authentication: ops:hush", "authentication: {users: \"ops:hush\"}", "authentication: {tokens: hush}",
    ])
    func `secrets in the wrong place are not shown`(setting: String) {
        let problems = Self.problems("{listen: \"127.0.0.1:1\", \(setting)}")
        #expect(problems.contains("expected a mapping"))
        #expect(!problems.contains("hush"))
    }

    @Test(arguments: [
        ("authentication: {users: {\"a:b\": x}}", "holds no colon"),
        ("authentication: {users: {\"\": x}}", "is not empty"),
        ("authentication: {users: {a: }}", "missing required key \"a\""),
        ("authentication: {users: {a: [x]}}", "expected text"),
        ("authentication: {users: [a]}", "expected a mapping"),
        ("authentication: {}", "nobody would have access"),
        ("authentication: {anonymous: none}", "nobody would have access"),
        ("authentication: {anonymous: act}", "expected one of none, read"),
        ("authentication: {user: {a: b}}", "did you mean \"users\"?"),
        ("allowedHosts: [\"http://a.example\"]", "is not NAME"),
        ("allowedHosts: [\"*\"]", "is not NAME"),
        ("allowedHosts: [a b]", "is not NAME"),
        ("allowedHosts: [\"a.example/\"]", "is not NAME"),
        ("metrics: {topics: -1}", "outside 0"),
        ("metrics: {groups: many}", "expected an integer"),
        ("metrics: {topic: 5}", "did you mean \"topics\"?"),
        ("tls: {keyFile: a.key}", "missing required key \"certificateFile\""),
        ("tls: {certificateFile: a.pem, trustFile: b}", "unknown key"),
    ])
    func `what makes no sense is refused`(setting: String, message: String) {
        #expect(Self.problems("{listen: \"127.0.0.1:1\", \(setting)}").contains(message))
    }
}
