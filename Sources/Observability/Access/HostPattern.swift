internal import NIOCore

/// A host and, where it is given, a port: what follows the scheme in a URL, and the `Host` of a request.
struct Authority: Hashable {
    /// In lower case, without the brackets of IPv6 and without the dot of a fully qualified name.
    let host: String
    let port: Int?
    /// True if the host is an address and not a name.
    let isAddress: Bool

    /// Nil for text with anything else in it, such as a user's name or a path.
    init?(_ text: some StringProtocol) {
        var host = Substring(text)
        var port: Substring?
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            let rest = host[host.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            if !rest.isEmpty { port = rest.dropFirst() }
            host = host[host.index(after: host.startIndex)..<end]
            guard host.contains(":") else { return nil }
        } else if let colon = host.firstIndex(of: ":") {
            port = host[host.index(after: colon)...]
            host = host[..<colon]
        }
        if let port {
            guard !port.isEmpty, port.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = Int(port), number <= 65_535
            else { return nil }
            self.port = number
        } else {
            self.port = nil
        }
        if host.hasSuffix(".") { host = host.dropLast() }
        let isName = host.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "."):
                true
            default: false
            }
        }
        let isAddress = (try? SocketAddress(ipAddress: String(host), port: 0)) != nil
        guard !host.isEmpty, isName || isAddress else { return nil }
        self.host = host.lowercased()
        self.isAddress = isAddress
    }
}

/// A host name that requests may carry: `NAME`, `NAME:PORT`, or `*.DOMAIN` for every name in a domain.
package struct HostPattern: Sendable, Hashable {
    private let host: String
    private let port: Int?
    private let matchesSubdomains: Bool

    /// Nil for text of another form.
    package init?(_ text: String) {
        matchesSubdomains = text.hasPrefix("*.")
        // An address of IPv6 may be without brackets, as in `http.listen`.
        let bare = (try? SocketAddress(ipAddress: text, port: 0)) != nil && text.contains(":") ? "[\(text)]" : text
        guard let authority = Authority(matchesSubdomains ? String(text.dropFirst(2)) : bare) else { return nil }
        host = authority.host
        port = authority.port
    }

    func matches(_ authority: Authority) -> Bool {
        if let port, authority.port != port { return false }
        return matchesSubdomains ? authority.host.hasSuffix("." + host) : authority.host == host
    }
}
