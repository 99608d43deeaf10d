import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
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
}
