import CCrypto

/// Base 64 (RFC 4648) in its ordinary and its URL-safe form, by OpenSSL.
package enum Base64 {
    /// The ordinary form, padded.
    package static func encode(_ bytes: [UInt8]) -> String {
        // OpenSSL ends its output with a zero byte.
        let text = [UInt8](unsafeUninitializedCapacity: (bytes.count + 2) / 3 * 4 + 1) { buffer, count in
            count = Int(EVP_EncodeBlock(buffer.baseAddress, bytes, Int32(bytes.count)))
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// The form of JSON Web Tokens and of Kafka's ids: `-` and `_`, without padding.
    package static func encodeURLSafe(_ bytes: [UInt8]) -> String {
        let characters = encode(bytes).utf8.compactMap { byte in
            switch byte {
            case UInt8(ascii: "+"): UInt8(ascii: "-")
            case UInt8(ascii: "/"): UInt8(ascii: "_")
            case padding: UInt8?.none
            default: byte
            }
        }
        return String(decoding: characters, as: UTF8.self)
    }

    /// - Returns: nil for text that is not padded base 64, or longer than a MiB.
    package static func decode(_ text: some StringProtocol) -> [UInt8]? {
        let characters = Array(text.utf8)
        guard characters.count % 4 == 0, characters.count <= longest else { return nil }
        guard !characters.isEmpty else { return [] }
        let padding = characters.reversed().prefix { $0 == Self.padding }.count
        // OpenSSL passes over white space and line ends, which have no place here.
        guard padding <= 2, characters.dropLast(padding).allSatisfy(isDigit) else { return nil }
        var length: Int32 = 0
        var bytes = [UInt8](unsafeUninitializedCapacity: characters.count / 4 * 3) { buffer, count in
            length = EVP_DecodeBlock(buffer.baseAddress, characters, Int32(characters.count))
            count = max(0, Int(length))
        }
        guard length >= 0 else { return nil }
        bytes.removeLast(padding)
        return bytes
    }

    /// Reads what ``encodeURLSafe(_:)`` writes; padding is accepted.
    ///
    /// - Returns: nil for other text.
    package static func decodeURLSafe(_ text: some StringProtocol) -> [UInt8]? {
        guard !text.utf8.contains(UInt8(ascii: "+")), !text.utf8.contains(UInt8(ascii: "/")) else { return nil }
        var characters = text.utf8.map { byte in
            switch byte {
            case UInt8(ascii: "-"): UInt8(ascii: "+")
            case UInt8(ascii: "_"): UInt8(ascii: "/")
            default: byte
            }
        }
        characters += [UInt8](repeating: padding, count: (4 - characters.count % 4) % 4)
        return decode(String(decoding: characters, as: UTF8.self))
    }

    private static let longest = 1 << 20
    private static let padding = UInt8(ascii: "=")

    private static func isDigit(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "/"):
            true
        default: false
        }
    }
}
