import ForeignErrors
import NIOCore
import NIOSSL

/// The source of a listener's key, certificates and roots: PEM text, PEM files or PKCS#12 files (KIP-651).
struct KeyMaterial {
    private let settings: ListenerProperties

    init(_ settings: ListenerProperties) {
        self.settings = settings
    }

    /// The certificates to show, the node's own first, and the key to the first.
    func identity() throws(BrokerError) -> ([NIOSSLCertificate], NIOSSLPrivateKey) {
        let keyPassword = settings["ssl.key.password"].map(Secret.init)
        if let chain = settings["ssl.keystore.certificate.chain"] {
            guard let key = settings["ssl.keystore.key"] else {
                throw settings.refusal("ssl.keystore.certificate.chain", "ssl.keystore.key must be set with it")
            }
            return (
                try certificates(pem: Array(chain.utf8), key: "ssl.keystore.certificate.chain"),
                try privateKey(pem: Array(key.utf8), keyPassword, key: "ssl.keystore.key")
            )
        }
        let (path, contents, isPEM) = try store("ssl.keystore")
        if isPEM {
            return (
                try certificates(pem: contents, key: "ssl.keystore.location"),
                try privateKey(pem: contents, keyPassword, key: "ssl.keystore.location")
            )
        }
        let bundle = try unlock(contents, "ssl.keystore", path)
        guard let key = bundle.privateKey, let own = bundle.certificate else {
            throw settings.refusal("ssl.keystore.location", "\"\(path)\" holds no key with its certificate")
        }
        do {
            return (
                try ([own] + bundle.others).map { try NIOSSLCertificate(bytes: $0, format: .der) },
                try NIOSSLPrivateKey(bytes: key, format: .der)
            )
        } catch {
            throw settings.refusal("ssl.keystore.location", "\"\(path)\" cannot be used: \(ForeignError.words(error))")
        }
    }

    /// The roots that client certificates must chain to; nil when none are named.
    func roots() throws(BrokerError) -> [NIOSSLCertificate]? {
        if let text = settings["ssl.truststore.certificates"] {
            return try certificates(pem: Array(text.utf8), key: "ssl.truststore.certificates")
        }
        guard settings["ssl.truststore.location"] != nil else { return nil }
        let (path, contents, isPEM) = try store("ssl.truststore")
        if isPEM { return try certificates(pem: contents, key: "ssl.truststore.location") }
        let bundle = try unlock(contents, "ssl.truststore", path)
        do {
            return try (bundle.others + (bundle.certificate.map { [$0] } ?? []))
                .map { try NIOSSLCertificate(bytes: $0, format: .der) }
        } catch {
            let why = ForeignError.words(error)
            throw settings.refusal("ssl.truststore.location", "\"\(path)\" cannot be used: \(why)")
        }
    }

    /// A store's contents and whether they are PEM, which its first bytes tell when `….type` does not.
    private func store(_ prefix: String) throws(BrokerError) -> (path: String, contents: [UInt8], isPEM: Bool) {
        guard let path = settings["\(prefix).location"] else {
            throw settings.refusal(
                "\(prefix).location",
                "listener \(settings.listener) uses TLS and needs its certificate and key: name a PEM or PKCS#12 file")
        }
        let file: ByteBuffer?
        do throws(LogError) { file = try FileSystem.contents(of: path, followsLinks: true) } catch {
            throw settings.refusal("\(prefix).location", "\"\(path)\" cannot be read: \(error)")
        }
        guard let file else { throw settings.refusal("\(prefix).location", "there is no file \"\(path)\"") }
        let contents = Array(file.readableBytesView)
        let isText = String(decoding: contents, as: UTF8.self).contains("-----BEGIN ")
        switch settings["\(prefix).type"]?.trimmed.uppercased() {
        case "PEM": return (path, contents, true)
        case "PKCS12": return (path, contents, false)
        case nil, "JKS":
            guard contents.prefix(4) != [0xFE, 0xED, 0xFE, 0xED] else {
                throw settings.refusal(
                    "\(prefix).location",
                    "\"\(path)\" is a Java key store, which only Java reads; convert it: keytool -importkeystore "
                        + "-srckeystore \(path) -destkeystore store.p12 -deststoretype PKCS12")
            }
            return (path, contents, isText)
        case let type?:
            throw settings.refusal("\(prefix).type", "\"\(type)\" is not PEM or PKCS12")
        }
    }

    private func unlock(_ contents: [UInt8], _ prefix: String, _ path: String) throws(BrokerError) -> PKCS12Bundle {
        guard let bundle = PKCS12Bundle(contents, password: Secret(settings["\(prefix).password"] ?? "")) else {
            throw settings.refusal(
                "\(prefix).location", "\"\(path)\" is not a PKCS#12 file, or \(prefix).password is wrong")
        }
        return bundle
    }

    private func certificates(pem: [UInt8], key: String) throws(BrokerError) -> [NIOSSLCertificate] {
        do {
            let found = try NIOSSLCertificate.fromPEMBytes(pem)
            guard !found.isEmpty else { throw NIOSSLError.failedToLoadCertificate }
            return found
        } catch {
            throw settings.refusal(key, "holds no PEM certificate that can be read")
        }
    }

    private func privateKey(pem: [UInt8], _ password: Secret?, key: String) throws(BrokerError) -> NIOSSLPrivateKey {
        // A file may hold certificates too; the reader wants the key alone.
        guard let block = PEM.privateKeyBlock(in: String(decoding: pem, as: UTF8.self)) else {
            throw settings.refusal(key, "holds no PEM private key")
        }
        do {
            guard let password else { return try NIOSSLPrivateKey(bytes: Array(block.utf8), format: .pem) }
            return try NIOSSLPrivateKey(bytes: Array(block.utf8), format: .pem) { use in use(password.bytes) }
        } catch {
            throw settings.refusal(
                key, "the private key cannot be read: it is not PEM, or ssl.key.password is missing or wrong")
        }
    }
}

/// Text that carries binary objects between BEGIN and END lines.
enum PEM {
    /// The first private key, whichever kind; nil without one.
    static func privateKeyBlock(in text: String) -> String? {
        var block: [Substring]?
        for line in text.split(whereSeparator: \.isNewline) {
            if line.hasPrefix("-----BEGIN "), line.contains("PRIVATE KEY-----") { block = [] }
            block?.append(line)
            if line.hasPrefix("-----END "), let block { return block.joined(separator: "\n") + "\n" }
        }
        return nil
    }
}
