import CCrypto

/// The hash functions that authentication needs, from OpenSSL.
enum HashAlgorithm: Sendable {
    case sha256
    case sha512

    private var algorithm: OpaquePointer? { self == .sha256 ? EVP_sha256() : EVP_sha512() }
    var byteCount: Int { self == .sha256 ? 32 : 64 }

    func digest(_ bytes: [UInt8]) -> [UInt8] {
        output { EVP_Digest(bytes, bytes.count, $0, nil, algorithm, nil) == 1 }
    }

    func authenticationCode(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        output { HMAC(algorithm, key, Int32(key.count), message, message.count, $0, nil) != nil }
    }

    /// PBKDF2 (RFC 8018), which RFC 5802 calls `Hi`.
    func stretch(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        output { result in
            password.withUnsafeBytes { password in
                PKCS5_PBKDF2_HMAC(
                    password.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(password.count), salt,
                    Int32(salt.count), Int32(iterations), algorithm, Int32(byteCount), result) == 1
            }
        }
    }

    /// Whether a signature in DER fits `message`, by a public key in the form of X.509 (SubjectPublicKeyInfo).
    func verifies(signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
        publicKey.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let key = d2i_PUBKEY(nil, &start, bytes.count) else { return false }
            defer { EVP_PKEY_free(key) }
            guard let context = EVP_MD_CTX_new() else { return false }
            defer { EVP_MD_CTX_free(context) }
            guard EVP_DigestVerifyInit(context, nil, algorithm, nil, key) == 1 else { return false }
            return EVP_DigestVerify(context, signature, signature.count, message, message.count) == 1
        }
    }

    /// Runs an OpenSSL function that writes `byteCount` bytes. These fail only when memory runs out.
    private func output(_ write: (UnsafeMutablePointer<UInt8>?) -> Bool) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            guard write(buffer.baseAddress) else { preconditionFailure("libcrypto lacks \(self) or memory") }
            count = byteCount
        }
    }
}

extension [UInt8] {
    /// Compares without telling by its duration where the difference is.
    func equalsInConstantTime(_ other: [UInt8]) -> Bool {
        count == other.count && CRYPTO_memcmp(self, other, count) == 0
    }

    /// Bytes from OpenSSL's generator.
    static func random(count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            guard RAND_bytes(buffer.baseAddress, Int32(count)) == 1 else {
                preconditionFailure("no source of randomness")
            }
            written = count
        }
    }

    /// Lower-case hexadecimal digits.
    var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
