import CryptoPrimitives
import Foundation
import KafkaClient
import KafkaWire
import NIOCore
import NIOHTTP1
import Synchronization
import TestSupport
import Testing

/// OAUTHBEARER: tokens from files and from token endpoints, shown to a server of our own.
@Suite struct OAuthTests {
    /// A listener that takes the tokens for which `accepts` says so, and refuses others as RFC 7628 has it.
    static func broker(
        lifetimeMs: Int64 = 0, accepts: @escaping @Sendable (String) -> Bool = { _ in true }
    ) async throws -> FakeBroker {
        let refused = Mutex<Set<Int>>([])
        return try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .saslHandshake: return [try request.reply(SaslHandshakeResponse())]
            case .saslAuthenticate:
                let message = String(buffer: try request.decode(SaslAuthenticateRequest.self).authBytes)
                var response = SaslAuthenticateResponse()
                if message == "\u{01}", refused.withLock({ $0.remove(request.connection) }) != nil {
                    response.errorCode = .saslAuthenticationFailed
                    response.errorMessage = "Authentication failed"
                } else if accepts(token(in: message)) {
                    response.sessionLifetimeMs = lifetimeMs
                } else {
                    refused.withLock { _ = $0.insert(request.connection) }
                    response.authBytes = ByteBuffer(string: #"{"status":"invalid_token"}"#)
                }
                return [try request.reply(response)]
            case .listGroups: return [try request.reply(ListGroupsResponse())]
            default: return nil
            }
        }
    }

    private static func token(in message: String) -> String {
        let start = "n,,\u{01}auth=Bearer "
        return message.hasPrefix(start) ? String(message.dropFirst(start.count).prefix { $0 != "\u{01}" }) : ""
    }

    static func messages(_ broker: FakeBroker) throws -> [String] {
        try broker.requests(of: .saslAuthenticate).map {
            String(buffer: try $0.decode(SaslAuthenticateRequest.self).authBytes)
        }
    }

    static func security(_ source: OAuthSettings.Source, extensions: [String: String] = [:]) -> SecuritySettings {
        var settings = OAuthSettings(source)
        settings.extensions = extensions
        return SecuritySettings(.saslPlaintext, sasl: .oauthBearer(settings))
    }

    static func grant(
        _ server: FakeHTTPServer, path: String = "/token",
        _ change: (inout OAuthSettings.ClientCredentials) -> Void = { _ in }
    ) throws -> OAuthSettings.Source {
        let address = try #require(HTTPAddress(server.url + path))
        var grant = OAuthSettings.ClientCredentials(
            tokenEndpoint: address, clientID: "replicator", clientSecret: Secret("s3cr+t/="))
        change(&grant)
        return .clientCredentials(grant)
    }

    static func connect(_ broker: FakeBroker, _ security: SecuritySettings) async throws -> KafkaError? {
        try await TLSTests.failure(broker, security)
    }

    /// A JSON web token without a signature that anybody could check.
    static func webToken(_ claims: String) -> String {
        let encode = { (text: String) in
            Base64.encode(Array(text.utf8)).replacing("+", with: "-").replacing("/", with: "_").replacing("=", with: "")
        }
        return "\(encode(#"{"alg":"none"}"#)).\(encode(claims)).c2ln"
    }

    @Test func `a token from a file is sent with its extensions, and read anew for each connection`() async throws {
        let broker = try await Self.broker()
        try await withFiles(["token": "first\n"]) { files in
            let security = Self.security(
                .file(files["token"]), extensions: ["logicalCluster": "lkc-1", "identityPoolId": "p"])
            #expect(try await Self.connect(broker, security) == nil)
            try files.write("second", "token")
            #expect(try await Self.connect(broker, security) == nil)
        }
        #expect(
            try Self.messages(broker) == [
                "n,,\u{01}auth=Bearer first\u{01}identityPoolId=p\u{01}logicalCluster=lkc-1\u{01}\u{01}",
                "n,,\u{01}auth=Bearer second\u{01}identityPoolId=p\u{01}logicalCluster=lkc-1\u{01}\u{01}",
            ])
        try await broker.stop()
    }

    @Test func `a refusal is answered by the dummy, and named with the broker's document`() async throws {
        let broker = try await Self.broker { $0 == "good" }
        try await withFiles(["token": "bad-one"]) { files in
            let error = try await Self.connect(broker, Self.security(.file(files["token"])))
            #expect(
                error?.reason
                    == .authentication(#"the token was refused: Authentication failed {"status":"invalid_token"}"#))
            #expect(error?.isRetriable == false)
            #expect(error?.isAuthenticationFailure == true)
            #expect(error.map { "\($0)".contains("bad-one") } == false)
        }
        #expect(try Self.messages(broker).last == "\u{01}")
        try await broker.stop()
    }

    @Test(arguments: [
        (#"{"exp": 1000000000}"#, "the token expired 2001-09-09T01:46:40Z"),
        (#"{"nbf": 9000000000, "exp": 9000000100}"#, "the token is not valid before 2255-03-14T16:00:00Z"),
        (#"{"iat": 9000000000, "exp": 9000000100}"#, "compare the clocks"),
    ])
    func `a refused token that looks wrong from here says so`(claims: String, hint: String) async throws {
        let broker = try await Self.broker { _ in false }
        try await withFiles(["token": Self.webToken(claims)]) { files in
            let error = try #require(try await Self.connect(broker, Self.security(.file(files["token"]))))
            #expect("\(error)".contains(hint), "\(error)")
        }
        try await broker.stop()
    }

    @Test(arguments: ["", "  \n", "two words", "with\u{01}end", String(repeating: "x", count: 200_000)])
    func `a file without a token never reaches the broker`(contents: String) async throws {
        let broker = try await Self.broker()
        try await withFiles(["token": contents]) { files in
            let error = try #require(try await Self.connect(broker, Self.security(.file(files["token"]))))
            #expect("\(error)".contains("sasl.tokenFile \"\(files["token"])\": the token "), "\(error)")
            #expect("\(error)".utf8.count < 500)
            try files.remove("token")
            let gone = try #require(try await Self.connect(broker, Self.security(.file(files["token"]))))
            #expect("\(gone)".contains("no such file"))
            #expect(gone.isRetriable)
        }
        #expect(broker.connections == 0)
        try await broker.stop()
    }

    @Test func `a token endpoint is asked as RFC 6749 has it, once for all connections`() async throws {
        let broker = try await Self.broker { $0 == "tok" }
        let server = try await FakeHTTPServer { _ in
            .reply(200, #"{"access_token":"tok","token_type":"Bearer","expires_in":3600}"#)
        }
        let source = try Self.grant(server) { $0.scope = "kafka read" }
        try await withClient(of: [broker.address]) {
            $0.security = Self.security(source)
        } _: { client in
            async let first = client.connection(to: 1, purpose: .fetch(0))
            async let second = client.connection(to: 1, purpose: .fetch(1))
            _ = try await (first, second)
            _ = try await client.connection(to: 1, purpose: .produce(0))
        }
        #expect(try Self.messages(broker).count >= 3)
        #expect(server.requests.count == 1)
        let request = try #require(server.requests.first)
        #expect(request.method == .POST)
        #expect(request.target == "/token")
        #expect(request.body == "grant_type=client_credentials&scope=kafka%20read")
        #expect(request.headers["Content-Type"] == ["application/x-www-form-urlencoded"])
        #expect(request.headers["Accept"] == ["application/json"])
        #expect(request.headers["Host"] == ["127.0.0.1:\(server.address.port)"])
        #expect(request.headers["Authorization"] == ["Basic \(Base64.encode(Array("replicator:s3cr+t/=".utf8)))"])
        try await server.stop()
        try await broker.stop()
    }

    @Test func `id and secret are form-encoded where that is asked for`() async throws {
        let broker = try await Self.broker()
        let server = try await FakeHTTPServer { _ in .reply(200, #"{"access_token":"tok","expires_in":"60"}"#) }
        let source = try Self.grant(server) { $0.headerURLEncode = true }
        #expect(try await Self.connect(broker, Self.security(source)) == nil)
        #expect(
            server.requests.first?.headers["Authorization"]
                == ["Basic \(Base64.encode(Array("replicator:s3cr%2Bt%2F%3D".utf8)))"])
        try await server.stop()
        try await broker.stop()
    }

    @Test func `a token endpoint with TLS is trusted by its own roots`() async throws {
        try await withCertificates { files in
            let broker = try await Self.broker()
            let server = try await FakeHTTPServer(tls: files.serverContext()) { _ in
                .reply(200, #"{"access_token":"tok","expires_in":60}"#)
            }
            let address = try #require(HTTPAddress("https://127.0.0.1:\(server.address.port)/token"))
            var grant = OAuthSettings.ClientCredentials(
                tokenEndpoint: address, clientID: "c", clientSecret: Secret("s3cret"))
            let unknown = try #require(
                try await Self.connect(broker, Self.security(.clientCredentials(grant))))
            grant.caFile = files.ca
            let known = try await Self.connect(broker, Self.security(.clientCredentials(grant)))

            #expect(known == nil)
            #expect("\(unknown)".contains("token endpoint \(address): TLS failed"), "\(unknown)")
            #expect("\(unknown)".contains("not signed by a root that is trusted here"), "\(unknown)")
            #expect(!unknown.isRetriable)
            #expect(server.requests.count == 1)
            try await server.stop()
            try await broker.stop()
        }
    }

    @Test func `a secret that is changed in its file is used for the next token`() async throws {
        let broker = try await Self.broker()
        let server = try await FakeHTTPServer { _ in .reply(200, #"{"access_token":"tok"}"#) }
        try await withFiles(["secret": "one\n"]) { files in
            let source = try Self.grant(server) { $0.clientSecret = Secret(file: files["secret"]) }
            try await withClient(of: [broker.address]) {
                $0.security = Self.security(source)
            } _: { client in
                _ = try await client.connection(to: 1, purpose: .fetch(0))
                try files.write("two\n", "secret")
                _ = try await client.connection(to: 1, purpose: .fetch(1))
            }
        }
        let sent = server.requests.compactMap { $0.headers["Authorization"].first }
        #expect(sent.first == "Basic \(Base64.encode(Array("replicator:one".utf8)))")
        #expect(sent.last == "Basic \(Base64.encode(Array("replicator:two".utf8)))")
        try await server.stop()
        try await broker.stop()
    }

    @Test(arguments: [
        (
            FakeHTTPServer.Answer.reply(
                401, #"{"error":"invalid_client","error_description":"Bad secret s3cr+t/= \n given"}"#), false,
            "it does not accept client \"replicator\" (401): invalid_client: Bad secret •••   given"
        ),
        (.reply(400, #"{"error":"invalid_scope"}"#), false, "it answers 400: invalid_scope"),
        (.reply(404, "<html>"), false, "it answers 404: nothing is served under this address"),
        (.reply(302, ""), false, "it answers 302; redirections are not followed"),
        (.reply(503, "busy"), true, "it answers 503: no reason given"),
        (.reply(429, ""), true, "it answers 429: no reason given"),
        (.reply(200, "<html>"), false, "its answer is no JSON document of the expected form"),
        (.reply(200, "{}"), false, "its answer has no access_token"),
        (.reply(200, #"{"access_token":"a b"}"#), false, "the token holds characters that no bearer token has"),
        (.reply(200, String(repeating: "[", count: 100_000)), false, "its answer is no JSON document"),
        (.endless, false, "its answer is larger than 262144 bytes"),
        (.raw("hello there\r\n\r\n"), false, "it does not speak HTTP"),
        (.close, true, "it closed the connection without an answer"),
        (.silence, true, "no answer within 0.4 seconds"),
    ])
    func `a token endpoint that fails is named with its reason and without the secret`(
        answer: FakeHTTPServer.Answer, isRetriable: Bool, expected: String
    ) async throws {
        let broker = try await Self.broker()
        let server = try await FakeHTTPServer { _ in answer }
        let source = try Self.grant(server, path: "/realms/x/token?key=private")
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.security(source)
            if case .silence = answer { $0.connectTimeout = .milliseconds(500) }
        } _: { client in
            try await kafkaError { _ = try await client.connection(to: 1, purpose: .fetch(0)) }
        }

        #expect(error.operation == .authenticate)
        #expect("\(error)".contains("token endpoint \(server.url)/realms/x/token: \(expected)"), "\(error)")
        #expect(error.isRetriable == isRetriable)
        #expect(error.isAuthenticationFailure)
        for secret in ["s3cr+t/=", "private"] { #expect(!"\(error) \(String(reflecting: error))".contains(secret)) }
        #expect(broker.connections == 0)
        try await server.stop()
        try await broker.stop()
    }

    @Test func `an endpoint that is down is not asked by every connection`() async throws {
        let broker = try await Self.broker()
        let server = try await FakeHTTPServer { _ in .reply(503, "") }
        let source = try Self.grant(server)
        try await withClient(of: [broker.address]) {
            $0.security = Self.security(source)
        } _: { client in
            for purpose in 0..<20 {
                _ = try await kafkaError { _ = try await client.connection(to: 1, purpose: .fetch(purpose)) }
            }
        }
        #expect(server.requests.count < 5)
        try await server.stop()
        try await broker.stop()
    }

    @Test func `a client goes on as soon as the endpoint does`() async throws {
        let broker = try await Self.broker()
        let answers = Mutex(0)
        let server = try await FakeHTTPServer { _ in
            answers.withLock { count in
                count += 1
                return count == 1 ? .reply(503, "") : .reply(200, #"{"access_token":"tok","expires_in":60}"#)
            }
        }
        let source = try Self.grant(server)
        try await withClient(of: [broker.address]) {
            $0.security = Self.security(source)
        } _: { client in
            let error = try await kafkaError { _ = try await client.metadata(.none) }
            #expect(error.isRetriable)
            while (try? await client.metadata(.none)) == nil {}
        }
        #expect(server.requests.count == 2)
        try await server.stop()
        try await broker.stop()
    }
}
