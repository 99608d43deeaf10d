/// One listener of every node: a name, how it is protected, where it listens and what clients are told.
struct ListenerDefinition: Hashable, Sendable {
    /// In upper case, as Kafka compares these names.
    let name: String
    let securityProtocol: SecurityProtocol
    let host: String
    /// The first node's port; the others take those that follow. 0 takes a free one for each node.
    let port: Int
    /// The address that clients are told; nil for the one it listens at.
    var advertised: (host: String, port: Int)? {
        get { advertisedHost.map { ($0, advertisedPort) } }
        set { (advertisedHost, advertisedPort) = (newValue?.host, newValue?.port ?? 0) }
    }
    private var advertisedHost: String?
    /// The first node's; 0 means the port listened on.
    private var advertisedPort = 0

    init(name: String, securityProtocol: SecurityProtocol, host: String, port: Int) {
        self.name = name
        self.securityProtocol = securityProtocol
        self.host = host
        self.port = port
    }

    /// - Parameter index: the node's place among all, from 0 on.
    func port(ofNode index: Int) -> Int { port == 0 ? 0 : port + index }

    /// The port to tell clients of a node that listens on `bound`.
    func advertisedPort(ofNode index: Int, bound: Int) -> Int {
        advertisedPort == 0 ? bound : advertisedPort + index
    }

    var isWildcard: Bool { host == "0.0.0.0" || host == "::" || host.isEmpty }
}

extension ListenerDefinition {
    /// Reads `listeners`, `advertised.listeners` and `listener.security.protocol.map`.
    ///
    /// Without `listeners` there is one named PLAINTEXT at the address given otherwise. A first listener without host
    /// and port (`SASL_SSL://`) also takes that address.
    static func all(_ settings: BrokerSettings) throws(BrokerError) -> [ListenerDefinition] {
        let protocols = try protocolMap(settings.properties["listener.security.protocol.map"] ?? "")
        var definitions: [ListenerDefinition] = []
        for (index, text) in elements(settings.properties["listeners"] ?? "PLAINTEXT://").enumerated() {
            let address = try ListenerAddress(parsing: text, key: "listeners")
            guard let securityProtocol = protocols[address.name] else {
                throw .invalidSettings(
                    "listeners: no security protocol is defined for \(address.name): add it to "
                        + "listener.security.protocol.map, as in \(address.name):SASL_SSL")
            }
            guard !definitions.contains(where: { $0.name == address.name }) else {
                throw .invalidSettings(
                    "listeners: each listener must have a different name, listeners: \(address.name)")
            }
            let isElsewhere = index == 0 && address.host.isEmpty && address.port == nil
            guard let port = isElsewhere ? settings.port : address.port else {
                throw .invalidSettings("listeners: \(text) has no port; only the first listener may leave it out")
            }
            definitions.append(
                ListenerDefinition(
                    name: address.name, securityProtocol: securityProtocol,
                    host: isElsewhere ? settings.listenHost : address.host.isEmpty ? "0.0.0.0" : address.host,
                    port: port))
        }
        try advertise(settings.properties["advertised.listeners"], &definitions)
        try check(definitions, nodes: settings.nodeCount)
        return definitions
    }

    private static func protocolMap(_ text: String) throws(BrokerError) -> [String: SecurityProtocol] {
        var map = Dictionary(uniqueKeysWithValues: SecurityProtocol.allCases.map { ($0.rawValue, $0) })
        for element in elements(text) {
            let parts = element.split(separator: ":", omittingEmptySubsequences: false)
            guard parts.count == 2, let known = SecurityProtocol(rawValue: parts[1].trimmed.uppercased()) else {
                throw .invalidSettings(
                    "listener.security.protocol.map: \"\(element)\" is not NAME:PROTOCOL with PLAINTEXT, SSL, "
                        + "SASL_PLAINTEXT or SASL_SSL")
            }
            map[parts[0].trimmed.uppercased()] = known
        }
        return map
    }

    private static func advertise(
        _ text: String?, _ definitions: inout [ListenerDefinition]
    ) throws(BrokerError) {
        for element in elements(text ?? "") {
            let address = try ListenerAddress(parsing: element, key: "advertised.listeners")
            guard let index = definitions.firstIndex(where: { $0.name == address.name }) else {
                throw .invalidSettings(
                    "advertised.listeners: \(address.name) is not among listeners")
            }
            guard !address.host.isEmpty, address.host != "0.0.0.0", address.host != "::" else {
                throw .invalidSettings(
                    "advertised.listeners: \(element) names no address that a client can reach")
            }
            definitions[index].advertised = (address.host, address.port ?? 0)
        }
    }

    /// Ports must exist and may not meet, over all nodes.
    private static func check(_ definitions: [ListenerDefinition], nodes: Int) throws(BrokerError) {
        guard !definitions.isEmpty else { throw .invalidSettings("listeners: at least one is needed") }
        var taken: [Int: String] = [:]
        for definition in definitions where definition.port != 0 {
            guard (1...65535).contains(definition.port), definition.port + nodes - 1 <= 65535 else {
                throw .invalidSettings("there are no \(nodes) ports from \(definition.port) on")
            }
            for port in definition.port..<definition.port + nodes {
                if let other = taken.updateValue(definition.name, forKey: port) {
                    throw .invalidSettings(
                        "listeners: \(definition.name) and \(other) meet on port \(port): each listener takes one "
                            + "port per node")
                }
            }
        }
    }

    private static func elements(_ text: String) -> [String] {
        TopicConfigDefinition.elements(of: text).filter { !$0.isEmpty }
    }
}

/// `NAME://host:port`; host and port may be missing.
private struct ListenerAddress {
    let name: String
    let host: String
    let port: Int?

    init(parsing text: String, key: String) throws(BrokerError) {
        let refusal = BrokerError.invalidSettings("\(key): \"\(text)\" is not NAME://HOST:PORT")
        var rest = Substring(text)
        guard let end = text.firstIndex(of: ":"), end != text.startIndex,
            text[end...].hasPrefix("://")
        else { throw refusal }
        name = text[..<end].uppercased()
        rest = text[end...].dropFirst(3)
        guard let colon = rest.lastIndex(of: ":"), !rest.hasSuffix("]") else {
            host = Self.withoutBrackets(rest)
            port = nil
            return
        }
        guard let number = Int(rest[rest.index(after: colon)...]), (0...65535).contains(number) else { throw refusal }
        host = Self.withoutBrackets(rest[..<colon])
        port = number
    }

    private static func withoutBrackets(_ host: Substring) -> String {
        String(host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host)
    }
}
