internal import CryptoPrimitives

/// Rights at the HTTP endpoints.
package enum Right: Int, Sendable, Comparable {
    case none
    /// To see metrics, status, history, events and the page.
    case read
    /// To pause and resume as well.
    case act

    package static func < (left: Right, right: Right) -> Bool { left.rawValue < right.rawValue }
}

/// Users and tokens that the HTTP endpoints know, and what those may do who show neither.
///
/// Of passwords and tokens only digests are kept, under a key that the process makes for itself.
package struct Credentials: Sendable {
    private static let key = [UInt8].random(count: 32)

    private let users: [String: [UInt8]]
    private let tokens: [[UInt8]]
    /// Rights of those who show no credentials.
    package let anonymous: Right
    /// Digest of the users' length, and like none of theirs: the comparison when there is no such user.
    private let nobody = [UInt8].random(count: 32)

    /// - Parameters:
    ///   - users: passwords by name. Users may act.
    ///   - tokens: of scrapers. They may read.
    ///   - anonymous: what those may do who show no credentials.
    package init(users: [String: String], tokens: [String], anonymous: Right) {
        self.users = users.filter { !$0.value.isEmpty }.mapValues { Self.digest($0) }
        self.tokens = tokens.filter { !$0.isEmpty }.map { Self.digest($0) }
        self.anonymous = anonymous
    }

    /// Schemes that a client may answer with, for `WWW-Authenticate`.
    var challenges: [String] {
        var challenges: [String] = []
        if !users.isEmpty { challenges.append("Basic realm=\"replicator\", charset=\"UTF-8\"") }
        if !tokens.isEmpty { challenges.append("Bearer realm=\"replicator\"") }
        return challenges
    }

    /// True if there is anybody who may act.
    var hasUsers: Bool { !users.isEmpty }

    /// The right of whoever shows this `Authorization`; nil when it is not right. That takes equally long for a wrong
    /// password and for a user who is not known.
    package func right(of authorization: String) -> Right? {
        guard let space = authorization.firstIndex(of: " ") else { return nil }
        let rest = authorization[authorization.index(after: space)...].drop { $0 == " " }
        switch authorization[..<space].lowercased() {
        case "basic": return isUser(rest) ? .act : nil
        case "bearer": return isToken(String(rest)) ? .read : nil
        default: return nil
        }
    }

    private func isUser(_ encoded: Substring) -> Bool {
        guard let bytes = Base64.decode(encoded), let colon = bytes.firstIndex(of: UInt8(ascii: ":")),
            let name = String(validating: bytes[..<colon], as: UTF8.self)
        else { return false }
        let given = HashAlgorithm.sha256.authenticationCode(key: Self.key, Array(bytes[(colon + 1)...]))
        return (users[name] ?? nobody).equalsInConstantTime(given)
    }

    private func isToken(_ token: String) -> Bool {
        let given = Self.digest(token)
        // All of them, so that time does not tell which one was like it.
        return tokens.reduce(false) { $1.equalsInConstantTime(given) || $0 }
    }

    private static func digest(_ secret: String) -> [UInt8] {
        HashAlgorithm.sha256.authenticationCode(key: key, Array(secret.utf8))
    }
}

extension Credentials: CustomStringConvertible, CustomReflectable {
    package var description: String { "•••" }
    package var customMirror: Mirror { Mirror(self, children: EmptyCollection<Mirror.Child>()) }
}
