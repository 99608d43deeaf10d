import CryptoPrimitives

/// The part of a user's password that a broker keeps for SCRAM (RFC 5802): enough to check it, too little to
/// be that user.
struct SCRAMCredential: Hashable, Sendable {
    let salt: [UInt8]
    let storedKey: [UInt8]
    let serverKey: [UInt8]
    let iterations: Int

    init(salt: [UInt8], storedKey: [UInt8], serverKey: [UInt8], iterations: Int) {
        self.salt = salt
        self.storedKey = storedKey
        self.serverKey = serverKey
        self.iterations = iterations
    }

    /// From what a client sends to have a user created: the password salted and stretched.
    init(_ hash: HashAlgorithm, salt: [UInt8], saltedPassword: [UInt8], iterations: Int) {
        let clientKey = hash.authenticationCode(key: saltedPassword, Array("Client Key".utf8))
        self.init(
            salt: salt, storedKey: hash.digest(clientKey),
            serverKey: hash.authenticationCode(key: saltedPassword, Array("Server Key".utf8)), iterations: iterations)
    }

    /// From a password.
    init(_ hash: HashAlgorithm, password: Secret, salt: [UInt8], iterations: Int) {
        let salted = hash.stretch(password: password.bytes, salt: salt, iterations: iterations)
        self.init(hash, salt: salt, saltedPassword: salted, iterations: iterations)
    }

    /// Kafka's bounds (`ScramMechanism`, `ScramControlManager`).
    static let permittedIterations = 4096...16_384
}

extension SASLMechanism {
    /// The hash function of a SCRAM mechanism.
    var scramHash: HashAlgorithm? {
        switch self {
        case .scramSHA256: .sha256
        case .scramSHA512: .sha512
        case .plain, .oauthBearer, .mskIAM: nil
        }
    }

    /// The number that AlterUserScramCredentials has for a SCRAM mechanism.
    var scramNumber: Int8? {
        switch self {
        case .scramSHA256: 1
        case .scramSHA512: 2
        case .plain, .oauthBearer, .mskIAM: nil
        }
    }

    init?(scramNumber: Int8) {
        guard let found = Self.allCases.first(where: { $0.scramNumber == scramNumber }) else { return nil }
        self = found
    }
}
