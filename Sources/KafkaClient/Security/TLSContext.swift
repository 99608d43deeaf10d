import NIOCore
import NIOSSL

extension TLSSettings {
    /// Loads the files and prepares what all connections of a cluster share.
    func makeContext() throws(KafkaError.Reason) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification =
            switch verification {
            case .full: .fullVerification
            case .chainOnly: .noHostnameVerification
            case .none: .none
            }
        if let caFile {
            configuration.trustRoots = .certificates(
                try load("tls.caFile", caFile) { try NIOSSLCertificate.fromPEMFile($0) })
        }
        if let certificateFile {
            configuration.certificateChain = try load("tls.certificateFile", certificateFile) {
                try NIOSSLCertificate.fromPEMFile($0).map { .certificate($0) }
            }
            // One file may hold both, as many tools write it.
            configuration.privateKey = .privateKey(try loadKey(keyFile ?? certificateFile))
        } else if keyFile != nil {
            throw .configuration("tls.keyFile is set without tls.certificateFile; a key alone proves nothing")
        }
        do { return try NIOSSLContext(configuration: configuration) } catch {
            throw .configuration("TLS cannot be set up: \(error); check that certificate and key belong together")
        }
    }

    private func loadKey(_ path: String) throws(KafkaError.Reason) -> NIOSSLPrivateKey {
        try load("tls.keyFile", path) { path in
            guard let keyPassword else { return try NIOSSLPrivateKey(file: path, format: .pem) }
            return try NIOSSLPrivateKey(file: path, format: .pem) { use in use(Array(keyPassword.reveal().utf8)) }
        }
    }

    private func load<Value>(
        _ key: String, _ path: String, _ read: (String) throws -> Value
    ) throws(KafkaError.Reason) -> Value {
        do { return try read(path) } catch {
            let why =
                switch error {
                case NIOSSLError.failedToLoadPrivateKey where keyPassword == nil:
                    "it is not a PEM key, or needs tls.keyPassword"
                case NIOSSLError.failedToLoadPrivateKey: "it is not a PEM key, or tls.keyPassword is wrong"
                case NIOSSLError.failedToLoadCertificate: "it holds no PEM certificate"
                default: "\(error)"
                }
            throw .configuration("\(key) \"\(path)\" cannot be read: \(why)")
        }
    }
}
