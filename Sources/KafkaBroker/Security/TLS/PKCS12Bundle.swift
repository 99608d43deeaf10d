import CCrypto

/// The contents of a PKCS#12 file, each part in DER.
struct PKCS12Bundle {
    private(set) var privateKey: [UInt8]?
    /// The certificate that goes with the key.
    private(set) var certificate: [UInt8]?
    /// The rest of the chain, or a trust store's roots.
    private(set) var others: [[UInt8]] = []

    /// - Returns: nil for another kind of file, and for a wrong password.
    init?(_ contents: [UInt8], password: Secret) {
        var key: OpaquePointer?
        var own: OpaquePointer?
        var chain: OpaquePointer?
        let isRead = contents.withUnsafeBufferPointer { bytes in
            var start = bytes.baseAddress
            guard let file = d2i_PKCS12(nil, &start, bytes.count) else { return false }
            defer { PKCS12_free(file) }
            return PKCS12_parse(file, password.reveal(), &key, &own, &chain) == 1
        }
        defer {
            EVP_PKEY_free(key)
            X509_free(own)
            // A null stack is an empty one, as OpenSSL's macros treat it.
            while let next = OPENSSL_sk_pop(chain) { X509_free(OpaquePointer(next)) }
            OPENSSL_sk_free(chain)
        }
        guard isRead else {
            ERR_clear_error()
            return nil
        }
        privateKey = key.flatMap { key in Self.der { i2d_PrivateKey(key, $0) } }
        certificate = own.flatMap { own in Self.der { i2d_X509(own, $0) } }
        for index in 0..<max(OPENSSL_sk_num(chain), 0) {
            guard let entry = OPENSSL_sk_value(chain, index) else { continue }
            if let bytes = Self.der({ i2d_X509(OpaquePointer(entry), $0) }) { others.append(bytes) }
        }
    }

    /// Asks an OpenSSL encoder for its length, then for its bytes.
    private static func der(
        _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) -> [UInt8]? {
        let length = Int(encode(nil))
        guard length > 0 else { return nil }
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            var end = buffer.baseAddress
            count = max(0, Int(encode(&end)))
        }
    }
}
