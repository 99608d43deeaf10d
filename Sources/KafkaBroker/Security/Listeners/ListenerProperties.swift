/// The settings as one listener sees them: `listener.name.<listener>.<key>` before `<key>` (KIP-103, KIP-226).
struct ListenerProperties: Sendable {
    private let properties: [String: String]
    private let prefix: String
    /// The listener's name, for messages.
    let listener: String

    init(_ properties: [String: String], listener: String) {
        self.properties = properties
        self.listener = listener
        prefix = "listener.name.\(listener.lowercased())."
    }

    subscript(key: String) -> String? {
        own(key) ?? properties[key]
    }

    /// The value that is set for this listener alone.
    func own(_ key: String) -> String? {
        properties[prefix + key]
    }

    /// The value that is set for this listener and one SASL mechanism, such as `plain.sasl.jaas.config`.
    func own(_ key: String, mechanism: String) -> String? {
        properties["\(prefix)\(mechanism.lowercased()).\(key)"]
    }

    func number(_ key: String) -> Int {
        Int((self[key] ?? BrokerConfigs.definition(named: key)?.value.defaultValue ?? "").trimmed) ?? 0
    }

    func flag(_ key: String) -> Bool {
        self[key]?.trimmed.lowercased() == "true"
    }

    func elements(_ key: String) -> [String] {
        TopicConfigDefinition
            .elements(of: self[key] ?? BrokerConfigs.definition(named: key)?.value.defaultValue ?? "")
            .filter { !$0.isEmpty }
    }

    /// A refusal that names the key, and the listener when the key is its own.
    func refusal(_ key: String, _ reason: String) -> BrokerError {
        .invalidSettings("\(own(key) == nil ? key : prefix + key): \(reason)")
    }
}

extension ListenerProperties {
    /// The key behind the prefixes of listener and mechanism; nil when `name` is not a listener's setting.
    ///
    /// - Returns: the name of the listener in lower case and the plain key.
    static func plainKey(of name: String) -> (listener: String, key: String)? {
        let prefix = "listener.name."
        guard name.hasPrefix(prefix) else { return nil }
        let rest = name.dropFirst(prefix.count)
        guard let dot = rest.firstIndex(of: ".") else { return nil }
        var key = rest[rest.index(after: dot)...]
        for mechanism in SASLMechanism.allCases where key.hasPrefix("\(mechanism.rawValue.lowercased()).") {
            key = key.dropFirst(mechanism.rawValue.count + 1)
        }
        return (String(rest[..<dot]), String(key))
    }

    /// The keys that a listener may have of its own.
    static func isListenerKey(_ key: String) -> Bool {
        key.hasPrefix("ssl.") || key.hasPrefix("sasl.") || key.hasPrefix("connections.max.reauth")
            || key == "connections.max.idle.ms"
    }
}
