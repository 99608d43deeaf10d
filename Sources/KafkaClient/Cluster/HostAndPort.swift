/// A broker's address: a host name or IP address, and a port.
public struct HostAndPort: Hashable, Sendable {
    public var host: String
    public var port: Int

    public init(host: String, port: Int) {
        self.host = host
        self.port = port
    }

    /// Reads `host:port`; an IPv6 address is in brackets: `[::1]:9092`.
    ///
    /// - Returns: nil when the host is empty, the port is missing or outside 1...65535.
    public init?(_ text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = Int(text[text.index(after: colon)...]),
            Self.ports.contains(port)
        else { return nil }
        var host = text[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard !host.isEmpty, !host.contains(where: \.isWhitespace) else { return nil }
        self.init(host: String(host), port: port)
    }
}

extension HostAndPort {
    /// The ports that something can listen on.
    public static let ports = 1...65535

    /// Reason why nothing can be reached there; nil for an address that is worth trying. Addresses in brokers' answers are
    /// kept as they are told, and looked at before they are used.
    public var flaw: String? {
        guard Self.ports.contains(port) else { return "\(port) is not a port: ports are 1 to 65535" }
        guard !host.isEmpty else { return "it has no host name" }
        // The longest name that DNS has.
        guard host.utf8.count <= 255, !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F }) else {
            return "its host name cannot be one"
        }
        return nil
    }
}

extension HostAndPort: CustomStringConvertible {
    public var description: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
