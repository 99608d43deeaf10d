import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Who is let in, and what becomes of who is not.
@Suite(.printsSeed, .timeLimit(.minutes(1))) struct SecurityTests {
    @Test func `before authentication only what leads to it is answered`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let versions = try await connection.send(ApiVersionsRequest(), version: 2)
                #expect(versions.errorCode == .none)
                await #expect(throws: RawConnection.Failure.closed) { _ = try await connection.metadata() }
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let offered = try await connection.shakeHands("PLAIN").mechanisms
                #expect(offered.count == 3)
                await #expect(throws: RawConnection.Failure.closed) { _ = try await connection.metadata() }
            }
        }
    }

    @Test func `tokens before the handshake, and a handshake among tokens, end the connection`() async throws {
        try await withSecuredCluster { cluster in
            let early = try await RawConnection.connect(port: cluster.ports[0])
            await #expect(throws: RawConnection.Failure.closed) { _ = try await early.authenticate([]) }
            let again = try await RawConnection.connect(port: cluster.ports[0])
            _ = try await again.shakeHands("SCRAM-SHA-256")
            _ = try await again.authenticate(Array("n,,n=admin,r=abc".utf8))
            await #expect(throws: RawConnection.Failure.closed) { _ = try await again.shakeHands("SCRAM-SHA-256") }
        }
    }

    @Test func `a password lets its user in, on the listener that asks for it`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(cluster, as: "alice") { connection in
                let told = try await connection.metadata().brokers.map(\.port)
                #expect(told == [Int32(cluster.ports[0])])
            }
            let other = try #require(cluster.bootstrapServers(listener: "plaintext")?.split(separator: ":").last)
            try await RawConnection.open(port: try #require(Int(other))) { connection in
                let told = try await connection.metadata().brokers.map(\.port)
                #expect(told == [Int32(other)])
                #expect(try await connection.shakeHands("PLAIN").errorCode == .illegalSaslState)
                #expect(try await connection.authenticate([]).errorCode == .illegalSaslState)
            }
            #expect(cluster.bootstrapServers(listener: "SSL") == nil)
        }
    }

    @Test(arguments: [
        ("alice", "Secret", "Authentication failed: Invalid username or password"),
        ("mallory", "secret", "Authentication failed: Invalid username or password"),
        ("alice", "", "Authentication failed: password not specified"),
        ("", "secret", "Authentication failed: username not specified"),
    ])
    func `a wrong password is told and ends the connection`(user: String, password: String, message: String)
        async throws
    {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.authenticate(user, password)
                #expect(answer.errorCode == .saslAuthenticationFailed)
                #expect(answer.errorMessage == message)
                try await connection.waitUntilClosed()
            }
        }
    }

    @Test func `tokens come bare after the handshake's version 0`() async throws {
        func bare(_ text: String) -> ByteBuffer {
            var bytes = ByteBuffer(integer: Int32(text.utf8.count))
            bytes.writeString(text)
            return bytes
        }
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.shakeHands("PLAIN", version: 0)
                #expect(answer.errorCode == .none)
                #expect(try await connection.exchange(bare("\0alice\0secret")).readableBytes == 0)
                #expect(try await connection.metadata().brokers.count == 1)
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.shakeHands("PLAIN", version: 0)
                #expect(answer.errorCode == .none)
                await #expect(throws: RawConnection.Failure.closed) {
                    _ = try await connection.exchange(bare("\0alice\0wrong"))
                }
            }
        }
    }

    @Test func `a mechanism that is not offered is told with those that are`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let answer = try await connection.shakeHands("GSSAPI")
                #expect(answer.errorCode == .unsupportedSaslMechanism)
                #expect(answer.mechanisms == ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
                try await connection.waitUntilClosed()
            }
        }
    }

    @Test(arguments: ["SCRAM-SHA-256", "SCRAM-SHA-512"])
    func `SCRAM proves both sides to each other`(mechanism: String) async throws {
        try await withSecuredCluster { cluster in
            for (user, password, error) in [
                ("admin", "secret", nil), ("admin", "wrong", ErrorCode.saslAuthenticationFailed),
                ("nobody", "secret", ErrorCode.saslAuthenticationFailed),
            ] {
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    let refusal = try await connection.scram(mechanism, user, password)
                    #expect(refusal == error, "\(user) \(password)")
                }
            }
        }
    }

    @Test func `an unknown user is led as far as a known one`() async throws {
        try await withSecuredCluster { cluster in
            var salts: [String] = []
            for _ in 0..<2 {
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    _ = try await connection.shakeHands("SCRAM-SHA-256")
                    let answer = try await connection.authenticate(Array("n,,n=nobody,r=abc".utf8))
                    #expect(answer.errorCode == .none)
                    salts.append(String(String(buffer: answer.authBytes).split(separator: ",")[1]))
                }
            }
            #expect(salts[0] == salts[1])
        }
    }

    @Test func `whoever has not authenticated gets no room for large frames`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.write(ByteBuffer(integer: Int32(65_537)))
                try await connection.waitUntilClosed()
            }
            try await RawConnection.open(cluster, as: "alice") { connection in
                try await connection.createTopic("t")
                #expect(
                    try await connection.produce([String(repeating: "x", count: 100_000)], to: "t").errorCode == .none)
            }
        }
    }

    @Test func `a connection that does not authenticate is closed however busy it looks`() async throws {
        try await withSecuredCluster(["connections.max.idle.ms": "300"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                var answers = 0
                do {
                    while answers < 1_000_000 {
                        _ = try await connection.send(ApiVersionsRequest(), version: 2)
                        answers += 1
                    }
                } catch {
                    #expect(error as? RawConnection.Failure == .closed)
                }
                #expect((1..<1_000_000).contains(answers))
            }
        }
    }

    @Test func `a silent connection is closed, one that waits for its answer is not`() async throws {
        try await withCluster(properties: ["connections.max.idle.ms": "200"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                let poll = try await connection.begin(FetchRequest.plain("t") { $0.maxWaitMs = 1000 }, version: 12)
                #expect(try await poll.get().errorCode == .none)
                try await connection.waitUntilClosed()
            }
        }
    }

    @Test func `noise instead of tokens costs its connection and nothing else`() async throws {
        try await withSecuredCluster { cluster in
            var source = seeded(7)
            let starts = ["", "n,,", "n,,n=admin,r=abc", "n,,\u{1}auth=Bearer ", "\0\0", "{\"version\":\"2020_10_22\""]
            for round in 0..<150 {
                let hostile = try await RawConnection.connect(port: cluster.ports[0])
                let mechanism = ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"][round % 3]
                _ = try await hostile.shakeHands(mechanism)
                var token = Array(starts[round % starts.count].utf8)
                token += (0..<Int.random(in: 0...60, using: &source)).map { _ in .random(in: 0...255, using: &source) }
                let answer = try await hostile.authenticate(token)
                #expect(answer.errorCode == .saslAuthenticationFailed || !answer.authBytes.readableBytesView.isEmpty)
                await hostile.close()
            }
            try await RawConnection.open(cluster, as: "alice") { connection in
                let brokers = try await connection.metadata().brokers
                #expect(brokers.count == 1)
            }
        }
    }

    @Test func `passwords are never shown`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(cluster, as: "admin") { connection in
                var request = DescribeConfigsRequest()
                request.includeSynonyms = true
                var resource = DescribeConfigsRequest.DescribeConfigsResource()
                resource.resourceType = 4
                resource.resourceName = "1"
                resource.configurationKeys = nil
                request.resources = [resource]
                let configs = try #require(try await connection.send(request).results.first).configs
                let jaas = try #require(configs.first { $0.name == "sasl.jaas.config" })
                #expect(jaas.isSensitive)
                #expect(jaas.configType == 9)
                #expect(jaas.value == nil)
                #expect(jaas.synonyms.allSatisfy { $0.value == nil })
                #expect(!"\(configs)".contains("secret"))
            }
        }
    }

    @Test(arguments: [
        (["listeners": "SASL_SSL://"], "ssl.keystore.location: listener SASL_SSL uses TLS"),
        (["listeners": "SASL_PLAINTEXT://"], "sasl.enabled.mechanisms: listener SASL_PLAINTEXT uses SASL"),
        (
            ["listeners": "SASL_PLAINTEXT://", "sasl.enabled.mechanisms": "PLAIN"],
            "sasl.jaas.config: listener SASL_PLAINTEXT offers PLAIN and knows no user"
        ),
        (
            [
                "listeners": "SASL_PLAINTEXT://", "sasl.enabled.mechanisms": "PLAIN",
                "listener.name.sasl_plaintext.sasl.jaas.config": "PlainLoginModule required user_a=\"hidden;",
            ], "listener.name.sasl_plaintext.sasl.jaas.config: the configuration for PLAIN is not of the form"
        ),
        (
            ["listeners": "SASL_PLAINTEXT://", "sasl.enabled.mechanisms": "GSSAPI"],
            "sasl.enabled.mechanisms: \"GSSAPI\""
        ),
        (["listeners": "SSL://", "ssl.keystore.location": "/nowhere.pem"], "ssl.keystore.location: there is no file"),
        (["listeners": "EXTERNAL://"], "listeners: no security protocol is defined for EXTERNAL"),
        (["listeners": "PLAINTEXT://,PLAINTEXT://:1"], "listeners: each listener must have a different name"),
        (["listeners": "PLAINTEXT://:5,SSL://:5"], "listeners: SSL and PLAINTEXT meet on port 5"),
        (["listeners": "PLAINTEXT"], "listeners: \"PLAINTEXT\" is not NAME://HOST:PORT"),
        (["advertised.listeners": "SSL://a:1"], "advertised.listeners: SSL is not among listeners"),
        (["advertised.listeners": "PLAINTEXT://0.0.0.0:1"], "advertised.listeners: PLAINTEXT://0.0.0.0:1 names no"),
        (["listener.name.ssl.ssl.client.auth": "none"], "listener.name.ssl.ssl.client.auth: there is no listener SSL"),
        (["listener.name.plaintext.num.partitions": "1"], "num.partitions cannot be set for one listener"),
        (["authorizer.class.name": "com.example.Mine"], "authorizer.class.name: \"com.example.Mine\" cannot be loaded"),
        (
            ["authorizer.class.name": "kafka.security.authorizer.AclAuthorizer", "super.users": "admin"],
            "super.users: \"admin\" is not Type:name"
        ),
    ])
    func `settings that cannot be are refused in words`(properties: [String: String], message: String) async throws {
        do {
            let cluster = try await EmbeddedCluster.start(BrokerSettings(properties: properties))
            await cluster.shutdown()
            Issue.record("started with \(properties)")
        } catch let error as BrokerError {
            #expect(error.description.contains(message), "\(error)")
            #expect(!error.description.contains("hidden"))
        }
    }

    @Test func `clients are told what is advertised`() async throws {
        try await withCluster(
            nodes: 2, properties: ["advertised.listeners": "PLAINTEXT://broker.example:9000"]
        ) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let brokers = try await connection.metadata().brokers
                #expect(brokers.map(\.host) == ["broker.example", "broker.example"])
                #expect(brokers.map(\.port) == [9000, 9001])
            }
        }
    }
}
