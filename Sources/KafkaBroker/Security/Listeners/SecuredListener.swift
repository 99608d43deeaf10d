/// A listener with everything that its connections need: certificates, mechanisms, rules.
struct SecuredListener: Sendable {
    let definition: ListenerDefinition
    /// Its place among the cluster's listeners.
    let index: Int
    let tls: TLSListener?
    let sasl: SASLListener?
    /// The time that a connection may take to prove who it is, in milliseconds.
    let loginTimeout: Int64
    /// The time for which a connection may be silent, in milliseconds.
    let idleTimeout: Int64

    var name: String { definition.name }

    /// All listeners of the settings, first the one that `--listen` or `listeners` begins with.
    static func all(_ settings: BrokerSettings) throws(BrokerError) -> [SecuredListener] {
        let definitions = try ListenerDefinition.all(settings)
        for name in settings.properties.keys.sorted() {
            guard let (listener, _) = ListenerProperties.plainKey(of: name) else { continue }
            guard definitions.contains(where: { $0.name.lowercased() == listener }) else {
                throw .invalidSettings("\(name): there is no listener \(listener.uppercased())")
            }
        }
        var listeners: [SecuredListener] = []
        for definition in definitions {
            listeners.append(try SecuredListener(definition, index: listeners.count, settings.properties))
        }
        return listeners
    }

    private init(
        _ definition: ListenerDefinition, index: Int, _ properties: [String: String]
    ) throws(BrokerError) {
        let settings = ListenerProperties(properties, listener: definition.name)
        self.definition = definition
        self.index = index
        tls = definition.securityProtocol.usesTLS ? try TLSListener(settings, definition.securityProtocol) : nil
        sasl = definition.securityProtocol.usesSASL ? try SASLListener(settings) : nil
        idleTimeout = Int64(settings.number("connections.max.idle.ms"))
        loginTimeout = min(idleTimeout, Self.longestLogin)
    }

    /// Kafka has only its idle time-out, which a client that sends a byte now and then never meets.
    private static let longestLogin: Int64 = 30_000
}
