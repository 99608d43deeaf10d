/// Protection and authentication of a listener's connections, under Kafka's names.
enum SecurityProtocol: String, Sendable, Hashable, CaseIterable {
    case plaintext = "PLAINTEXT"
    case tls = "SSL"
    case saslPlaintext = "SASL_PLAINTEXT"
    case saslTLS = "SASL_SSL"

    var usesTLS: Bool { self == .tls || self == .saslTLS }
    var usesSASL: Bool { self == .saslPlaintext || self == .saslTLS }
}
