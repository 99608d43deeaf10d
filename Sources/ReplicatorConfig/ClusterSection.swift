internal import KafkaClient

/// `clusters.<name>`: how to reach one cluster.
enum ClusterSection {
    static func parse(_ section: Section, name: String) -> ClusterSettings? {
        var section = section
        defer { section.finish() }
        let servers = bootstrapServers(&section)
        let security = security(&section)
        var settings = ClusterSettings(name: name, bootstrapServers: servers, security: security)
        if let clientID = section.string("clientId") { settings.clientID = clientID }
        if let rack = section.string("rack") { settings.rackID = rack }
        if let timeout = section.duration("requestTimeout", in: .seconds(1) ... .seconds(600)) {
            settings.requestTimeout = timeout
        }
        if let timeout = section.duration("connectTimeout", in: .milliseconds(100) ... .seconds(120)) {
            settings.connectTimeout = timeout
        }
        return settings
    }

    private static func bootstrapServers(_ section: inout Section) -> [HostAndPort] {
        let key = "bootstrapServers"
        guard let listed = section.strings(key) else {
            section.report("missing required key \"\(key)\": HOST:PORT of one or more brokers", about: key)
            return []
        }
        let texts = listed.flatMap { $0.split(separator: ",") }.map { $0.filter { !$0.isWhitespace } }
        if texts.isEmpty { section.report("names no broker; write HOST:PORT", about: key) }
        return texts.compactMap { text in
            if let address = HostAndPort(text) { return address }
            section.report("\"\(text)\" is not HOST:PORT", about: key)
            return nil
        }
    }

    private static func security(_ section: inout Section) -> SecuritySettings {
        let chosen = section.choice(
            "securityProtocol",
            [
                "PLAINTEXT": SecuritySettings.TransportProtocol.plaintext, "SSL": .tls,
                "SASL_PLAINTEXT": .saslPlaintext, "SASL_SSL": .saslTLS,
            ])
        let transport = chosen ?? .plaintext
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

/// `clusters.<name>.tls`: whom to trust and who to be.
enum TLSSection {
    static func parse(_ section: Section) -> TLSSettings {
        var section = section
        defer { section.finish() }
        var settings = TLSSettings()
        settings.caFile = section.string("caFile")
        settings.certificateFile = section.string("certificateFile")
        settings.keyFile = section.string("keyFile")
        settings.keyPassword = section.string("keyPassword").map { Secret($0) }
        settings.serverName = section.string("serverName")
        settings.verification =
            section.choice(
                "verification", ["full": TLSSettings.Verification.full, "chainOnly": .chainOnly, "none": .none])
            ?? .full
        if (settings.certificateFile == nil) != (settings.keyFile == nil) {
            section.report("a client certificate needs both certificateFile and keyFile", about: "certificateFile")
        }
        return settings
    }
}

/// `clusters.<name>.sasl`: credentials.
enum SASLSection {
    static func parse(_ section: Section) -> SASLSettings? {
        var section = section
        defer { section.finish() }
        let mechanism = section.choice(
            "mechanism",
            ["PLAIN": SASLSettings.Mechanism.plain, "SCRAM-SHA-256": .scramSHA256, "SCRAM-SHA-512": .scramSHA512])
        if mechanism == nil, !section.keys.contains("mechanism") {
            section.report(
                "missing required key \"mechanism\": PLAIN, SCRAM-SHA-256 or SCRAM-SHA-512", about: "mechanism")
        }
        let username = section.required("username", "the user to authenticate as")
        let password = section.required("password", "better as ${env:NAME} or ${file:/path} than in the file")
        guard let mechanism, let username, let password else { return nil }
        return SASLSettings(mechanism: mechanism, username: username, password: Secret(password))
    }
}
