internal import Glibc
internal import HTTPTypes
internal import Hummingbird

/// The rule by which the control endpoint tells its users from web pages that a browser of theirs has open.
///
/// The endpoint has no authentication, and a browser reaches what listens on this machine alone. Pages of other sites are
/// known by `Origin` and `Sec-Fetch-Site`; one whose name was made to point here (DNS rebinding) by its `Host`. Addresses
/// cannot be made to point elsewhere, so they are taken, as are `localhost`, the address listened on and the listed names.
struct ControlAccess: Sendable {
    private let names: Set<String>

    /// - Parameters:
    ///   - host: the address that is listened on, as it was given.
    ///   - allowed: further names (`--control-allow-host`).
    init(listeningOn host: String, allowed: [String]) {
        names = Set((["localhost", host] + allowed).map { $0.lowercased() })
    }

    /// The reason why a request is not answered; nil if it is.
    func refusal(of request: HTTPRequest) -> ControlFailure? {
        guard let host = request.authority.flatMap(Self.host) else {
            return ControlFailure(.forbidden, "the request does not say in Host whom it is for")
        }
        guard isKnown(host) else {
            return ControlFailure(
                .forbidden,
                "requests to the name \(host) are refused; --control-allow-host allows it if it is this machine's")
        }
        let origin = request.headerFields[.origin]
        if let origin, !isOwn(origin, host: request.authority) { return Self.otherSite }
        let site = Self.fetchSite.flatMap { request.headerFields[$0] }
        guard site == nil || site == "same-origin" || site == "none" else { return Self.otherSite }
        return contentRefusal(of: request, isFromBrowser: origin != nil || site != nil)
    }

    /// Pages can send other types without asking first. Programs that are no browsers often name none, or that of a form.
    private func contentRefusal(of request: HTTPRequest, isFromBrowser: Bool) -> ControlFailure? {
        guard request.method != .get, request.method != .head, let type = request.headerFields[.contentType] else {
            return nil
        }
        let essence = type.prefix { $0 != ";" }.lowercased().filter { !$0.isWhitespace }
        if essence == "application/json" { return nil }
        if !isFromBrowser, essence == "application/x-www-form-urlencoded" { return nil }
        return ControlFailure(.unsupportedType, "the body of a request is application/json, not \(type)")
    }

    private static let otherSite = ControlFailure(.forbidden, "requests of other sites' pages are refused")
    private static let fetchSite = HTTPField.Name("Sec-Fetch-Site")

    private func isKnown(_ host: String) -> Bool { Self.isAddress(host) || names.contains(host) }

    private func isOwn(_ origin: String, host authority: String?) -> Bool {
        let origin = origin.lowercased()
        guard let authority, origin.hasPrefix("http://") else { return false }
        return origin.dropFirst("http://".count) == authority.lowercased()
    }

    /// The host of `HOST` or `HOST:PORT`, in lower case and without the brackets of an IPv6 address.
    private static func host(_ authority: String) -> String? {
        var host = authority.lowercased()[...]
        if host.hasPrefix("[") {
            guard let end = host.firstIndex(of: "]") else { return nil }
            host = host[host.index(after: host.startIndex)..<end]
        } else if let colon = host.firstIndex(of: ":") {
            host = host[..<colon]
        }
        if host.hasSuffix(".") { host.removeLast() }
        return host.isEmpty ? nil : String(host)
    }

    private static func isAddress(_ host: String) -> Bool {
        var space = in6_addr()
        return inet_pton(AF_INET, host, &space) == 1 || inet_pton(AF_INET6, host, &space) == 1
    }
}
