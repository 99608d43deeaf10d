import CryptoPrimitives
import KafkaWire
import NIOCore

/// The conditions that a bearer token must satisfy: Kafka's unsecured tokens (`alg` none), or tokens signed by a
/// key of a JWKS file.
struct BearerTokenVerifier: Sendable {
    private enum Trust {
        /// Anybody can write such a token: for tests.
        case unsecured(requiredScopes: [String])
        case keys([PublicKey])
    }

    private let trust: Trust
    private let principalClaim: String
    private let scopeClaim: String
    private let audiences: [String]
    private let issuer: String?
    /// In seconds.
    private let clockSkew: Double

    init(_ settings: ListenerProperties, _ options: [ExactName: Secret]) throws(BrokerError) {
        if let location = settings["sasl.oauthbearer.jwks.endpoint.url"] {
            trust = .keys(try Self.keys(at: location, settings))
            principalClaim = settings["sasl.oauthbearer.sub.claim.name"] ?? "sub"
            scopeClaim = settings["sasl.oauthbearer.scope.claim.name"] ?? "scope"
            audiences = settings.elements("sasl.oauthbearer.expected.audience")
            issuer = settings["sasl.oauthbearer.expected.issuer"]
            clockSkew = Double(settings.number("sasl.oauthbearer.clock.skew.seconds"))
        } else {
            func option(_ name: String) -> String? { options["unsecuredValidator\(name)"]?.reveal() }
            trust = .unsecured(
                requiredScopes: (option("RequiredScope") ?? "").split(separator: " ").map(String.init))
            principalClaim = option("PrincipalClaimName") ?? "sub"
            scopeClaim = option("ScopeClaimName") ?? "scope"
            audiences = []
            issuer = nil
            clockSkew = (option("AllowableClockSkewMs").flatMap(Double.init) ?? 0) / 1000
        }
    }

    private static func keys(at location: String, _ settings: ListenerProperties) throws(BrokerError) -> [PublicKey] {
        let key = "sasl.oauthbearer.jwks.endpoint.url"
        guard location.hasPrefix("file:") else {
            throw settings.refusal(key, "\"\(location)\" is not a file: this broker reads keys from files alone")
        }
        var path = location.dropFirst(5)
        if path.hasPrefix("//") { path = path.dropFirst(2) }
        let contents: ByteBuffer?
        do throws(LogError) { contents = try FileSystem.contents(of: String(path), followsLinks: true) } catch {
            throw settings.refusal(key, "\(error)")
        }
        guard let contents, let document = JSONValue.object(in: Array(contents.readableBytesView)),
            case .array(let entries)? = document["keys"]
        else { throw settings.refusal(key, "\"\(path)\" is not a JSON Web Key Set") }
        let keys = entries.compactMap { entry in
            if case .object(let members) = entry { PublicKey(members) } else { nil }
        }
        guard !keys.isEmpty else { throw settings.refusal(key, "\"\(path)\" holds no key for RS256 or ES256") }
        return keys
    }

    /// - Parameter now: milliseconds since 1970.
    /// - Returns: whose the token is; a reason for the log when it is not accepted.
    func verify(_ token: String, now: Int64) -> Result<SASLIdentity, Refusal> {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3, let header = Base64.decodeURLSafe(parts[0]).flatMap(JSONValue.object),
            let claims = Base64.decodeURLSafe(parts[1]).flatMap(JSONValue.object),
            let signature = Base64.decodeURLSafe(parts[2])
        else { return .failure(Refusal("the token is malformed")) }
        switch trust {
        case .unsecured(let requiredScopes):
            guard header["alg"]?.text == "none", signature.isEmpty else {
                return .failure(Refusal("the token is signed where an unsecured one is due"))
            }
            let scopes = Self.scopes(claims[scopeClaim])
            if let missing = requiredScopes.first(where: { !scopes.contains($0) }) {
                return .failure(Refusal("the token lacks the scope \(missing)", isInsufficientScope: true))
            }
        case .keys(let keys):
            let message = Array("\(parts[0]).\(parts[1])".utf8)
            let id = header["kid"]?.text
            let candidates = keys.filter { key in
                key.algorithm.rawValue == header["alg"]?.text && (id == nil || key.id == nil || key.id == id)
            }
            guard candidates.contains(where: { $0.verifies(signature: signature, of: message) }) else {
                return .failure(Refusal("no key fits the token's signature"))
            }
        }
        return check(claims, now: now)
    }

    private func check(_ claims: [String: JSONValue], now milliseconds: Int64) -> Result<SASLIdentity, Refusal> {
        let now = Double(milliseconds) / 1000
        // A token may tell its times more exactly than our clock does: one that was issued in this very millisecond has
        // been issued.
        let latestStart = Double(milliseconds + 1) / 1000 + clockSkew
        guard let expiry = claims["exp"]?.number, expiry.magnitude < 1e12 else {
            return .failure(Refusal("the token has no expiry"))
        }
        guard expiry + clockSkew > now else { return .failure(Refusal("the token has expired")) }
        for (claim, what) in [("iat", "issued"), ("nbf", "valid")] {
            guard let value = claims[claim] else { continue }
            guard let start = value.number, start < latestStart, start <= expiry else {
                return .failure(Refusal("the token is not \(what) yet"))
            }
        }
        if let issuer, claims["iss"]?.text != issuer { return .failure(Refusal("the token is of another issuer")) }
        guard audiences.isEmpty || claims["aud"]?.texts?.contains(where: audiences.contains) == true else {
            return .failure(Refusal("the token is for another audience"))
        }
        guard let name = claims[principalClaim]?.text, !name.isEmpty else {
            return .failure(Refusal("the token has no claim \(principalClaim)"))
        }
        return .success(SASLIdentity(principal: Principal(user: name), expiry: Int64(expiry * 1000)))
    }

    private static func scopes(_ claim: JSONValue?) -> [String] {
        (claim?.texts ?? []).flatMap { $0.split(separator: " ").map(String.init) }
    }

    /// The reason why a token is not accepted.
    struct Refusal: Error, Hashable {
        let reason: String
        let isInsufficientScope: Bool

        init(_ reason: String, isInsufficientScope: Bool = false) {
            self.reason = reason
            self.isInsufficientScope = isInsufficientScope
        }
    }
}
