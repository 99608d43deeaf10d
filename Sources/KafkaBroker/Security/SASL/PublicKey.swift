import CryptoPrimitives

/// A public key out of a JSON Web Key (RFC 7517), ready to check signatures with.
struct PublicKey: Sendable {
    enum Algorithm: String, Sendable {
        case rs256 = "RS256"
        case es256 = "ES256"
    }

    let id: String?
    let algorithm: Algorithm
    /// In the form of X.509.
    private let bytes: [UInt8]

    /// - Returns: nil for a kind of key that none of the algorithms has, and for keys that are not for signatures.
    init?(_ key: [String: JSONValue]) {
        func number(_ name: String) -> [UInt8]? { key[name]?.text.flatMap { Base64.decodeURLSafe($0) } }
        guard key["use"]?.text ?? "sig" == "sig" else { return nil }
        switch (key["kty"]?.text, key["crv"]?.text) {
        case ("RSA", _):
            guard let modulus = number("n"), let exponent = number("e"), modulus.count >= 256 else { return nil }
            algorithm = .rs256
            bytes = DER.sequence(
                DER.sequence(DER.rsaEncryption, DER.null),
                DER.bits(DER.sequence(DER.integer(modulus), DER.integer(exponent))))
        case ("EC", "P-256"):
            guard let x = number("x"), let y = number("y"), x.count == 32, y.count == 32 else { return nil }
            algorithm = .es256
            bytes = DER.sequence(
                DER.sequence(DER.ellipticCurveKey, DER.curveP256), DER.bits([4] + x + y))
        default: return nil
        }
        guard key["alg"]?.text ?? algorithm.rawValue == algorithm.rawValue else { return nil }
        id = key["kid"]?.text
    }

    /// - Parameter signature: as JSON Web Signatures have it (RFC 7518): for ES256 both numbers one after the other.
    func verifies(signature: [UInt8], of message: [UInt8]) -> Bool {
        switch algorithm {
        case .rs256: return HashAlgorithm.sha256.verifies(signature: signature, of: message, publicKey: bytes)
        case .es256:
            guard signature.count == 64 else { return false }
            let encoded = DER.sequence(DER.integer(Array(signature[..<32])), DER.integer(Array(signature[32...])))
            return HashAlgorithm.sha256.verifies(signature: encoded, of: message, publicKey: bytes)
        }
    }
}

/// The few shapes of DER (X.690) that keys and signatures are made of.
private enum DER {
    static let null: [UInt8] = [0x05, 0x00]
    /// 1.2.840.113549.1.1.1
    static let rsaEncryption: [UInt8] = [0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01]
    /// 1.2.840.10045.2.1
    static let ellipticCurveKey: [UInt8] = [0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01]
    /// 1.2.840.10045.3.1.7
    static let curveP256: [UInt8] = [0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07]

    static func sequence(_ parts: [UInt8]...) -> [UInt8] { tagged(0x30, parts.flatMap { $0 }) }

    static func bits(_ contents: [UInt8]) -> [UInt8] { tagged(0x03, [0] + contents) }

    /// A number that is not negative, most significant byte first.
    static func integer(_ magnitude: [UInt8]) -> [UInt8] {
        var digits = Array(magnitude.drop { $0 == 0 })
        if digits.first ?? 0x80 >= 0x80 { digits.insert(0, at: 0) }
        return tagged(0x02, digits)
    }

    private static func tagged(_ tag: UInt8, _ contents: [UInt8]) -> [UInt8] {
        let count = contents.count
        let length: [UInt8] =
            count < 0x80
            ? [UInt8(count)]
            : count < 0x100 ? [0x81, UInt8(count)] : [0x82, UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
        return [tag] + length + contents
    }
}
