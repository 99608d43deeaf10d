/// How connections to a cluster are protected and authenticated, in the terms of Kafka's `security.protocol`.
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

/// Whom to trust and who to be in TLS. Files are PEM.
public struct TLSSettings: Sendable, Hashable {
    public enum Verification: Sendable, Hashable {
        /// The certificate must chain to a trusted root and carry the host's name.
        case full
        /// The certificate must chain to a trusted root.
        case chainOnly
        /// Any certificate will do: whoever sits between can read and change everything.
        case none
    }

    /// Roots to trust; nil means those of the system.
    public var caFile: String?
    /// The client's certificate chain, for mutual TLS.
    public var certificateFile: String?
    public var keyFile: String?
    public var keyPassword: Secret?
    public var verification: Verification = .full
    /// The name to ask for and to verify, when it differs from the host that is connected to.
    public var serverName: String?

    public init() {}
}

/// Credentials for a SASL mechanism.
public struct SASLSettings: Sendable, Hashable {
    public enum Mechanism: String, Sendable, Hashable, CaseIterable {
        case plain = "PLAIN"
        case scramSHA256 = "SCRAM-SHA-256"
        case scramSHA512 = "SCRAM-SHA-512"
    }

    public var mechanism: Mechanism
    public var username: String
    public var password: Secret

    public init(mechanism: Mechanism, username: String, password: Secret) {
        self.mechanism = mechanism
        self.username = username
        self.password = password
    }
}
