import Foundation
import NIOSSL
import Testing

/// Certificates from the `openssl` command: a root, a server for 127.0.0.1, and a client whose key has a password.
struct Certificates {
    let directory: String

    var ca: String { directory + "/ca.pem" }
    var client: String { directory + "/client.pem" }
    var clientKey: String { directory + "/client.key" }

    subscript(name: String) -> String { "\(directory)/\(name)" }

    /// - Parameter name: of the files that hold certificate and key.
    func serverContext(_ name: String = "server", requiresClient: Bool = false) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: try NIOSSLCertificate.fromPEMFile(self["\(name).pem"]).map { .certificate($0) },
            privateKey: .privateKey(try NIOSSLPrivateKey(file: self["\(name).key"], format: .pem)))
        if requiresClient {
            configuration.certificateVerification = .noHostnameVerification
            configuration.trustRoots = .file(ca)
        }
        return try NIOSSLContext(configuration: configuration)
    }
}

/// - Parameters:
///   - serverName: the server certificate's subject alternative name.
///   - more: makes further files; `new` makes a key and a certificate or request.
func withCertificates(
    serverName: String = "IP:127.0.0.1", and more: String = "", _ body: (Certificates) async throws -> Void
) async throws {
    let directory = FileManager.default.temporaryDirectory.appending(path: "certificates-\(UUID())")
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: directory) }
    let script = """
        set -e
        new() { openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -days 2 "$@"; }
        new -x509 -nodes -keyout ca.key -out ca.pem -subj /CN=root
        new -nodes -keyout server.key -out server.csr -subj /CN=server
        printf 'subjectAltName=\(serverName)' > server.ext
        openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile server.ext -out server.pem
        new -passout pass:opensesame -keyout client.key -out client.csr -subj /CN=client
        openssl x509 -req -in client.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -out client.pem
        \(more)
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
    try await body(Certificates(directory: directory.path()))
}
