import KafkaClient
import KafkaWire
import NIOCore
import NIOSSL
import Testing

/// TLS with certificates made for the occasion.
@Suite struct TLSTests {
    static func security(_ change: (inout TLSSettings) -> Void) -> SecuritySettings {
        var tls = TLSSettings()
        change(&tls)
        return SecuritySettings(.tls, tls: tls)
    }

    /// What connecting with these settings fails with; nil when it works.
    static func failure(_ broker: FakeBroker, _ security: SecuritySettings) async throws -> KafkaError? {
        try await withClient(of: [broker.address]) {
            $0.security = security
        } _: { client in
            do {
                _ = try await client.metadata(.none)
                return nil
            } catch let error as KafkaError {
                return error
            }
        }
    }

    @Test func `a broker whose certificate chains to the given root is trusted`() async throws {
        try await withCertificates { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext())
            #expect(try await Self.failure(broker, Self.security { $0.caFile = files.ca }) == nil)
            try await broker.stop()
        }
    }

    @Test func `a broker that the system's roots do not know is refused`() async throws {
        try await withCertificates { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext())
            let error = try #require(try await Self.failure(broker, SecuritySettings(.tls)))
            guard case .connection(.tls(let why)) = error.reason else {
                Issue.record("\(error)")
                return
            }
            #expect(why.contains("CERTIFICATE_VERIFY_FAILED"))
            #expect(error.remedy == .stop)
            #expect(broker.requests.isEmpty)
            try await broker.stop()
        }
    }

    @Test func `a certificate for another host is refused, unless told that this is its name`() async throws {
        try await withCertificates(serverName: "DNS:kafka.example") { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext())

            let error = try await Self.failure(broker, Self.security { $0.caFile = files.ca })
            let named = try await Self.failure(
                broker,
                Self.security {
                    $0.caFile = files.ca
                    $0.serverName = "kafka.example"
                })
            let unverified = try await Self.failure(
                broker,
                Self.security {
                    $0.caFile = files.ca
                    $0.verification = .chainOnly
                })

            guard case .connection(.tls(let why))? = error?.reason else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(why.contains("another host name"))
            #expect(named == nil)
            #expect(unverified == nil)
            try await broker.stop()
        }
    }

    @Test func `a client shows its certificate, from a key with a password`() async throws {
        try await withCertificates { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext(requiresClient: true))

            let shown = try await Self.failure(
                broker,
                Self.security {
                    $0.caFile = files.ca
                    $0.certificateFile = files.client
                    $0.keyFile = files.clientKey
                    $0.keyPassword = Secret("opensesame")
                })
            let withheld = try await Self.failure(broker, Self.security { $0.caFile = files.ca })

            #expect(shown == nil)
            #expect(withheld != nil)
            try await broker.stop()
        }
    }

    @Test func `files that cannot be used are named`() async throws {
        try await withCertificates { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext())

            let missing = try await Self.failure(broker, Self.security { $0.caFile = "/nowhere/ca.pem" })
            let locked = try await Self.failure(
                broker,
                Self.security {
                    $0.certificateFile = files.client
                    $0.keyFile = files.clientKey
                    $0.keyPassword = Secret("wrong")
                })
            let halfGiven = try await Self.failure(broker, Self.security { $0.keyFile = files.clientKey })

            #expect(missing?.description.contains("tls.caFile \"/nowhere/ca.pem\" cannot be read") == true)
            #expect(locked?.description.contains("tls.keyFile") == true)
            #expect(locked?.description.contains("tls.keyPassword is wrong") == true)
            #expect(halfGiven?.description.contains("tls.keyFile is set without tls.certificateFile") == true)
            #expect(broker.connections == 0)
            try await broker.stop()
        }
    }

    @Test func `a listener with TLS is recognised by a client without`() async throws {
        try await withCertificates { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext())
            let error = try #require(try await Self.failure(broker, .plaintext))
            #expect("\(error)".contains("TLS"))
            try await broker.stop()
        }
    }

    @Test func `a listener without TLS is recognised by a client with`() async throws {
        let broker = try await FakeBroker.ordinary()
        let error = try #require(try await Self.failure(broker, SecuritySettings(.tls)))
        #expect("\(error)".contains("TLS"))
        try await broker.stop()
    }
}
