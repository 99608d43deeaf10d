import CryptoPrimitives

/// The messages of a SASL mechanism, as a pure sequence of answers to the broker's challenges.
struct SASLExchange: Sendable {
    private enum Mechanism {
        case plain(message: [UInt8])
        case scram(SCRAMClient)
        case oauthBearer(OAuthBearerClient)
        case awsMSKIAM(payload: [UInt8])
    }

    /// A peer that is not the broker it claims to be, or that breaks the rules.
    struct Failure: Error, Hashable {
        var description: String
    }

    /// The mechanism's name as brokers know it.
    let mechanism: String
    /// Principal that the broker refuses when it refuses: `user "alice"`. Never a secret.
    let subject: String
    /// A possible reason for a refusal, as it was when the exchange was made.
    let suspicion: String?
    private var state: Mechanism
    private var isSent = false

    static func plain(username: String, password: String) -> SASLExchange {
        SASLExchange(
            mechanism: "PLAIN", subject: "user \"\(username)\"", suspicion: nil,
            state: .plain(message: [0] + Array(username.utf8) + [0] + Array(password.utf8)))
    }

    static func scram(_ hash: HashAlgorithm, username: String, password: String) -> SASLExchange {
        SASLExchange(
            mechanism: hash == .sha256 ? "SCRAM-SHA-256" : "SCRAM-SHA-512", subject: "user \"\(username)\"",
            suspicion: nil,
            state: .scram(SCRAMClient(hash, username: username, password: password, nonce: freshNonce())))
    }

    /// - Parameter now: seconds since 1970.
    static func oauthBearer(_ token: OAuthToken, extensions: [String: String], now: Double) -> SASLExchange {
        SASLExchange(
            mechanism: "OAUTHBEARER", subject: "the token", suspicion: token.suspicion(at: now),
            state: .oauthBearer(OAuthBearerClient(token: token, extensions: extensions)))
    }

    static func awsMSKIAM(_ payload: MSKPayload) -> SASLExchange {
        SASLExchange(
            mechanism: "AWS_MSK_IAM", subject: "AWS access key \(payload.accessKeyID)",
            suspicion: "the request was signed \(payload.circumstances); check the clock, and the rights of the key",
            state: .awsMSKIAM(payload: payload.json))
    }

    /// The next bytes to send, given the broker's last (nil at the start); nil when the exchange is complete.
    mutating func respond(to challenge: [UInt8]?) throws(Failure) -> [UInt8]? {
        switch state {
        case .plain(let message), .awsMSKIAM(let message):
            guard !isSent else { return nil }
            isSent = true
            return message
        case .scram(var client):
            defer { state = .scram(client) }
            do {
                return try client.respond(to: challenge.map { String(decoding: $0, as: UTF8.self) })
                    .map { Array($0.utf8) }
            } catch {
                throw Failure(description: "\(error)")
            }
        case .oauthBearer(var client):
            defer { state = .oauthBearer(client) }
            do { return try client.respond(to: challenge) } catch {
                throw Failure(description: refusal(client.refusal ?? ""))
            }
        }
    }

    /// A refusal in words: who, why, and what looks wrong from here.
    ///
    /// - Parameter words: the broker's.
    func refusal(_ words: String) -> String {
        var text = "\(subject) was refused: \(words.shortened)"
        if case .oauthBearer(let client) = state, let document = client.refusal, !words.contains(document) {
            text += " \(document)"
        }
        if let suspicion { text += "; \(suspicion)" }
        return text
    }

    /// 24 bytes from OpenSSL's generator, printable.
    private static func freshNonce() -> String {
        Base64.encode(.random(count: 24))
    }
}

extension SASLExchange: CustomReflectable {
    /// Passwords, tokens and signatures never show themselves.
    var customMirror: Mirror { Mirror(self, children: ["mechanism": mechanism, "subject": subject]) }
}
