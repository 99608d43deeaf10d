import ClusterTestSupport
import CryptoPrimitives
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Users that are made, changed and removed while the cluster runs.
@Suite(.timeLimit(.minutes(1))) struct SCRAMAdministrationTests {
    private static func upsertion(
        _ user: String, _ mechanism: Int8 = 1, iterations: Int32 = 4096
    ) -> AlterUserScramCredentialsRequest.ScramCredentialUpsertion {
        var upsertion = AlterUserScramCredentialsRequest.ScramCredentialUpsertion()
        upsertion.name = user
        upsertion.mechanism = mechanism
        upsertion.iterations = iterations
        upsertion.salt = ByteBuffer(string: "salt")
        // PBKDF2 with SHA-256 of "pencil", "salt", 4096 rounds, by Python's hashlib.
        upsertion.saltedPassword = ByteBuffer(bytes: [
            0x09, 0x97, 0x56, 0x4f, 0x29, 0x29, 0x23, 0x27, 0x13, 0x12, 0x69, 0x80, 0x37, 0xb6, 0xb0, 0xa0,
            0x6a, 0x8b, 0xe7, 0xfb, 0xd9, 0x12, 0x48, 0x08, 0x47, 0xc5, 0xa1, 0xac, 0xe4, 0xb8, 0xd1, 0xc7,
        ])
        return upsertion
    }

    private static func alter(
        _ connection: RawConnection, _ change: (inout AlterUserScramCredentialsRequest) -> Void
    ) async throws -> [ErrorCode] {
        var request = AlterUserScramCredentialsRequest()
        change(&request)
        return try await connection.send(request).results.map(\.errorCode)
    }

    private static func deletion(_ user: String, _ mechanism: Int8)
        -> AlterUserScramCredentialsRequest.ScramCredentialDeletion
    {
        var deletion = AlterUserScramCredentialsRequest.ScramCredentialDeletion()
        deletion.name = user
        deletion.mechanism = mechanism
        return deletion
    }

    @Test func `a user made at run time is known after a restart and unknown after its removal`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "scram-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withSecuredCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(cluster, as: "admin") { admin in
                let codes = try await Self.alter(admin) { $0.upsertions = [Self.upsertion("carol")] }
                #expect(codes == [.none])
            }
        }
        try await withSecuredCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let refusal = try await connection.scram("SCRAM-SHA-256", "carol", "pencil")
                #expect(refusal == nil)
            }
            try await RawConnection.open(cluster, as: "admin") { admin in
                let codes = try await Self.alter(admin) { $0.deletions = [Self.deletion("carol", 1)] }
                #expect(codes == [.none])
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let refusal = try await connection.scram("SCRAM-SHA-256", "carol", "pencil")
                #expect(refusal == .saslAuthenticationFailed)
            }
        }
    }

    @Test func `descriptions name mechanisms and iterations`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(cluster, as: "admin") { admin in
                _ = try await Self.alter(admin) {
                    $0.upsertions = [
                        Self.upsertion("b", 2, iterations: 5000), Self.upsertion("b"), Self.upsertion("a"),
                    ]
                }
                var request = DescribeUserScramCredentialsRequest()
                request.users = nil
                let all = try await admin.send(request)
                #expect(all.results.map(\.user) == ["a", "b"])
                #expect(all.results.last?.credentialInfos.map(\.mechanism) == [1, 2])
                #expect(all.results.last?.credentialInfos.map(\.iterations) == [4096, 5000])

                var unknown = DescribeUserScramCredentialsRequest.UserName()
                unknown.name = "nobody"
                request.users = [unknown]
                #expect(try await admin.send(request).results.map(\.errorCode) == [.resourceNotFound])
                request.users = [unknown, unknown]
                #expect(try await admin.send(request).results.map(\.errorCode) == [.duplicateResource])
            }
        }
    }

    @Test func `changes that cannot be are refused, user by user`() async throws {
        try await withSecuredCluster { cluster in
            try await RawConnection.open(cluster, as: "admin") { admin in
                let refused = try await Self.alter(admin) {
                    $0.upsertions = [
                        Self.upsertion("few", iterations: 4095), Self.upsertion("many", iterations: 16_385),
                        Self.upsertion("twice"), Self.upsertion("twice"), Self.upsertion("unknown", 3),
                        Self.upsertion("well"), Self.upsertion(""),
                    ]
                    $0.deletions = [Self.deletion("absent", 1)]
                }
                // In order of the users' names: "", absent, few, many, twice, unknown, well.
                #expect(
                    refused == [
                        .unacceptableCredential, .resourceNotFound, .unacceptableCredential, .unacceptableCredential,
                        .duplicateResource, .unsupportedSaslMechanism, .none,
                    ])
            }
        }
    }

    /// The part of a user that a client sees before it proves anything: the salt and the iterations.
    private static func firstAnswer(
        _ cluster: EmbeddedCluster, _ mechanism: String, _ user: String
    ) async throws -> (salt: [UInt8], iterations: Int) {
        try await RawConnection.open(port: cluster.ports[0]) { connection in
            let greeting = try await connection.shakeHands(mechanism)
            try #require(greeting.errorCode == .none)
            let answer = try await connection.authenticate(Array("n,,n=\(user),r=abc".utf8))
            let fields = String(buffer: answer.authBytes).split(separator: ",")
            let salt = try #require(Base64.decode(fields[1].dropFirst(2)))
            return (salt, try #require(Int(fields[2].dropFirst(2))))
        }
    }

    @Test func `a user that does not exist cannot be told from one that does`() async throws {
        let directory = try TemporaryDirectory().path
        let text = Array("0123456789abcdefghijklmnop".utf8)
        let binary = [UInt8](0..<64)
        var seen: [String: [UInt8]] = [:]
        for run in 0..<2 {
            try await withSecuredCluster(dataDirectory: directory) { cluster in
                try await RawConnection.open(cluster, as: "admin") { admin in
                    let codes = try await Self.alter(admin) { request in
                        request.upsertions = (0..<20).map { index in
                            var user = Self.upsertion("user\(index)", 1, iterations: index < 10 ? 8192 : 4096)
                            user.salt = ByteBuffer(bytes: index < 10 ? text : binary)
                            return user
                        }
                    }
                    #expect(codes == .init(repeating: .none, count: 20))
                }
                var shapes: Set<[Int]> = []
                for name in (0..<30).map({ "nobody\($0)" }) {
                    let (salt, iterations) = try await Self.firstAnswer(cluster, "SCRAM-SHA-256", name)
                    let again = try await Self.firstAnswer(cluster, "SCRAM-SHA-256", name)
                    #expect(again.salt == salt && again.iterations == iterations)
                    shapes.insert([salt.count, iterations])
                    let isText = salt.allSatisfy { UInt8(ascii: "0")...UInt8(ascii: "z") ~= $0 }
                    #expect(isText == (salt.count == text.count))
                    if run == 1 { #expect(seen[name] == salt, "as a user's own, it is the same after a restart") }
                    seen[name] = salt
                }
                // The one of the listener's settings has a share, too.
                #expect(shapes.isSubset(of: [[26, 8192], [64, 4096], [16, 4096]]))
                #expect(shapes.isSuperset(of: [[26, 8192], [64, 4096]]))
                // Of the other mechanism there is only the user of the settings.
                let other = try await Self.firstAnswer(cluster, "SCRAM-SHA-512", "nobody0")
                #expect(other.salt.count == 16 && other.iterations == 4096)
                let known = try await Self.firstAnswer(cluster, "SCRAM-SHA-512", "admin")
                #expect(known.salt.count == 16 && known.iterations == 4096)
                if run == 1 { #expect(seen["admin"] == known.salt) }
                seen["admin"] = known.salt
                try await RawConnection.open(port: cluster.ports[0]) { connection in
                    let refusal = try await connection.scram("SCRAM-SHA-256", "nobody0", "x")
                    #expect(refusal == .saslAuthenticationFailed)
                }
            }
        }
    }
}
