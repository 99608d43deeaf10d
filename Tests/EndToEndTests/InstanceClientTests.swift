import NIOCore
import Observability
import ReplicatorConfig
import ReplicatorDaemon
import Testing

/// An instance that asks another one over HTTP.
@Suite struct InstanceClientTests {
    private let hosts = RequestGuard(
        listeningOn: "127.0.0.1", machineName: nil, allowed: [], listKey: "http.allowedHosts")

    private func settings(_ http: String) throws -> HTTPAccessSettings {
        try ConfigFile.parse(
            """
            clusters: {east: {bootstrapServers: "127.0.0.1:1"}, west: {bootstrapServers: "127.0.0.1:2"}}
            flows: [{name: f, source: east, target: west, topics: {allow: [a]}}]
            http: {listen: "127.0.0.1:1"\(http)}
            """, file: "replicator.yaml"
        ).httpAccess
    }

    private func answer(
        _ http: String, _ credentials: Credentials? = nil, status: String = "{}"
    ) async throws -> Result<String, InstanceSilence> {
        let client = InstanceClient(try settings(http))
        let (answers, continuation) = AsyncStream.makeStream(of: Result<String, InstanceSilence>.self)
        let rules = HTTPAccess.Rules(hosts: hosts, credentials: credentials)
        try await RawHTTP.withServer(ConnectionLimits(), rules, status: status) { server, _ in
            let instance = OtherInstance(id: "b", address: "http://127.0.0.1:\(server.port)")
            continuation.yield(await client.ask(instance, "/api/status?scope=instance"))
        }
        var iterator = answers.makeAsyncIterator()
        return try #require(await iterator.next())
    }

    private func reason(_ result: Result<String, InstanceSilence>) -> String {
        if case .failure(let silence) = result { silence.reason } else { "" }
    }

    @Test func `an answer is taken as it is`() async throws {
        #expect(try await answer("") == .success("{}"))
    }

    @Test(arguments: [
        ", authentication: {users: {ops: secret}}", ", authentication: {users: {ops: wrong}, tokens: {t: token}}",
    ]) func `it logs in as its own configuration has it, with a token where there is one`(http: String) async throws {
        let credentials = Credentials(users: ["ops": "secret"], tokens: ["token"], anonymous: .none)
        #expect(try await answer(http, credentials) == .success("{}"))
    }

    @Test func `one that refuses is named with what it says`() async throws {
        let credentials = Credentials(users: ["ops": "secret"], tokens: [], anonymous: .none)
        let reason = reason(try await answer("", credentials))
        #expect(reason.hasPrefix("http://127.0.0.1:"))
        #expect(reason.contains("answers with status 401"))
    }

    @Test func `where this one has TLS nothing is sent in the clear, whatever is announced`() async throws {
        let reason = reason(
            try await answer(", tls: {certificateFile: none.pem}, authentication: {users: {ops: secret}}"))
        #expect(reason == "http.tls.certificateFile \"none.pem\" cannot be read, or holds no PEM certificate")
    }

    @Test(arguments: [
        (nil, "it announces no address: set instance.advertise there, or http.listen to an address that others reach"),
        ("gopher://x", "its address gopher://x is none"),
    ]) func `an address that is none is told`(address: String?, expected: String) async throws {
        let client = InstanceClient(try settings(""))
        #expect(reason(await client.ask(OtherInstance(id: "b", address: address), "/")) == expected)
    }

    @Test func `one that is not there is told`() async throws {
        let client = InstanceClient(try settings(""))
        let found = reason(await client.ask(OtherInstance(id: "b", address: "http://127.0.0.1:1"), "/"))
        #expect(found == "http://127.0.0.1:1 does not answer: connection refused")
    }
}
