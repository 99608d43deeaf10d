import CryptoPrimitives
internal import FoundationEssentials

/// A bearer token with what can be known about its life.
package struct OAuthToken: Sendable {
    /// The token in the form that is sent.
    let value: String
    /// Expiry in seconds since 1970; nil if not known.
    package let expiry: Double?
    private let notBefore: Double?

    /// - Parameter lifetime: in seconds, as the token endpoint tells it; the token's own word otherwise.
    package init(_ text: String, lifetime: Double? = nil, now: Double) throws(CredentialFailure) {
        let value = text.trimmed
        guard !value.isEmpty else { throw .refused("the token is empty") }
        guard value.utf8.count <= Self.largestSize else {
            throw .refused("the token has more than \(Self.largestSize) bytes")
        }
        // RFC 6750, section 2.1. Anything else could end the field that it is sent in.
        guard value.utf8.allSatisfy(Self.isAllowed) else {
            throw .refused("the token holds characters that no bearer token has; is it a token at all?")
        }
        let claims = Self.claims(of: value)
        self.value = value
        expiry = lifetime.map { now + $0 } ?? claims?.exp
        notBefore = claims?.nbf ?? claims?.iat
    }

    /// A property of the token that may explain why it was refused; nil when there is none.
    package func suspicion(at now: Double) -> String? {
        if let expiry, expiry <= now {
            return "the token expired \(WallTime.text(expiry)), and here it is \(WallTime.text(now))"
        }
        if let notBefore, notBefore > now {
            return
                "the token is not valid before \(WallTime.text(notBefore)), and here it is \(WallTime.text(now)); compare the clocks"
        }
        return nil
    }

    /// Brokers take no more before a client is known.
    private static let largestSize = 128 << 10

    private static func isAllowed(_ byte: UInt8) -> Bool {
        switch byte {
        case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2B, 0x2D, 0x2E, 0x2F, 0x3D, 0x5F, 0x7E: true
        default: false
        }
    }

    private struct Claims: Decodable {
        var exp: Double?
        var nbf: Double?
        var iat: Double?
    }

    /// The times in a JSON web token (RFC 7519); nil for a token of another kind. Nothing is verified: that is the
    /// broker's part.
    private static func claims(of token: String) -> Claims? {
        let parts = token.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 3 else { return nil }
        return Base64.decodeURLSafe(parts[1]).flatMap { try? JSONDecoder().decode(Claims.self, from: Data($0)) }
    }
}

extension OAuthToken: CustomStringConvertible, CustomReflectable {
    package var description: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}

extension String {
    /// Without white space at both ends.
    fileprivate var trimmed: String {
        String(drop { $0.isWhitespace }.reversed().drop { $0.isWhitespace }.reversed())
    }
}
