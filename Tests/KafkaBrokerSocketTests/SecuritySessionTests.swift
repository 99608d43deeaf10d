import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Sessions that end, and how they are renewed (KIP-368).
@Suite(.timeLimit(.minutes(1))) struct SecuritySessionTests {
    @Test func `a session's length is told, and it is renewed on the same connection`() async throws {
        try await withSecuredCluster(["connections.max.reauth.ms": "60000"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let first = try await connection.authenticate("alice", "secret")
                #expect(first.sessionLifetimeMs == 60_000)
                let again = try await connection.authenticate("alice", "secret")
                #expect(again.errorCode == .none)
                #expect(try await connection.metadata().brokers.count == 1)
            }
        }
    }

    @Test func `nobody becomes somebody else on the way`() async throws {
        try await withSecuredCluster(["connections.max.reauth.ms": "60000"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await connection.authenticate("alice", "secret")
                let other = try await connection.authenticate("bob", "secret")
                #expect(other.errorCode == .saslAuthenticationFailed)
                #expect(
                    other.errorMessage
                        == "Cannot change principals during re-authentication from User:alice: User:bob")
                try await connection.waitUntilClosed()
            }
        }
    }

    @Test func `the mechanism stays`() async throws {
        try await withSecuredCluster(["connections.max.reauth.ms": "60000"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await connection.authenticate("admin", "secret")
                let answer = try await connection.shakeHands("SCRAM-SHA-256")
                #expect(answer.errorCode == .unsupportedSaslMechanism)
            }
        }
    }

    @Test func `after its end a session is good for nothing but its renewal`() async throws {
        try await withSecuredCluster(["connections.max.reauth.ms": "1"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.authenticate("alice", "secret")
                #expect(answer.sessionLifetimeMs == 1)
                await #expect(throws: RawConnection.Failure.closed) {
                    // The first of these that comes after the end closes the connection.
                    while true { _ = try await connection.metadata() }
                }
            }
        }
    }

    @Test func `sessions without an end are not renewed`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.authenticate("alice", "secret")
                #expect(answer.sessionLifetimeMs == 0)
                #expect(try await connection.shakeHands("PLAIN").errorCode == .illegalSaslState)
                #expect(try await connection.authenticate([]).errorCode == .illegalSaslState)
                #expect(try await connection.metadata().brokers.count == 1)
            }
        }
    }

    /// An unsecured token of this moment, as it is sent.
    private func token(_ life: Double) -> [UInt8] {
        func part(_ text: String) -> String {
            Data(text.utf8).base64EncodedString().replacing("+", with: "-").replacing("/", with: "_")
                .replacing("=", with: "")
        }
        let now = Date().timeIntervalSince1970
        let claims = "{\"sub\":\"carol\",\"iat\":\(now + min(0, life - 1)),\"exp\":\(now + life)}"
        return Array("n,,\u{1}auth=Bearer \(part("{\"alg\":\"none\"}")).\(part(claims)).\u{1}\u{1}".utf8)
    }

    @Test func `a token that was issued this very moment is valid`() async throws {
        try await withSecuredCluster(["sasl.enabled.mechanisms": "OAUTHBEARER"]) { cluster in
            for _ in 1...50 {
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    _ = try await connection.shakeHands("OAUTHBEARER")
                    let answer = try await connection.authenticate(token(100))
                    #expect(answer.sessionLifetimeMs > 0, "\(String(buffer: answer.authBytes))")
                }
            }
        }
    }

    @Test func `a token's session is no longer than the token`() async throws {
        try await withSecuredCluster(["sasl.enabled.mechanisms": "OAUTHBEARER"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await connection.shakeHands("OAUTHBEARER")
                let answer = try await connection.authenticate(token(100))
                #expect((1...100_000).contains(answer.sessionLifetimeMs))
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await connection.shakeHands("OAUTHBEARER")
                let refused = try await connection.authenticate(token(-1))
                #expect(String(buffer: refused.authBytes) == "{\"status\":\"invalid_token\"}")
                let confirmed = try await connection.authenticate([1])
                #expect(confirmed.errorCode == .saslAuthenticationFailed)
                #expect(confirmed.errorMessage == "{\"status\":\"invalid_token\"}")
                try await connection.waitUntilClosed()
            }
        }
    }
}
