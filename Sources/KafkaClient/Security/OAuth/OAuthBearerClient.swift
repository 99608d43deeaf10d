/// The client's side of OAUTHBEARER (RFC 7628): the token goes out first, and a refusal comes as a challenge that has
/// to be answered before the broker gives its verdict.
package struct OAuthBearerClient: Sendable {
    package enum Failure: Error, Hashable {
        /// The broker's document about its refusal.
        case refused(String)
    }

    private enum Stage {
        case first
        case verdict
        case refused(String)
    }

    private let token: String
    private let extensions: [String: String]
    private var stage = Stage.first

    package init(token: OAuthToken, extensions: [String: String]) {
        self.token = token.value
        self.extensions = extensions
    }

    /// The broker's objection to the token, if it has stated one.
    package var refusal: String? { if case .refused(let why) = stage { why } else { nil } }

    /// The next message to send, given the broker's last (nil at the start); nil when the exchange has succeeded.
    package mutating func respond(to challenge: [UInt8]?) throws(Failure) -> [UInt8]? {
        switch stage {
        case .first:
            stage = .verdict
            return Array(firstMessage.utf8)
        case .verdict:
            guard let challenge, !challenge.isEmpty else { return nil }
            stage = .refused(String(decoding: challenge.prefix(4096), as: UTF8.self).shortened)
            // The dummy of section 3.2.3, without which the broker must not answer.
            return [0x01]
        case .refused(let why):
            throw .refused(why)
        }
    }

    private var firstMessage: String {
        let pairs = extensions.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)\u{01}" }.joined()
        return "n,,\u{01}auth=Bearer \(token)\u{01}\(pairs)\u{01}"
    }
}
