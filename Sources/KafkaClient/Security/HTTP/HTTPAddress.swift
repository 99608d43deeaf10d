internal import FoundationEssentials

/// An `http` or `https` address, taken apart.
public struct HTTPAddress: Sendable, Hashable {
    public var usesTLS: Bool
    public var host: String
    public var port: Int
    /// Path and query as they are asked for; begins with a slash.
    public var target: String

    /// Nil for text that is no such address, or that carries a user name or a fragment.
    public init?(_ text: String) {
        guard let parts = URLComponents(string: text), let scheme = parts.scheme?.lowercased(),
            scheme == "http" || scheme == "https", let host = parts.host, !host.isEmpty, parts.user == nil,
            parts.password == nil, parts.fragment == nil
        else { return nil }
        usesTLS = scheme == "https"
        // An IPv6 address is in brackets there, and without them everywhere else.
        self.host = host.hasPrefix("[") && host.hasSuffix("]") ? String(host.dropFirst().dropLast()) : host
        port = parts.port ?? (usesTLS ? 443 : 80)
        guard (1...65_535).contains(port) else { return nil }
        let path = parts.percentEncodedPath.isEmpty ? "/" : parts.percentEncodedPath
        target = parts.percentEncodedQuery.map { "\(path)?\($0)" } ?? path
    }

    /// True if what is sent there stays on this machine: an address of the loopback interface as it is written, or its
    /// name. What only begins like one, such as `127.0.0.1.example`, is anybody's.
    public var isLoopback: Bool {
        if host == "::1" || host.lowercased() == "localhost" { return true }
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        // A zero in front would make a part octal for some readers.
        return parts.count == 4 && parts[0] == "127"
            && parts.allSatisfy { part in UInt8(part).map { "\($0)" == part } ?? false }
    }

    /// The same server, another path.
    func at(_ target: String) -> HTTPAddress {
        var copy = self
        copy.target = target
        return copy
    }

    /// The value of the `Host` header.
    var authority: String {
        let name = host.contains(":") ? "[\(host)]" : host
        return port == (usesTLS ? 443 : 80) ? name : "\(name):\(port)"
    }
}

extension HTTPAddress: CustomStringConvertible {
    /// Without the query, which may hold what is nobody's business.
    public var description: String {
        "\(usesTLS ? "https" : "http")://\(authority)\(target.prefix { $0 != "?" })"
    }
}
