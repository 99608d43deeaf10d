import KafkaClient
import KafkaWire
import NIOCore
import NIOSSL
import TestSupport
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
            #expect(withheld.map { "\($0)".contains("client certificate") } == true, "\(String(describing: withheld))")
            #expect(withheld?.isAuthenticationFailure == true)
            try await broker.stop()
        }
    }

    @Test func `a certificate that has expired is told from one that nobody here knows`() async throws {
        let expired = """
            new -nodes -keyout old.key -out old.csr -subj /CN=old
            openssl x509 -req -in old.csr -CA ca.pem -CAkey ca.key -days -1 -extfile server.ext -out old.pem
            """
        try await withCertificates(and: expired) { files in
            let old = try await FakeBroker.ordinary(tls: files.serverContext("old"))
            let strange = try await FakeBroker.ordinary(tls: files.serverContext())

            let late = try #require(try await Self.failure(old, Self.security { $0.caFile = files.ca }))
            let unknown = try #require(try await Self.failure(strange, SecuritySettings(.tls)))

            #expect("\(late)".contains("the server's certificate is not accepted: expired 20"), "\(late)")
            #expect("\(unknown)".contains("not signed by a root that is trusted here"), "\(unknown)")
            #expect(late.operation == .connect)
            try await old.stop()
            try await strange.stop()
        }
    }

    private static let stranger = """
        new -x509 -nodes -keyout stranger.key -out stranger.pem -subj /CN=stranger
        """

    @Test func `a client certificate that the server does not know is named as the reason`() async throws {
        try await withCertificates(and: Self.stranger) { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext(requiresClient: true))
            let error = try #require(
                try await Self.failure(
                    broker,
                    Self.security {
                        $0.caFile = files.ca
                        $0.certificateFile = files["stranger.pem"]
                        $0.keyFile = files["stranger.key"]
                    }))
            #expect("\(error)".contains("client certificate"), "\(error)")
            #expect(error.isAuthenticationFailure)
            try await broker.stop()
        }
    }

    @Test func `a key store in PKCS#12 does as well, and is named when it does not`() async throws {
        let stores = """
            openssl pkcs12 -export -in client.pem -inkey client.key -passin pass:opensesame -certfile ca.pem -passout pass:store -out client.p12
            openssl pkcs12 -export -nokeys -in ca.pem -passout pass:store -out trust.p12
            """
        try await withCertificates(and: stores) { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext(requiresClient: true))
            func failure(_ file: String, _ password: String?) async throws -> String? {
                try await Self.failure(
                    broker,
                    Self.security {
                        $0.caFile = files.ca
                        $0.keystoreFile = file
                        $0.keystorePassword = password.map { Secret($0) }
                    }
                ).map { "\($0)" }
            }

            #expect(try await failure(files["client.p12"], "store") == nil)
            for password in ["wrong", nil] {
                let locked = try await failure(files["client.p12"], password)
                #expect(
                    locked?.contains("client.p12\" cannot be read: tls.keystorePassword is wrong or missing") == true,
                    "\(locked ?? "")")
            }
            let trust = try await failure(files["trust.p12"], "store")
            #expect(trust?.contains("it holds no key with a certificate") == true, "\(trust ?? "")")
            let text = try await failure(files.ca, "store")
            #expect(text?.contains("it is not a PKCS#12 file") == true, "\(text ?? "")")
            let missing = try await failure("/nowhere/client.p12", "store")
            #expect(missing?.contains("tls.keystoreFile \"/nowhere/client.p12\" cannot be read: no such file") == true)
            try await broker.stop()
        }
    }

    @Test func `certificates that are replaced are used for the next connection, broken ones are not`() async throws {
        try await withCertificates(and: Self.stranger) { files in
            let broker = try await FakeBroker.ordinary(tls: files.serverContext(requiresClient: true))
            let log = CapturingLog()
            try await withFiles([:]) { current in
                try current.copy(files["stranger.pem"], to: "client.pem")
                try current.copy(files["stranger.key"], to: "client.key")
                try await withClient(of: [broker.address], logger: log.logger) {
                    $0.security = Self.security {
                        $0.caFile = files.ca
                        $0.certificateFile = current["client.pem"]
                        $0.keyFile = current["client.key"]
                        $0.keyPassword = Secret("opensesame")
                    }
                } _: { client in
                    let refused = try await kafkaError { _ = try await client.metadata(.none) }
                    #expect(refused.isAuthenticationFailure)

                    // The certificate alone does not fit the old key: what was there before stays in use.
                    try current.copy(files.client, to: "client.pem")
                    _ = try await kafkaError { _ = try await client.metadata(.none) }
                    #expect(log.lines.contains { $0.contains("TLS files cannot be used; the old ones stay in use") })

                    try current.copy(files.clientKey, to: "client.key")
                    _ = try await client.metadata(.none)

                    try current.write("garbage", "client.key")
                    _ = try await client.connection(to: 1, purpose: .fetch(0))
                }
            }
            #expect(log.lines.contains { $0.contains("TLS files have changed; new connections use them") })
            #expect(!log.lines.contains { $0.contains("opensesame") })
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
