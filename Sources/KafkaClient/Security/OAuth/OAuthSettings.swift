/// The source of bearer tokens for OAUTHBEARER (KIP-255, KIP-768).
public struct OAuthSettings: Sendable, Hashable {
    public enum Source: Sendable, Hashable {
        /// A file that another program keeps fresh, such as a projected service-account token. It is read for each
        /// authentication.
        case file(String)
        /// The client-credentials grant (RFC 6749, section 4.4).
        case clientCredentials(ClientCredentials)
    }

    public struct ClientCredentials: Sendable, Hashable {
        public var tokenEndpoint: HTTPAddress
        public var clientID: String
        public var clientSecret: Secret
        public var scope: String?
        /// Roots to trust for the token endpoint, PEM; nil means those of the system.
        public var caFile: String?
        /// True if id and secret are form-encoded before they go into the header, as RFC 6749 has it and most servers
        /// do not; Kafka's `sasl.oauthbearer.header.urlencode`.
        public var headerURLEncode = false

        public init(tokenEndpoint: HTTPAddress, clientID: String, clientSecret: Secret) {
            self.tokenEndpoint = tokenEndpoint
            self.clientID = clientID
            self.clientSecret = clientSecret
        }
    }

    public var source: Source
    /// SASL extensions that are sent with the token (KIP-342), such as `logicalCluster`.
    public var extensions: [String: String] = [:]

    public init(_ source: Source) {
        self.source = source
    }

    /// The reason why brokers would refuse this extension; nil when they would not (RFC 7628, section 3.1).
    public static func problem(withExtension name: String, value: String) -> String? {
        if name == "auth" { return "\"auth\" is the token's own name" }
        if name.isEmpty || !name.utf8.allSatisfy({ $0 & 0xDF >= 0x41 && $0 & 0xDF <= 0x5A }) {
            return "the name of an extension is made of letters only"
        }
        let allowed: [UInt8] = [0x09, 0x0A, 0x0D]
        if value.isEmpty || !value.utf8.allSatisfy({ $0 >= 0x20 && $0 < 0x7F || allowed.contains($0) }) {
            return "the value of an extension is printable ASCII"
        }
        return nil
    }
}
