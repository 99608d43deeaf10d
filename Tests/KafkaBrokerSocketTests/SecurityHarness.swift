import ClusterTestSupport
import CryptoPrimitives
import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// A cluster whose first listener asks for SASL: users admin (a super user), alice and bob, password "secret".
func withSecuredCluster<Value: Sendable>(
    _ properties: [String: String] = [:], dataDirectory: String? = nil,
    _ body: (EmbeddedCluster) async throws -> Value
) async throws -> Value {
    let users = ["admin", "alice", "bob"].map { "user_\($0)=\"secret\"" }.joined(separator: " ")
    let settings = [
        "listeners": "SASL_PLAINTEXT://,PLAINTEXT://127.0.0.1:0",
        "sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-256,SCRAM-SHA-512",
        "listener.name.sasl_plaintext.plain.sasl.jaas.config":
            "org.apache.kafka.common.security.plain.PlainLoginModule required \(users);",
        "sasl.jaas.config": "ScramLoginModule required user_admin=\"secret\";",
        "super.users": "User:admin", "connection.failed.authentication.delay.ms": "0",
    ]
    return try await withCluster(
        properties: settings.merging(properties) { _, given in given }, dataDirectory: dataDirectory, body)
}

extension RawConnection {
    /// Opens a connection that has proved to be `user`.
    static func open<Value: Sendable>(
        _ cluster: EmbeddedCluster, as user: String, _ body: (RawConnection) async throws -> Value
    ) async throws -> Value {
        try await open(port: cluster.ports[0]) { connection in
            let answer = try await connection.authenticate(user, "secret")
            try #require(answer.errorCode == .none)
            return try await body(connection)
        }
    }

    func shakeHands(_ mechanism: String, version: Int16 = 1) async throws -> SaslHandshakeResponse {
        var request = SaslHandshakeRequest()
        request.mechanism = mechanism
        return try await send(request, version: version)
    }

    func authenticate(_ token: [UInt8], version: Int16 = 2) async throws -> SaslAuthenticateResponse {
        var request = SaslAuthenticateRequest()
        request.authBytes = ByteBuffer(bytes: token)
        return try await send(request, version: version)
    }

    /// Handshake and PLAIN.
    func authenticate(_ user: String, _ password: String) async throws -> SaslAuthenticateResponse {
        try #require(try await shakeHands("PLAIN").errorCode == .none)
        return try await authenticate(Array("\0\(user)\0\(password)".utf8))
    }

    /// SCRAM to its end, with the server's signature checked; nil when the server refuses.
    func scram(_ mechanism: String, _ user: String, _ password: String) async throws -> ErrorCode? {
        try #require(try await shakeHands(mechanism).errorCode == .none)
        var client = SCRAMClient(
            mechanism == "SCRAM-SHA-256" ? .sha256 : .sha512, username: user, password: password, nonce: "abc")
        var message = try client.respond(to: nil)
        while let text = message {
            let answer = try await authenticate(Array(text.utf8))
            guard answer.errorCode == .none else { return answer.errorCode }
            message = try client.respond(to: String(buffer: answer.authBytes))
        }
        return nil
    }
}
