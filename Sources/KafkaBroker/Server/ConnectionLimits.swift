/// Limits on the connections that a node takes, in all and from one address (Kafka's `max.connections` and `max.connections.per.ip`).
struct ConnectionLimits {
    /// Connections by the peer's address.
    private var counts: [String: Int] = [:]

    /// Counts a new connection if there may be one more from there, and otherwise says why not.
    mutating func add(_ host: String, _ configs: ConfigStore, node: Int32) -> String? {
        let count = counts[host] ?? 0
        let limit = Self.limit(of: host, configs, node: node)
        guard count >= limit else {
            counts[host] = count + 1
            return nil
        }
        return "there are \(limit) connections from \(host) already, as many as max.connections.per.ip allows"
    }

    mutating func remove(_ host: String) {
        guard let count = counts[host] else { return }
        counts[host] = count > 1 ? count - 1 : nil
    }

    private static func limit(of host: String, _ configs: ConfigStore, node: Int32) -> Int {
        overrides(configs.value(of: "max.connections.per.ip.overrides", node: node) ?? "")[host]
            ?? configs.number("max.connections.per.ip", node: node)
    }

    /// `host:count` pairs, separated by commas. The host is an address: names are not looked up.
    static func overrides(_ text: String) -> [String: Int] {
        var overrides: [String: Int] = [:]
        for element in TopicConfigDefinition.elements(of: text) {
            guard let colon = element.lastIndex(of: ":"), let count = Int32(element[element.index(after: colon)...]),
                count >= 0
            else { continue }
            var host = element[..<colon]
            if host.hasPrefix("["), host.hasSuffix("]") { host = host.dropFirst().dropLast() }
            overrides[String(host)] = Int(count)
        }
        return overrides
    }
}
