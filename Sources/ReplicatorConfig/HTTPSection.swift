public import KafkaClient
internal import Replication

/// `http` without its address: who may do what there, and how connections are encrypted.
public struct HTTPAccessSettings: Sendable, Hashable {
    public struct Authentication: Sendable, Hashable {
        /// Passwords of those who may read and act, by name.
        public var users: [String: Secret] = [:]
        /// Tokens of scrapers, which may read, by a name that is only for people.
        public var tokens: [String: Secret] = [:]
        /// True if those may read who show no credentials.
        public var anonymousMayRead = false

        public init() {}
    }

    public struct TLS: Sendable, Hashable {
        /// The server's certificate chain, PEM.
        public var certificateFile: String
        /// The key, PEM; nil when it is in the same file.
        public var keyFile: String?
        public var keyPassword: Secret?
        /// Authorities that commands and other instances accept a certificate of here, PEM; nil for this certificate
        /// alone.
        public var caFile: String?
    }

    /// Names beside the machine's own that requests may be addressed to.
    public var allowedHosts: [String] = []
    /// Nil for none: whoever reaches the address may do everything.
    public var authentication: Authentication?
    /// Nil for connections in the clear.
    public var tls: TLS?

    public init() {}
}

/// `http`: where the process can be asked how it is, and by whom.
enum HTTPSection {
    static func parse(
        _ document: inout Section, stuckAfter: inout Duration, series: inout SeriesLimits,
        access: inout HTTPAccessSettings
    ) -> HostAndPort? {
        guard var section = document.section("http") else { return nil }
        defer { section.finish() }
        let listen = section.required("listen", "HOST:PORT to serve metrics and status on")
        stuckAfter = section.duration("stuckAfter", in: .seconds(1) ... .seconds(86_400), default: stuckAfter)
        if var metrics = section.sectionOrDefaults("metrics") {
            defer { metrics.finish() }
            series.topics = metrics.integer("topics", in: 0...1_000_000, default: series.topics)
            series.groups = metrics.integer("groups", in: 0...1_000_000, default: series.groups)
        }
        access.allowedHosts = section.strings("allowedHosts") ?? []
        for host in access.allowedHosts where !isPattern(host) {
            section.report(
                "\"\(host)\" is not NAME, NAME:PORT or *.DOMAIN, without a scheme or path", about: "allowedHosts")
        }
        if isMapping("authentication", &section) {
            access.authentication = section.section("authentication").flatMap { authentication($0) }
        }
        access.tls = section.section("tls").flatMap { tls($0) }
        guard let listen else { return nil }
        if let address = HostAndPort(listen) { return address }
        section.report("\"\(listen)\" is not HOST:PORT", about: "listen")
        return nil
    }

    /// Returns true if a text is a host, with or without a port, or stands for all in a domain.
    private static func isPattern(_ text: String) -> Bool {
        let host = text.hasPrefix("*.") ? String(text.dropFirst(2)) : text
        guard let address = HostAndPort(host) ?? HostAndPort(host + ":80") ?? HostAndPort("[\(host)]:80") else {
            return false
        }
        if address.host.contains(":") {
            return host == text && address.host.allSatisfy { $0.isHexDigit || $0 == ":" || $0 == "." }
        }
        return address.host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
    }

    private static func authentication(_ section: Section) -> HTTPAccessSettings.Authentication? {
        var section = section
        defer { section.finish() }
        var settings = HTTPAccessSettings.Authentication()
        settings.users = secrets(&section, "users", "the user's password, best as \"${file:PATH}\"")
        settings.tokens = secrets(&section, "tokens", "the token, best as \"${file:PATH}\"")
        settings.anonymousMayRead = section.choice("anonymous", ["none": false, "read": true], default: false)
        if !section.keys.contains("users"), !section.keys.contains("tokens"), !settings.anonymousMayRead {
            section.report("nobody would have access: add users or tokens, or anonymous: read", about: "users")
        }
        return settings
    }

    /// Returns true if a key that may hold secrets holds a mapping. Anything else is reported without being shown.
    private static func isMapping(_ key: String, _ section: inout Section) -> Bool {
        guard section.keys.contains(key), !section.isMapping(key) else { return true }
        section.refuse([key], "expected a mapping of keys to values")
        return false
    }

    private static func secrets(_ section: inout Section, _ key: String, _ meaning: String) -> [String: Secret] {
        guard isMapping(key, &section), var named = section.names(key, .namedSecrets) else { return [:] }
        defer { named.finish() }
        var secrets: [String: Secret] = [:]
        for name in named.keys {
            guard let secret = named.requiredSecret(name, meaning) else { continue }
            if name.isEmpty || name.contains(":") || name.unicodeScalars.contains(where: { $0.value < 0x20 }) {
                named.report("a name is not empty and holds no colon and no control characters", about: name)
            }
            secrets[name] = secret
        }
        return secrets
    }

    private static func tls(_ section: Section) -> HTTPAccessSettings.TLS? {
        var section = section
        defer { section.finish() }
        let certificate = section.required("certificateFile", "the server's certificate chain, PEM")
        let key = section.string("keyFile")
        let password = section.secret("keyPassword")
        let authorities = section.string("caFile")
        guard let certificate else { return nil }
        return HTTPAccessSettings.TLS(
            certificateFile: certificate, keyFile: key, keyPassword: password, caFile: authorities)
    }
}
