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
