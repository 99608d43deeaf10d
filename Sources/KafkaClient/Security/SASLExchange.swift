import CCrypto

/// The messages of a SASL mechanism, as a pure sequence of answers to the broker's challenges.
enum SASLExchange {
    case plain(username: String, password: Secret, sent: Bool)
    case scram(SCRAMClient)

    init(_ settings: SASLSettings) {
        switch settings.mechanism {
        case .plain: self = .plain(username: settings.username, password: settings.password, sent: false)
        case .scramSHA256: self = Self.scram(.sha256, settings)
        case .scramSHA512: self = Self.scram(.sha512, settings)
        }
    }

    private static func scram(_ hash: HashAlgorithm, _ settings: SASLSettings) -> SASLExchange {
        .scram(SCRAMClient(hash, username: settings.username, password: settings.password, nonce: freshNonce()))
    }

    /// 24 bytes from OpenSSL's generator, printable.
    private static func freshNonce() -> String {
        let bytes = [UInt8](unsafeUninitializedCapacity: 24) { buffer, count in
            guard RAND_bytes(buffer.baseAddress, 24) == 1 else { preconditionFailure("no source of randomness") }
            count = 24
        }
        return Base64.encode(bytes)
    }

    /// The next bytes to send, given the broker's last (nil at the start); nil when the exchange is complete.
    mutating func respond(to challenge: [UInt8]?) throws(SCRAMClient.Failure) -> [UInt8]? {
        switch self {
        case .plain(let username, let password, let sent):
            guard !sent else { return nil }
            self = .plain(username: username, password: password, sent: true)
            return [0] + Array(username.utf8) + [0] + Array(password.reveal().utf8)
        case .scram(var client):
            let message = try client.respond(to: challenge.map { String(decoding: $0, as: UTF8.self) })
            self = .scram(client)
            return message.map { Array($0.utf8) }
        }
    }
}
