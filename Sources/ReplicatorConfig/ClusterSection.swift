internal import KafkaClient

/// `clusters.<name>`: how to reach one cluster.
enum ClusterSection {
    /// The default of `clientId`.
    private static let clientID = "replicator"

    static func parse(_ section: Section, name: String, identity: ClientIdentity) -> ClusterSettings? {
        var section = section
        defer { section.finish() }
        let servers = bootstrapServers(&section)
        let security = security(&section)
        var settings = ClusterSettings(name: name, bootstrapServers: servers, security: security)
        settings.identity = identity
        settings.clientID = section.string("clientId", standard: clientID) ?? clientID
        if let rack = section.string("rack") { settings.rackID = rack }
        settings.requestTimeout = section.duration(
            "requestTimeout", in: .seconds(1) ... .seconds(600), default: settings.requestTimeout)
        settings.connectTimeout = section.duration(
            "connectTimeout", in: .milliseconds(100) ... .seconds(120), default: settings.connectTimeout)
        return settings
    }

    private static func bootstrapServers(_ section: inout Section) -> [HostAndPort] {
        let key = "bootstrapServers"
        let texts = section.strings(key)
        section.requires(key)
        guard let listed = texts else {
            if !section.has(key) {
                section.report("missing required key \"\(key)\": HOST:PORT of one or more brokers", about: key)
            }
            return []
        }
        let servers = listed.flatMap { $0.split(separator: ",") }.map { $0.filter { !$0.isWhitespace } }
        if servers.isEmpty { section.report("names no broker; write HOST:PORT", about: key) }
        return servers.compactMap { text in
            if let address = HostAndPort(text) { return address }
            // A password in user:password@host:port must not be in a log.
            section.report(text.contains("@") ? "is not HOST:PORT" : "\"\(text)\" is not HOST:PORT", about: key)
            return nil
        }
    }

    private static func security(_ section: inout Section) -> SecuritySettings {
        let transport = section.choice(
            "securityProtocol",
            [
                "PLAINTEXT": SecuritySettings.TransportProtocol.plaintext, "SSL": .tls,
                "SASL_PLAINTEXT": .saslPlaintext, "SASL_SSL": .saslTLS,
            ], default: .plaintext)
        let tls = section.section("tls").map { TLSSection.parse($0) }
        let sasl = section.section("sasl").flatMap { SASLSection.parse($0) }
        if tls != nil, !transport.usesTLS {
            section.report(
                "has no effect with securityProtocol \(transport.rawValue); use SSL or SASL_SSL", about: "tls")
        }
        if sasl != nil, !transport.usesSASL {
            section.report(
                "has no effect with securityProtocol \(transport.rawValue); use SASL_SSL or SASL_PLAINTEXT",
                about: "sasl")
        }
        if transport.usesSASL, !section.keys.contains("sasl") {
            section.report(
                "securityProtocol \(transport.rawValue) needs credentials under \"sasl\"", about: "securityProtocol")
        }
        return SecuritySettings(transport, tls: tls, sasl: sasl)
    }
}
