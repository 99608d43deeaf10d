import CCrypto

/// The hash functions that authentication needs, from OpenSSL.
package enum HashAlgorithm: Sendable {
    case sha256
    case sha512

    private var algorithm: OpaquePointer? { self == .sha256 ? EVP_sha256() : EVP_sha512() }
    /// The length of a digest.
    package var byteCount: Int { self == .sha256 ? 32 : 64 }

    /// The hash of all bytes.
    package func digest(_ bytes: [UInt8]) -> [UInt8] {
        output { EVP_Digest(bytes, bytes.count, $0, nil, algorithm, nil) == 1 }
    }

    /// HMAC (RFC 2104).
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

    /// Returns true if a signature in DER fits `message`, by a public key in the form of X.509 (SubjectPublicKeyInfo).
    package func verifies(signature: [UInt8], of message: [UInt8], publicKey: [UInt8]) -> Bool {
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
