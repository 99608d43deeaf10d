package import HTTPTypes

/// The rule by which an HTTP endpoint tells its own users from pages of other sites that make a browser send requests.
///
/// Two ways lead a stranger's page to an endpoint that only this machine can reach. It can send a request across
/// sites, which browsers mark with `Origin` and `Sec-Fetch-Site`; or it can let its own name point to our address (DNS
/// rebinding), which makes it the same origin for the browser, but leaves its name in `Host`. An address cannot be
/// rebound, so addresses always pass; names have to be known.
package struct RequestGuard: Sendable, Hashable {
    /// A request that is not to be answered.
    package struct Refusal: Error, Sendable, Hashable, CustomStringConvertible {
        /// 400 for what no client sends by mistake, otherwise 403.
        package var status: Int
        /// A sentence that says what was refused and how to allow it.
        package var description: String
    }

    private let own: [HostPattern]
    private let listed: [HostPattern]
    private let listKey: String

    /// - Parameters:
    ///   - host: the address that is listened on, as it was configured.
    ///   - machineName: this machine's, by which others may know it.
    ///   - allowed: further names, `NAME`, `NAME:PORT` or `*.DOMAIN`. Those that ``HostPattern`` cannot read are left
    ///     out; configurations are checked before.
    ///   - listKey: the setting that holds them, for messages.
    package init(listeningOn host: String, machineName: String?, allowed: [String], listKey: String) {
        var names = ["localhost", host]
        if let machineName, !machineName.isEmpty {
            names.append(machineName)
            if let label = machineName.split(separator: ".").first { names.append(String(label)) }
        }
        own = names.compactMap { HostPattern($0) }
        listed = allowed.compactMap { HostPattern($0) }
        self.listKey = listKey
    }

    /// Nil for a request that may be answered.
    package func refusal(of request: HTTPRequest) -> Refusal? {
        guard !request.headerFields.contains(where: { $0.name.canonicalName == "host" }) else {
            return Refusal(status: 400, description: "the request has more than one Host")
        }
        // Clients of HTTP/1.0 name no host; browsers always do.
        var authority: Authority?
        if let text = request.authority, !text.isEmpty {
            guard let parsed = Authority(text) else {
                return Refusal(status: 400, description: "the Host of the request is not HOST or HOST:PORT")
            }
            guard isKnown(parsed) else {
                return Refusal(
                    status: 403,
                    description: "requests to the name \(parsed.host) are refused; add it to \(listKey) if it is this "
                        + "machine's")
            }
            authority = parsed
        }
        if let origin = request.headerFields[.origin], !isOwn(origin: origin, authority) {
            return Refusal(
                status: 403,
                description: "requests from other sites' pages are refused; a proxy's name belongs in \(listKey)")
        }
        if request.headerFields[.fetchSite]?.lowercased() == "cross-site", !isNavigation(request) {
            return Refusal(status: 403, description: "requests from other sites' pages are refused")
        }
        return nil
    }

    private func isKnown(_ authority: Authority) -> Bool {
        authority.isAddress || own.contains { $0.matches(authority) } || listed.contains { $0.matches(authority) }
    }

    /// Browsers name the page that a request comes from. It has to be ours, by the name that the request used or by
    /// one that is listed: a proxy may have asked us under another name than the browser asked it.
    private func isOwn(origin: String, _ authority: Authority?) -> Bool {
        for (scheme, port) in [("http://", 80), ("https://", 443)] where origin.lowercased().hasPrefix(scheme) {
            guard let page = Authority(origin.dropFirst(scheme.count)) else { return false }
            if let authority, page.host == authority.host, (page.port ?? port) == (authority.port ?? port) {
                return true
            }
            return listed.contains { $0.matches(page) }
        }
        return false
    }

    /// A person who follows a link: the other site's page sees nothing of the answer, and nothing is done by it.
    private func isNavigation(_ request: HTTPRequest) -> Bool {
        (request.method == .get || request.method == .head)
            && request.headerFields[.fetchMode] == "navigate" && request.headerFields[.fetchDestination] == "document"
    }
}

extension HTTPField.Name {
    // Names that the package does not have. The texts are field names, so these are never nil.
    fileprivate static let fetchSite = HTTPField.Name("Sec-Fetch-Site") ?? .origin
    fileprivate static let fetchMode = HTTPField.Name("Sec-Fetch-Mode") ?? .origin
    fileprivate static let fetchDestination = HTTPField.Name("Sec-Fetch-Dest") ?? .origin
}
