import CCrypto

/// A certificate chain and its key out of a PKCS#12 file, in DER, by OpenSSL.
struct KeyStore {
    struct Failure: Error, Hashable {
        let description: String
    }

    /// The own certificate first.
    let chain: [[UInt8]]
    let key: [UInt8]

    init(pkcs12 bytes: [UInt8], password: String) throws(Failure) {
        ERR_clear_error()
        guard let input = BIO_new_mem_buf(bytes, Int32(clamping: bytes.count)) else {
            throw Failure(description: "out of memory")
        }
        defer { BIO_free(input) }
        guard let store = d2i_PKCS12_bio(input, nil) else {
            throw Failure(description: "it is not a PKCS#12 file; Java's older JKS stores can be converted by keytool")
        }
        defer { PKCS12_free(store) }

        var key: OpaquePointer?
        var certificate: OpaquePointer?
        var others: OpaquePointer?
        guard PKCS12_parse(store, password, &key, &certificate, &others) == 1 else {
            throw Failure(description: Self.reason())
        }
        defer {
            EVP_PKEY_free(key)
            X509_free(certificate)
            for index in 0..<max(0, OPENSSL_sk_num(others)) {
                X509_free(OpaquePointer(OPENSSL_sk_value(others, index)))
            }
            OPENSSL_sk_free(others)
        }
        guard let key, let certificate else {
            throw Failure(description: "it holds no key with a certificate; is it a trust store?")
        }
        var chain = [Self.encoded { i2d_X509(certificate, $0) }]
        for index in 0..<max(0, OPENSSL_sk_num(others)) {
            let other = OpaquePointer(OPENSSL_sk_value(others, index))
            chain.append(Self.encoded { i2d_X509(other, $0) })
        }
        self.chain = chain
        self.key = Self.encoded { i2d_PrivateKey(key, $0) }
    }

    /// Runs an OpenSSL encoder twice: for the length, and for the bytes.
    private static func encoded(
        _ encode: (UnsafeMutablePointer<UnsafeMutablePointer<UInt8>?>?) -> Int32
    ) -> [UInt8] {
        let length = Int(max(0, encode(nil)))
        return [UInt8](unsafeUninitializedCapacity: length) { buffer, count in
            // The encoder writes as many bytes as it has just announced for the same object.
            var position = buffer.baseAddress
            count = Int(max(0, encode(&position)))
        }
    }

    private static func reason() -> String {
        let words = ERR_reason_error_string(ERR_peek_error()).map { String(cString: $0) } ?? "unknown error"
        switch words {
        case "mac verify failure": return "tls.keystorePassword is wrong or missing"
        case "unsupported":
            return "it is encrypted in a way that is no longer considered safe; write it again with \"openssl pkcs12\""
        default: return words
        }
    }
}
