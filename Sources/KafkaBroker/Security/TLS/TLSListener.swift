import ForeignErrors
import NIOSSL

/// A listener's TLS: the context its connections share, and how certificates become principals.
struct TLSListener: Sendable {
    let context: NIOSSLContext
    /// Nil where certificates say nothing about who a connection is: SASL decides.
    let principalMapping: PrincipalMapping?

    /// Certificates of clients (`ssl.client.auth`): none, asked for, or required.
    private enum ClientAuthentication: String {
        case none, requested, required
    }

    init(_ settings: ListenerProperties, _ securityProtocol: SecurityProtocol) throws(BrokerError) {
        let material = KeyMaterial(settings)
        let (chain, key) = try material.identity()
        var configuration = TLSConfiguration.makeServerConfiguration(
            certificateChain: chain.map { .certificate($0) }, privateKey: .privateKey(key))
        (configuration.minimumTLSVersion, configuration.maximumTLSVersion) = try Self.versions(settings)
        let clients = try Self.clientAuthentication(settings, securityProtocol)
        switch clients {
        case .none: configuration.certificateVerification = .none
        case .requested: configuration.certificateVerification = .optionalVerification
        case .required: configuration.certificateVerification = .noHostnameVerification
        }
        if clients != .none {
            if let roots = try material.roots() {
                configuration.trustRoots = .certificates(roots)
                configuration.sendCANameList = false
            } else {
                configuration.trustRoots = .default
            }
        }
        do {
            context = try NIOSSLContext(configuration: configuration)
        } catch {
            throw .invalidSettings(
                "listener \(settings.listener): TLS cannot be set up: \(ForeignError.words(error)); check that "
                    + "certificate and key belong together")
        }
        principalMapping =
            securityProtocol.usesSASL
            ? nil : try PrincipalMapping(parsing: settings["ssl.principal.mapping.rules"] ?? "")
    }

    /// A SASL listener asks for certificates only when told so by a setting of its own, as Kafka has it.
    private static func clientAuthentication(
        _ settings: ListenerProperties, _ securityProtocol: SecurityProtocol
    ) throws(BrokerError) -> ClientAuthentication {
        let text = securityProtocol.usesSASL ? settings.own("ssl.client.auth") : settings["ssl.client.auth"]
        guard let text else { return .none }
        guard let wanted = ClientAuthentication(rawValue: text.trimmed.lowercased()) else {
            throw settings.refusal("ssl.client.auth", "\"\(text)\" is not none, requested or required")
        }
        return wanted
    }

    private static func versions(_ settings: ListenerProperties) throws(BrokerError) -> (TLSVersion, TLSVersion) {
        let known: [String: TLSVersion] = ["TLSv1.2": .tlsv12, "TLSv1.3": .tlsv13]
        let names = settings.elements("ssl.enabled.protocols")
        let found = names.compactMap { known[$0] }
        guard found.count == names.count, let first = found.first else {
            throw settings.refusal("ssl.enabled.protocols", "takes TLSv1.2 and TLSv1.3, not \(names)")
        }
        return found.contains(.tlsv12) ? (.tlsv12, found.contains(.tlsv13) ? .tlsv13 : .tlsv12) : (first, first)
    }

    /// The principal in the peer's certificate: anonymous without one, nil when the mapping rules know no such name.
    func principal(of certificate: NIOSSLCertificate?) -> Principal? {
        guard let certificate, let principalMapping else { return .anonymous }
        guard let bytes = try? certificate.toDERBytes(), let name = DistinguishedName(ofCertificate: bytes) else {
            return nil
        }
        return principalMapping.name(for: name.text).map { Principal(user: $0) }
    }
}
