internal import KafkaClient

/// `clusters.<name>` out of the settings of Kafka's Java clients.
struct ClusterImport {
    let name: String
    /// Beginnings of the keys of this cluster, the most particular first.
    let prefixes: [String]
    let providers: ConfigProviders
    var properties: ImportedProperties
    var variables: SecretVariables
    var remarks: [ImportRemark] = []

    mutating func settings() -> [(key: String, value: String)] {
        var settings = [("bootstrapServers", bootstrapServers())]
        let security = securityProtocol()
        if let security { settings.append(("securityProtocol", security)) }
        if let client = value("client.id") { settings.append(("clientId", text(client.value, "CLIENT_ID"))) }
        if let rack = value("client.rack") { settings.append(("rack", text(rack.value, "RACK"))) }
        if security?.hasPrefix("SASL_") == true {
            settings += sasl()
        } else {
            ignore("sasl.", "logins have no effect with security.protocol \(security ?? "PLAINTEXT")")
        }
        if security?.hasSuffix("SSL") == true {
            settings += tls()
        } else {
            ignore("ssl.", "TLS has no effect with security.protocol \(security ?? "PLAINTEXT")")
        }
        return settings
    }

    private mutating func bootstrapServers() -> String {
        let placeholder = YAMLText.quoted("\(name).example:9092")
        guard let servers = value("bootstrap.servers"), !servers.value.isEmpty else {
            toDo("bootstrap.servers is missing; fill in bootstrapServers")
            return placeholder
        }
        if servers.value.contains("${") { return text(servers.value, "BOOTSTRAP_SERVERS") }
        // The name of a listener may come before an address: SSL://host:9093.
        let texts = servers.value.listElements.map { String($0.split(separator: "://").last ?? "") }
        let addresses = texts.filter { HostAndPort($0) != nil && !$0.contains("@") }
        if addresses.count < texts.count {
            toDo("\(servers.name) holds something that is not HOST:PORT; look at bootstrapServers")
        }
        return addresses.isEmpty ? placeholder : YAMLText.quoted(addresses.joined(separator: ","))
    }

    /// One of Kafka's four protocols; nil where the original says nothing.
    private mutating func securityProtocol() -> String? {
        guard let found = value("security.protocol") else { return nil }
        let text = found.value.uppercased()
        if ["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"].contains(text) { return text }
        let hasLogin = prefixes.contains {
            properties.entries[$0 + "sasl.mechanism"] != nil || properties.entries[$0 + "sasl.jaas.config"] != nil
        }
        let guess = hasLogin ? "SASL_SSL" : "SSL"
        toDo("\(found.name) is none of Kafka's protocols; \(guess) is written in its place, see that it is right")
        return guess
    }
}

// Reading.
extension ClusterImport {
    private static let roles = ["", "consumer.", "producer.", "admin."]

    /// The value for this cluster. Java has one set of clients for each purpose, each with settings of its own; here a
    /// cluster has one login.
    mutating func value(_ key: String) -> ImportedProperties.Entry? {
        let keys = prefixes.flatMap { prefix in Self.roles.map { prefix + $0 + key } }
        let found = properties.take(keys)
        let isShared = ["sasl.", "ssl.", "security.", "bootstrap."].contains { key.hasPrefix($0) }
        if isShared, let found {
            let own = prefixes.filter { !$0.isEmpty }.flatMap { prefix in Self.roles.map { prefix + $0 + key } }
            for other in own.compactMap({ properties.entries[$0] }) where other.value != found.value {
                remarks.append(
                    .lost(
                        "\(other.name) differs from \(found.name): here a cluster has one address and one login, "
                            + "and the latter is taken"))
            }
        }
        return found
    }

    /// Marks all settings of a kind, and says once why they are left out.
    mutating func ignore(_ start: String, _ why: String) {
        let heads = prefixes.filter { !$0.isEmpty }.flatMap { prefix in Self.roles.map { prefix + $0 + start } }
        let keys = properties.unused.filter { key in heads.contains { key.hasPrefix($0) } }
        properties.use(keys)
        if let first = keys.first {
            let more = keys.count > 1 ? " and \(keys.count - 1) more" : ""
            remarks.append(.needless("\(properties.entries[first]?.name ?? first)\(more): \(why)"))
        }
    }

    mutating func toDo(_ text: String) { remarks.append(.toDo("cluster \(name): \(text)")) }
    mutating func lost(_ text: String) { remarks.append(.lost("cluster \(name): \(text)")) }
    mutating func differs(_ text: String) { remarks.append(.differs("cluster \(name): \(text)")) }
}

// Texts and secrets.
extension ClusterImport {
    /// A text as YAML, its references in our terms.
    mutating func text(_ value: String, _ what: String) -> String {
        guard value.contains("${") else { return YAMLText.quoted(value) }
        let pieces = providers.pieces(of: value) ?? []
        // A dollar sign before a reference would be read as a part of it.
        let isMisread = pieces.dropLast().contains {
            if case .text(let text) = $0 { text.hasSuffix("$") } else { false }
        }
        guard !pieces.isEmpty, !isMisread else { return variable(what, "what the original has for it") }
        return YAMLText.quoted(pieces.map { text(of: $0, what) }.joined())
    }

    /// Secrets are not copied from one file in clear to another: an environment variable stands for them, or the
    /// reference that stood for them already.
    mutating func secret(_ value: String?, _ what: String) -> String {
        if let value, let pieces = providers.pieces(of: value), !pieces.isEmpty,
            pieces.allSatisfy({ if case .text = $0 { false } else { true } })
        {
            return YAMLText.quoted(pieces.map { text(of: $0, what) }.joined())
        }
        let variable = variables.name(name, what, for: "\(name) \(what)")
        toDo("set the environment variable \(variable); secrets are not copied")
        return YAMLText.quoted("${env:\(variable)}")
    }

    /// A reference to an environment variable, which a person has to set.
    mutating func variable(_ what: String, _ meaning: String) -> String {
        YAMLText.quoted(reference(what, meaning))
    }

    private mutating func text(of piece: ConfigProviders.Piece, _ what: String) -> String {
        switch piece {
        case .text(let text): text
        case .reference(let reference): reference
        case .file(let path): "${file:\(path)}"
        case .foreign(let origin): reference(what, "what \(origin) holds")
        }
    }

    private mutating func reference(_ what: String, _ meaning: String) -> String {
        let variable = variables.name(name, what, for: "\(name) \(what) \(meaning)")
        toDo("set the environment variable \(variable) to \(meaning)")
        return "${env:\(variable)}"
    }

    /// The path of a PEM file whose content the original has in place of a path.
    mutating func file(_ entry: ImportedProperties.Entry, _ suffix: String) -> String {
        if case .file(let path)? = providers.pieces(of: entry.value).flatMap({ $0.count == 1 ? $0.first : nil }) {
            return YAMLText.quoted(path)
        }
        let path = "\(name)-\(suffix).pem"
        if case .foreign(let origin)? = providers.pieces(of: entry.value).flatMap({ $0.count == 1 ? $0.first : nil }) {
            toDo("write what \(origin) holds to the file \(path)")
        } else {
            toDo("write the value of \(entry.name) to the file \(path); certificates and keys are not copied")
        }
        return YAMLText.quoted(path)
    }
}
