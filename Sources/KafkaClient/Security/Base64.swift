import CCrypto

/// Base 64 with padding, by OpenSSL.
package enum Base64 {
    package static func encode(_ bytes: [UInt8]) -> String {
        // OpenSSL ends its output with a zero byte.
        let text = [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { buffer, count in
            count = Int(EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(bytes.count)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// - Returns: nil for text that is not padded base 64.
    package static func decode(_ text: String) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0, characters.count <= 1 << 18 else { return nil }
        guard !characters.isEmpty else { return [] }
        let padding = characters.reversed().prefix { $0 == UInt8(ascii: "=") }.count
        guard padding <= 2 else { return nil }
        var length: Int32 = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: characters.count / 4 * 3) { buffer, count in
            length = EVP_DecodeBlock(buffer.baseAddress, characters, Int32(characters.count))
            count = max(0, Int(length))
        }
        guard length >= 0 else { return nil }
        bytes.removeLast(padding)
        return bytes
    }
}
