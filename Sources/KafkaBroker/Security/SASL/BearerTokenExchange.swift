/// OAUTHBEARER (RFC 7628, KIP-255): a token, and when it is refused an error in JSON that the client has to confirm.
struct BearerTokenExchange: SASLExchange {
    private let verifier: BearerTokenVerifier
    private let now: () -> Int64
    /// The token was refused; the client's confirmation is awaited.
    private var refusal: SASLFailure?

    /// - Parameter now: milliseconds since 1970.
    init(_ verifier: BearerTokenVerifier, now: @escaping () -> Int64) {
        self.verifier = verifier
        self.now = now
    }

    mutating func respond(to message: [UInt8]) throws(SASLFailure) -> SASLStep {
        if let refusal { throw refusal }
        let malformed = SASLFailure.invalidCredentials(.oauthBearer, reason: "malformed OAUTHBEARER message")
        // n,[a=authzid],<1>auth=Bearer TOKEN<1>[key=value<1>…]<1>
        guard let text = String(validating: message, as: UTF8.self), text.hasPrefix("n,") else { throw malformed }
        let parts = text.split(separator: "\u{1}", omittingEmptySubsequences: false)
        guard parts.count >= 3, parts.suffix(2).allSatisfy(\.isEmpty) else { throw malformed }
        let authorization = parts[0].dropFirst(2)
        guard authorization.hasSuffix(","), authorization == "," || authorization.hasPrefix("a=") else {
            throw malformed
        }
        guard
            let credentials = parts.dropFirst().first(where: { $0.lowercased().hasPrefix("auth=") })?.dropFirst(5),
            credentials.lowercased().hasPrefix("bearer ")
        else { throw malformed }
        switch verifier.verify(String(credentials.dropFirst(7)).trimmed.description, now: now()) {
        case .success(let identity):
            let authorizationID = authorization.dropLast().dropFirst(2)
            guard authorizationID.isEmpty || authorizationID.isExactly(identity.principal.name) else {
                throw SASLFailure(
                    "Authentication failed: Client requested an authorization id that is different from the token's "
                        + "principal name", reason: "foreign authorization id")
            }
            return .success([], identity)
        case .failure(let reason):
            let status = reason.isInsufficientScope ? "insufficient_scope" : "invalid_token"
            refusal = SASLFailure("{\"status\":\"\(status)\"}", reason: reason.reason)
            return .challenge(Array("{\"status\":\"\(status)\"}".utf8))
        }
    }
}
