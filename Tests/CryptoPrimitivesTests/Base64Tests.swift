import CryptoPrimitives
import Testing

/// Base 64 by the vectors of RFC 4648, section 10.
@Suite struct Base64Tests {
    @Test(arguments: [
        ("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("fooba", "Zm9vYmE="),
        ("foobar", "Zm9vYmFy"),
    ])
    func `the vectors of RFC 4648 go both ways`(plain: String, encoded: String) {
        let bytes = Array(plain.utf8)
        #expect(Base64.encode(bytes) == encoded)
        #expect(Base64.decode(encoded) == bytes)
        let unpadded = String(encoded.prefix { $0 != "=" })
        #expect(Base64.encodeURLSafe(bytes) == unpadded)
        #expect(Base64.decodeURLSafe(unpadded) == bytes)
    }

    @Test func `the URL-safe form has other digits`() {
        let bytes: [UInt8] = [0xFB, 0xFF, 0xFE]
        #expect(Base64.encode(bytes) == "+//+")
        #expect(Base64.encodeURLSafe(bytes) == "-__-")
        #expect(Base64.decodeURLSafe("-__-") == bytes)
        #expect(Base64.decodeURLSafe("+//+") == nil)
        #expect(Base64.decode("-__-") == nil)
    }

    @Test(arguments: ["Zg", "Zg=", "Zg===", "Z===", "====", "Zm9v\n", " Zm9v", "Zm 9", "Zm9v*mFy", "Zg==Zg=="])
    func `what is not base 64 is refused`(text: String) {
        #expect(Base64.decode(text) == nil)
    }
}
