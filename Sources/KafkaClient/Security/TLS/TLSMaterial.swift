import ForeignErrors
import FoundationEssentials
import NIOCore
import NIOSSL

/// The contents of the files that TLS settings name, as they are at one moment.
struct TLSMaterial: Hashable {
    private var authorities: [UInt8]?
    private var certificates: [UInt8]?
    private var key: [UInt8]?
    private var keyPassword: String?
    private var keystore: [UInt8]?
    private var keystorePassword: String?

    /// True if nothing came from a file.
    var isEmpty: Bool { authorities == nil && certificates == nil && keystore == nil }
}

extension TLSSettings {
    /// Reads the files and, unless they are the same as before, prepares what connections share.
    ///
    /// - Parameter names: how the configuration calls these settings, for errors.
    /// - Returns: nil for the context when nothing has changed.
    func context(
        unless previous: TLSMaterial?, names prefix: String = "tls."
    ) throws(KafkaError.Reason) -> (TLSMaterial, NIOSSLContext?) {
        let material = try TLSMaterial(self, prefix)
        guard material != previous else { return (material, nil) }
        return (material, try material.makeContext(self, prefix))
    }
}

extension TLSMaterial {
    fileprivate init(_ settings: TLSSettings, _ prefix: String) throws(KafkaError.Reason) {
        authorities = try Self.read(prefix + "caFile", settings.caFile)
        certificates = try Self.read(prefix + "certificateFile", settings.certificateFile)
        keystore = try Self.read(prefix + "keystoreFile", settings.keystoreFile)
        key = try Self.read(prefix + "keyFile", settings.keyFile)
        keyPassword = try Self.reveal(prefix + "keyPassword", settings.keyPassword)
        keystorePassword = try Self.reveal(prefix + "keystorePassword", settings.keystorePassword)
        if certificates == nil, key != nil {
            throw .configuration("\(prefix)keyFile is set without \(prefix)certificateFile; a key alone proves nothing")
        }
        if certificates != nil, keystore != nil {
            throw .configuration("\(prefix)keystoreFile and \(prefix)certificateFile are both set; one has to go")
        }
    }

    private static func read(_ name: String, _ path: String?) throws(KafkaError.Reason) -> [UInt8]? {
        guard let path else { return nil }
        do { return Array(try Data(contentsOf: URL(filePath: path))) } catch {
            throw .configuration("\(name) \"\(path)\" cannot be read: \(ForeignError.words(error))")
        }
    }

    private static func reveal(_ name: String, _ secret: Secret?) throws(KafkaError.Reason) -> String? {
        do { return try secret?.reveal() } catch { throw .configuration("\(name): \(error)") }
    }

    fileprivate func makeContext(_ settings: TLSSettings, _ prefix: String) throws(KafkaError.Reason) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.certificateVerification =
            switch settings.verification {
            case .full: .fullVerification
            case .chainOnly: .noHostnameVerification
            case .none: .none
            }
        if let authorities {
            configuration.trustRoots = .certificates(
                try parse(prefix + "caFile", settings.caFile) { try NIOSSLCertificate.fromPEMBytes(authorities) })
        }
        if let certificates {
            let chain = try parse(prefix + "certificateFile", settings.certificateFile) {
                try NIOSSLCertificate.fromPEMBytes(certificates)
            }
            let privateKey = try parse(prefix + "keyFile", settings.keyFile ?? settings.certificateFile) {
                try makePrivateKey(key ?? certificates)
            }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(privateKey)
        }
        if let keystore {
            let (chain, key) = try parse(prefix + "keystoreFile", settings.keystoreFile) {
                let store = try KeyStore(pkcs12: keystore, password: keystorePassword ?? "")
                return (
                    try store.chain.map { try NIOSSLCertificate(bytes: $0, format: .der) },
                    try NIOSSLPrivateKey(bytes: store.key, format: .der)
                )
            }
            configuration.certificateChain = chain.map { .certificate($0) }
            configuration.privateKey = .privateKey(key)
        }
        do { return try NIOSSLContext(configuration: configuration) } catch {
            let why = ForeignError.words(error)
            throw .configuration("TLS cannot be set up: \(why); check that certificate and key belong together")
        }
    }

    private func makePrivateKey(_ bytes: [UInt8]) throws -> NIOSSLPrivateKey {
        guard let keyPassword else { return try NIOSSLPrivateKey(bytes: bytes, format: .pem) }
        return try NIOSSLPrivateKey(bytes: bytes, format: .pem) { use in use(Array(keyPassword.utf8)) }
    }

    private func parse<Value>(
        _ name: String, _ path: String?, _ read: () throws -> Value
    ) throws(KafkaError.Reason) -> Value {
        do { return try read() } catch {
            let why =
                switch error {
                case NIOSSLError.failedToLoadPrivateKey where keyPassword == nil:
                    "it is not a PEM key, or needs tls.keyPassword"
                case NIOSSLError.failedToLoadPrivateKey: "it is not a PEM key, or tls.keyPassword is wrong"
                case NIOSSLError.failedToLoadCertificate: "it holds no PEM certificate"
                case let failure as KeyStore.Failure: failure.description
                default: ForeignError.words(error)
                }
            throw .configuration("\(name) \"\(path ?? "")\" cannot be read: \(why)")
        }
    }
}

extension TLSMaterial: CustomReflectable {
    /// Keys and passwords never show themselves.
    var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
