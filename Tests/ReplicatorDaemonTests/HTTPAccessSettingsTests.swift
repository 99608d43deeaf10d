import KafkaClient
import Observability
import ReplicatorConfig
import ReplicatorDaemon
import TestSupport
import Testing

@Suite struct HTTPAccessSettingsTests {
    private func config(_ http: String) throws(InvalidConfiguration) -> ConfigFile {
        try ConfigFile.parse(
            """
            clusters: {east: {bootstrapServers: "127.0.0.1:9092"}, west: {bootstrapServers: "127.0.0.1:9192"}}
            flows: [{name: a, source: east, target: west, topics: {allow: [".*"]}}]
            http: {\(http)}
            """, file: "r.yaml")
    }

    private func warning(_ http: String) throws -> String? {
        let config = try config(http)
        return HTTPExposure.warning(try #require(config.http), config.httpAccess)
    }

    private let users = "authentication: {users: {a: b}}"
    private let tls = "tls: {certificateFile: a.pem}"

    @Test(arguments: ["127.0.0.1:1", "127.8.9.1:1", "[::1]:1", "localhost:1", "[::ffff:127.0.0.1]:1"])
    func `on loopback nothing is said`(address: String) throws {
        #expect(try warning("listen: \"\(address)\"") == nil)
    }

    @Test(arguments: ["0.0.0.0:1", "[::]:1", "10.0.0.1:1", "replicator.example:1", "127.0.0.1.evil.example:1"])
    func `an address that others reach needs credentials and TLS`(address: String) throws {
        let open = try #require(try warning("listen: \"\(address)\""))
        #expect(open.contains("pause and resume every flow"))
        #expect(open.contains("http.authentication and http.tls"))

        let clear = try #require(try warning("listen: \"\(address)\", \(users)"))
        #expect(clear.contains("in the clear"))
        #expect(!clear.contains("pause"))

        let unknown = try #require(try warning("listen: \"\(address)\", \(tls)"))
        #expect(unknown.contains("pause and resume every flow"))
        #expect(unknown.contains("set http.authentication, or"))

        #expect(try warning("listen: \"\(address)\", \(users), \(tls)") == nil)
    }

    @Test func `those who may read without credentials are named`() throws {
        let text = try warning("listen: \"0.0.0.0:1\", authentication: {users: {a: b}, anonymous: read}")
        #expect(text?.contains("anyone who reaches it can read") == true)
    }

    @Test func `secrets are read when the rules are made`() async throws {
        try await withFiles(["password": "one\n"]) { files in
            let config = try config(
                "listen: \"127.0.0.1:1\", authentication: {users: {ops: \"${file:\(files["password"])}\"}}")
            func right(_ password: String) throws -> Right? {
                let rules = try HTTPAccess.Rules(config.httpAccess, listeningOn: "127.0.0.1")
                return rules.credentials?.right(of: "Basic \(password)")
            }

            #expect(try right("b3BzOm9uZQ==") == .act)
            try files.write("two", "password")
            #expect(try right("b3BzOm9uZQ==") == nil)
            #expect(try right("b3BzOnR3bw==") == .act)
            try files.write("\n", "password")
            #expect(throws: HTTPAccess.Rules.Unusable.self) { try right("b3BzOg==") }
        }
    }

    @Test(arguments: [
        ("authentication: {tokens: {scraper: \"${file:/nowhere/token}\"}}", "http.authentication.tokens.scraper"),
        ("tls: {certificateFile: /nowhere/a.pem}", "http.tls.certificateFile \"/nowhere/a.pem\""),
        ("tls: {certificateFile: /dev/null}", "it holds no PEM certificate"),
    ])
    func `files that cannot be used are named`(setting: String, message: String) throws {
        let config: ConfigFile
        do throws(InvalidConfiguration) { config = try self.config("listen: \"127.0.0.1:1\", \(setting)") } catch {
            #expect("\(error)".contains("/nowhere/token"))
            return
        }
        do throws(HTTPAccess.Rules.Unusable) {
            _ = try HTTPAccess.Rules(config.httpAccess, listeningOn: "127.0.0.1")
            Issue.record("nothing was wrong")
        } catch {
            #expect(error.description.contains(message))
        }
    }

    @Test(arguments: ["a.example", "a_b", "a.example:80", "*.a.example", "10.0.0.1", "10.0.0.1:80", "[::1]:80", "::1"])
    func `hosts that configurations may list are hosts that requests may name`(pattern: String) throws {
        _ = try config("listen: \"127.0.0.1:1\", allowedHosts: [\"\(pattern)\"]")
        #expect(HostPattern(pattern) != nil)
    }
}
