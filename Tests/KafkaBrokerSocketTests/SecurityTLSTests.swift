import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// TLS listeners: what they start with, what they refuse to start with, and what strangers get.
@Suite(.timeLimit(.minutes(1))) struct SecurityTLSTests {
    /// Makes a directory with a root, a server's and a client's certificate by the `openssl` command.
    private static func withFiles(_ body: (String) async throws -> Void) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "tls-\(UUID())")
        try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: directory) }
        let script = """
            set -e
            new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 "$@"; }
            new -x509 -nodes -keyout ca.key -out ca.pem -subj /CN=root
            printf 'subjectAltName=IP:127.0.0.1' > names
            for who in server client; do
                new -nodes -keyout $who.key -out $who.csr -subj "/O=Example/CN=$who"
                openssl x509 -req -in $who.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile names -out $who.crt
                cat $who.crt $who.key > $who.pem
            done
            openssl pkcs12 -export -in server.crt -inkey server.key -out server.p12 -passout pass:opensesame
            openssl pkcs8 -topk8 -in server.key -out locked.key -passout pass:opensesame
            cat server.crt locked.key > locked.pem
            printf '\\376\\355\\376\\355' > java.jks
            """
        let process = Process()
        process.executableURL = URL(filePath: "/bin/sh")
        process.arguments = ["-c", script]
        process.currentDirectoryURL = directory
        process.standardError = FileHandle.nullDevice
        process.standardOutput = FileHandle.nullDevice
        try process.run()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0, "openssl failed")
        try await body(directory.path() + "/")
    }

    private static func refusal(_ properties: [String: String]) async throws -> String {
        do {
            let cluster = try await EmbeddedCluster.start(
                BrokerSettings(properties: properties.merging(["listeners": "SSL://"]) { own, _ in own }))
            await cluster.shutdown()
            return ""
        } catch let error as BrokerError {
            return error.description
        }
    }

    @Test func `certificates and keys come from PEM, PKCS#12 or text`() async throws {
        try await Self.withFiles { files in
            func text(_ name: String) throws -> String { try String(contentsOfFile: files + name, encoding: .utf8) }
            let good: [[String: String]] = [
                ["ssl.keystore.location": files + "server.pem"],
                ["ssl.keystore.location": files + "locked.pem", "ssl.key.password": "opensesame"],
                ["ssl.keystore.location": files + "server.p12", "ssl.keystore.password": "opensesame"],
                ["ssl.keystore.certificate.chain": try text("server.crt"), "ssl.keystore.key": try text("server.key")],
                [
                    "ssl.keystore.location": files + "server.pem", "ssl.client.auth": "required",
                    "ssl.truststore.location": files + "ca.pem", "ssl.enabled.protocols": "TLSv1.3",
                ],
            ]
            for properties in good {
                let refusal = try await Self.refusal(properties)
                #expect(refusal == "")
            }
        }
    }

    @Test func `what cannot be used is refused in words that hold no secret`() async throws {
        try await Self.withFiles { files in
            let bad: [([String: String], String)] = [
                (["ssl.keystore.location": files + "server.crt"], "holds no PEM private key"),
                (["ssl.keystore.location": files + "ca.key"], "holds no PEM certificate"),
                (["ssl.keystore.location": files + "locked.pem"], "ssl.key.password is missing or wrong"),
                (
                    ["ssl.keystore.location": files + "locked.pem", "ssl.key.password": "hidden"],
                    "ssl.key.password is missing or wrong"
                ),
                (
                    ["ssl.keystore.location": files + "server.p12", "ssl.keystore.password": "hidden"],
                    "or ssl.keystore.password is wrong"
                ),
                (["ssl.keystore.location": files + "java.jks"], "keytool -importkeystore"),
                (["ssl.keystore.location": files + "server.pem", "ssl.keystore.type": "BKS"], "is not PEM or PKCS12"),
                (
                    ["ssl.keystore.location": files + "server.pem", "ssl.enabled.protocols": "SSLv3"],
                    "takes TLSv1.2 and TLSv1.3"
                ),
                (
                    ["ssl.keystore.location": files + "server.pem", "ssl.client.auth": "maybe"],
                    "is not none, requested or required"
                ),
                (
                    ["ssl.keystore.location": files + "server.pem", "ssl.principal.mapping.rules": "RULE:(/x/"],
                    "is neither DEFAULT nor RULE:pattern/replacement/[LU]"
                ),
            ]
            for (properties, message) in bad {
                let refusal = try await Self.refusal(properties)
                #expect(refusal.contains(message), "\(refusal)")
                #expect(!refusal.contains("hidden"))
            }
        }
    }

    @Test func `who does not speak TLS is cut off, and who falls silent too`() async throws {
        try await Self.withFiles { files in
            let properties = [
                "listeners": "SSL://", "ssl.keystore.location": files + "server.pem", "connections.max.idle.ms": "300",
            ]
            try await withCluster(properties: properties) { cluster in
                for bytes in [
                    ByteBuffer(string: "GET / HTTP/1.1\r\n\r\n"), ByteBuffer(bytes: [0, 0, 0, 10, 0, 18, 0, 0]),
                ] {
                    let stranger = try await RawConnection.connect(port: cluster.ports[0])
                    try await stranger.write(bytes)
                    try await stranger.waitUntilClosed()
                }
                let silent = try await RawConnection.connect(port: cluster.ports[0])
                try await silent.waitUntilClosed()
            }
        }
    }
}
