/// The protection and authentication of connections to a cluster, in the terms of Kafka's `security.protocol`.
public struct SecuritySettings: Sendable, Hashable {
    public enum TransportProtocol: String, Sendable, Hashable, CaseIterable {
        case plaintext = "PLAINTEXT"
        case tls = "SSL"
        case saslPlaintext = "SASL_PLAINTEXT"
        case saslTLS = "SASL_SSL"

        public var usesTLS: Bool { self == .tls || self == .saslTLS }
        public var usesSASL: Bool { self == .saslPlaintext || self == .saslTLS }
    }

    public var `protocol`: TransportProtocol
    /// Nil means the defaults of ``TLSSettings`` when the protocol uses TLS.
    public var tls: TLSSettings?
    /// Required when the protocol uses SASL.
    public var sasl: SASLSettings?

    public static let plaintext = SecuritySettings(.plaintext)

    public init(_ protocol: TransportProtocol, tls: TLSSettings? = nil, sasl: SASLSettings? = nil) {
        self.protocol = `protocol`
        self.tls = tls
        self.sasl = sasl
    }
}

extension SecuritySettings {
    /// Settings that let others on the way read or change more than they should, each with what mends it.
    package var warnings: [String] {
        var warnings: [String] = []
        if `protocol` == .saslPlaintext {
            switch sasl {
            case .password(.plain, _, _):
                warnings.append(
                    "PLAIN without TLS sends the password as it is, where everybody in between can read it; use "
                        + "securityProtocol SASL_SSL, or at least a SCRAM mechanism")
            case .oauthBearer:
                warnings.append(
                    "OAUTHBEARER without TLS sends the token as it is, where everybody in between can use it; use "
                        + "securityProtocol SASL_SSL")
            case .password, .awsMSKIAM, nil: break
            }
        }
        if `protocol`.usesTLS, tls?.verification == TLSSettings.Verification.none {
            warnings.append(
                "tls.verification none takes any server for the cluster: anyone in between can read and change "
                    + "everything; use full, with the cluster's roots in tls.caFile")
        }
        return warnings
    }
}
