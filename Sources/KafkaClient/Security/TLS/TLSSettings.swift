/// Trust anchors and client identity for TLS. The files are checked on each new connection, and reloaded on change.
public struct TLSSettings: Sendable, Hashable {
    public enum Verification: Sendable, Hashable {
        /// The certificate must chain to a trusted root and carry the host's name.
        case full
        /// The certificate must chain to a trusted root.
        case chainOnly
        /// Any certificate will do: anyone in between can read and change everything.
        case none
    }

    /// Roots to trust, PEM; nil means those of the system.
    public var caFile: String?
    /// The client's certificate chain, PEM, for mutual TLS. It may hold the key too, as many tools write it.
    public var certificateFile: String?
    /// The key, PEM; nil means that `certificateFile` holds it.
    public var keyFile: String?
    public var keyPassword: Secret?
    /// Certificate chain and key in one PKCS#12 file, instead of the PEM files.
    public var keystoreFile: String?
    public var keystorePassword: Secret?
    public var verification: Verification = .full
    /// The name to ask for and to verify, when it differs from the host that is connected to.
    public var serverName: String?

    public init() {}
}
