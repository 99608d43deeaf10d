internal import Glibc
package import NIOSSL

/// Certificate and key of the HTTP server, as files hold them.
package struct ServerCertificate {
    /// A file that cannot be used: says which and why.
    package struct Failure: Error, Hashable, CustomStringConvertible {
        package let description: String
    }

    private let certificateFile: String
    private let keyFile: String
    private let keyPassword: String?

    /// - Parameter keyFile: nil when the key is in the same file as the certificate.
    package init(certificateFile: String, keyFile: String?, keyPassword: String?) {
        self.certificateFile = certificateFile
        self.keyFile = keyFile ?? certificateFile
        self.keyPassword = keyPassword
    }

    /// Reads the files, and prepares what connections share: TLS 1.2 or 1.3, and HTTP/1.1.
    package func makeContext() throws(Failure) -> NIOSSLContext {
        let chain = try use("certificateFile", certificateFile) { try NIOSSLCertificate.fromPEMFile($0) }
        guard !chain.isEmpty else { throw failure("certificateFile", certificateFile, "it holds no PEM certificate") }
        let password = keyPassword.map { Array($0.utf8) }
        let key = try use("keyFile", keyFile) { path in
            guard let password else {
                return try NIOSSLPrivateKey(file: path, format: .pem) { $0([UInt8]()) }
            }
            return try NIOSSLPrivateKey(file: path, format: .pem) { $0(password) }
        }
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw Failure(
                description: "http.tls: certificate \"\(certificateFile)\" and key \"\(keyFile)\" cannot be used: "
                    + "\(error); check that they belong together")
        }
    }

    private func use<Value>(_ name: String, _ path: String, _ read: (String) throws -> Value) throws(Failure) -> Value {
        guard access(path, R_OK) == 0 else { throw failure(name, path, String(cString: strerror(errno))) }
        do { return try read(path) } catch NIOSSLError.failedToLoadCertificate {
            throw failure(name, path, "it holds no PEM certificate")
        } catch NIOSSLError.failedToLoadPrivateKey {
            throw failure(
                name, path,
                keyPassword == nil
                    ? "it holds no PEM key, or needs http.tls.keyPassword"
                    : "it holds no PEM key, or http.tls.keyPassword is wrong")
        } catch {
            throw failure(name, path, "\(error)")
        }
    }

    private func failure(_ name: String, _ path: String, _ why: String) -> Failure {
        Failure(description: "http.tls.\(name) \"\(path)\" cannot be read: \(why)")
    }
}
