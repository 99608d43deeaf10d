import CCrypto

/// The hash functions that SCRAM is used with, from OpenSSL.
package enum HashAlgorithm: Sendable {
    case sha256
    case sha512

    private var algorithm: OpaquePointer? { self == .sha256 ? EVP_sha256() : EVP_sha512() }
    var byteCount: Int { self == .sha256 ? 32 : 64 }

    package func digest(_ bytes: [UInt8]) -> [UInt8] {
        output { EVP_Digest(bytes, bytes.count, $0, nil, algorithm, nil) == 1 }
    }

    package func authenticationCode(key: [UInt8], _ message: [UInt8]) -> [UInt8] {
        output { HMAC(algorithm, key, Int32(key.count), message, message.count, $0, nil) != nil }
    }

    /// PBKDF2 (RFC 8018), which RFC 5802 calls `Hi`.
    package func stretch(password: [UInt8], salt: [UInt8], iterations: Int) -> [UInt8] {
        output { result in
            password.withUnsafeBytes { password in
                PKCS5_PBKDF2_HMAC(
                    password.baseAddress?.assumingMemoryBound(to: CChar.self), Int32(password.count), salt,
                    Int32(salt.count), Int32(iterations), algorithm, Int32(byteCount), result) == 1
            }
        }
    }

    /// Compares without telling by its duration where the difference is.
    package static func areEqual(_ left: [UInt8], _ right: [UInt8]) -> Bool {
        left.count == right.count && CRYPTO_memcmp(left, right, left.count) == 0
    }

    /// Runs an OpenSSL function that writes `byteCount` bytes. These fail only when memory runs out.
    private func output(_ write: (UnsafeMutablePointer<UInt8>?) -> Bool) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: byteCount) { buffer, count in
            guard write(buffer.baseAddress) else { preconditionFailure("libcrypto lacks \(self) or memory") }
            count = byteCount
        }
    }
}
