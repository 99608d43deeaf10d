import CCrypto

extension [UInt8] {
    /// Compares without telling by its duration where the difference is.
    package func equalsInConstantTime(_ other: [UInt8]) -> Bool {
        count == other.count && CRYPTO_memcmp(self, other, count) == 0
    }

    /// Bytes from OpenSSL's generator.
    package static func random(count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { buffer, written in
            guard RAND_bytes(buffer.baseAddress, Int32(count)) == 1 else {
                preconditionFailure("no source of randomness")
            }
            written = count
        }
    }

    /// Two lower-case digits for each byte.
    package var hexadecimal: String {
        let digits = Array("0123456789abcdef".utf8)
        return String(decoding: flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
    }
}
