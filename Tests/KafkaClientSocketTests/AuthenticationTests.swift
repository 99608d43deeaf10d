import CryptoPrimitives
import KafkaClient
import KafkaWire
import NIOCore
import Synchronization
import Testing

/// SASL over a connection, against a server of our own.
@Suite struct AuthenticationTests {
    static func settings(_ mechanism: SASLSettings.PasswordMechanism, password: String = "secret") -> SecuritySettings {
        SecuritySettings(
            .saslPlaintext,
            sasl: SASLSettings(mechanism: mechanism, username: "alice", password: Secret(password)))
    }

    /// A listener that knows PLAIN and one user, alice with the password `secret`.
    static func plainBroker(
        lifetimeMs: Int64 = 0, _ other: @escaping FakeBroker.Handler = { _ in [.close] }
    ) async throws -> FakeBroker {
        try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .apiVersions, .metadata:
                return nil
            case .saslHandshake:
                var response = SaslHandshakeResponse()
                response.mechanisms = ["PLAIN"]
                let mechanism = try request.decode(SaslHandshakeRequest.self).mechanism
                response.errorCode = mechanism == "PLAIN" ? .none : .unsupportedSaslMechanism
                return [try request.reply(response)]
            case .saslAuthenticate:
                var response = SaslAuthenticateResponse()
                let token = try request.decode(SaslAuthenticateRequest.self).authBytes
                if token == ByteBuffer(string: "\0alice\0secret") {
                    response.sessionLifetimeMs = lifetimeMs
                } else {
                    response.errorCode = .saslAuthenticationFailed
                    response.errorMessage = "Authentication failed: Invalid username or password"
                }
                return [try request.reply(response)]
            default:
                return try other(request)
            }
        }
    }

    @Test func `PLAIN sends name and password before anything else`() async throws {
        let broker = try await Self.plainBroker()
        try await withClient(of: [broker.address]) {
            $0.security = Self.settings(.plain)
        } _: { client in
            _ = try await client.metadata(.none)
        }
        #expect(
            broker.requests.map(\.header.apiKey) == [.apiVersions, .saslHandshake, .saslAuthenticate, .metadata])
        try await broker.stop()
    }

    @Test func `a wrong password is not tried again, and not shown`() async throws {
        let broker = try await Self.plainBroker()
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.settings(.plain, password: "guess-me")
        } _: { client in
            try await kafkaError { _ = try await client.clusterID() }
        }
        #expect(
            error.description
                == "east: authenticating at \(broker.address): not authenticated: user \"alice\" was refused: Authentication failed: Invalid username or password"
        )
        #expect(!error.isRetriable)
        #expect(broker.connections == 1)
        #expect(!"\(error) \(String(reflecting: error))".contains("guess-me"))
        try await broker.stop()
    }

    @Test func `a mechanism that the listener lacks is named with those that it has`() async throws {
        let broker = try await Self.plainBroker()
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.settings(.scramSHA256)
        } _: { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        #expect(error.reason == .authentication("the listener does not offer SCRAM-SHA-256; it offers PLAIN"))
        try await broker.stop()
    }

    @Test func `SASL without credentials is a configuration error`() async throws {
        let broker = try await Self.plainBroker()
        let error = try await withClient(of: [broker.address]) {
            $0.security = SecuritySettings(.saslPlaintext)
        } _: { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        #expect(
            error.description
                == "east: authenticating at \(broker.address): SASL_PLAINTEXT needs sasl settings: mechanism, username, password"
        )
        try await broker.stop()
    }

    @Test(arguments: [SASLSettings.PasswordMechanism.scramSHA256, .scramSHA512])
    func `SCRAM proves both sides`(mechanism: SASLSettings.PasswordMechanism) async throws {
        let broker = try await Self.scramBroker(mechanism, password: "secret")
        try await withClient(of: [broker.address]) {
            $0.security = Self.settings(mechanism)
        } _: { client in
            _ = try await client.metadata(.none)
        }
        #expect(broker.requests(of: .saslAuthenticate).count == 2)
        try await broker.stop()
    }

    @Test func `a SCRAM server that does not know the password gets nothing`() async throws {
        let broker = try await Self.scramBroker(.scramSHA256, password: "another", acceptsAnything: true)
        let error = try await withClient(of: [broker.address]) {
            $0.security = Self.settings(.scramSHA256)
        } _: { client in
            try await kafkaError { _ = try await client.metadata(.none) }
        }
        guard case .authentication(let why) = error.reason else {
            Issue.record("\(error)")
            return
        }
        #expect(why.hasPrefix("the broker could not prove that it knows the password"))
        #expect(broker.requests(of: .metadata).isEmpty)
        try await broker.stop()
    }

    @Test func `a session is renewed before it ends, and what is asked meanwhile waits`() async throws {
        // The listener counts: two authentications, and no other request between handshake and authentication.
        let broker = try await Self.plainBroker(lifetimeMs: 50) { request in
            [try request.reply(ListGroupsResponse())]
        }
        try await withClient(of: [broker.address]) {
            $0.security = Self.settings(.plain)
        } _: { client in
            let connection = try await client.connection(to: 1, purpose: .fetch(0))
            while broker.requests(of: .saslAuthenticate).count(where: { $0.connection == 1 }) < 3 {
                _ = try await connection.send(ListGroupsRequest())
            }
            #expect(await connection.isOpen)
        }
        let keys = broker.requests.filter { $0.connection == 1 }.map(\.header.apiKey)
        for (index, key) in keys.enumerated() where key == .saslHandshake {
            #expect(keys.dropFirst(index + 1).first.map { $0 == .saslAuthenticate } ?? true)
        }
        try await broker.stop()
    }

    /// The server's side of SCRAM, from the same formulas.
    static func scramBroker(
        _ mechanism: SASLSettings.PasswordMechanism, password: String, acceptsAnything: Bool = false
    ) async throws -> FakeBroker {
        let hash: HashAlgorithm = mechanism == .scramSHA256 ? .sha256 : .sha512
        let salted = hash.stretch(password: Array(password.utf8), salt: [1, 2, 3, 4], iterations: 4096)
        let exchanged = Mutex("")
        return try await FakeBroker.ordinary { request in
            switch request.header.apiKey {
            case .saslHandshake: return [try request.reply(SaslHandshakeResponse())]
            case .saslAuthenticate:
                let message = String(buffer: try request.decode(SaslAuthenticateRequest.self).authBytes)
                var response = SaslAuthenticateResponse()
                if message.hasPrefix("n,,") {
                    let nonce = message.split(separator: "r=").last ?? ""
                    let first = "r=\(nonce)more,s=\(Base64.encode([1, 2, 3, 4])),i=4096"
                    exchanged.withLock { $0 = "\(message.dropFirst(3)),\(first)" }
                    response.authBytes = ByteBuffer(string: first)
                    return [try request.reply(response)]
                }
                let parts = message.split(separator: ",p=")
                let all = Array("\(exchanged.withLock { $0 }),\(parts[0])".utf8)
                let clientKey = hash.authenticationCode(key: salted, Array("Client Key".utf8))
                let signature = hash.authenticationCode(key: hash.digest(clientKey), all)
                let proof = zip(clientKey, signature).map { $0 ^ $1 }
                guard acceptsAnything || Base64.encode(proof) == parts[1] else {
                    response.errorCode = .saslAuthenticationFailed
                    return [try request.reply(response)]
                }
                let serverKey = hash.authenticationCode(key: salted, Array("Server Key".utf8))
                let proofOfServer = hash.authenticationCode(key: serverKey, all)
                response.authBytes = ByteBuffer(string: "v=\(Base64.encode(proofOfServer))")
                return [try request.reply(response)]
            default: return nil
            }
        }
    }
}
