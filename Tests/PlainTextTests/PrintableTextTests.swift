import PlainText
import Testing

@Suite struct PrintableTextTests {
    @Test(arguments: [
        ("orders", "orders"), ("café → ∅ 日本", "café → ∅ 日本"), ("a\nb\r\nc\td", "a\\nb\\r\\nc\\td"),
        ("\u{1B}[2J\u{7}", "\\u{1B}[2J\\u{7}"),
        ("\u{9B}1m\u{7F}\u{85}\u{0}", "\\u{9B}1m\\u{7F}\\u{85}\\u{0}"), ("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}"),
        ("\u{202E}gnp\u{202C}", "\\u{202E}gnp\\u{202C}"),
        ("\u{2066}x\u{2069}\u{200E}\u{200F}\u{61C}", "\\u{2066}x\\u{2069}\\u{200E}\\u{200F}\\u{61C}"),
        ("a\u{200B}\u{200D}\u{FEFF}\u{AD}", "a\\u{200B}\\u{200D}\\u{FEFF}\\u{AD}"),
        ("\u{E0041}\u{E000}", "\\u{E0041}\\u{E000}"),
        ("\"\u{301}", "\"\u{301}"), ("\u{FFFD}", "\u{FFFD}"), ("a\\nb", "a\\nb"), ("", ""),
        ("\u{115F}\u{3164}", "\\u{115F}\\u{3164}"),
    ])
    func `nothing but characters that are seen, in their order, on one line`(text: String, expected: String) {
        #expect(text.printable().unicodeScalars.elementsEqual(expected.unicodeScalars))
    }

    @Test func `lines may be kept, and nothing else`() {
        #expect(
            "a\nb\r\n\u{1B}".printable(keepsLines: true).unicodeScalars.elementsEqual("a\nb\\r\n\\u{1B}".unicodeScalars)
        )
    }

    @Test func `a long text is shortened between characters`() {
        let long = String(repeating: "é", count: 1 << 20)

        #expect(long.printable(atMost: 5) == "éé… (2097148 more bytes)")
        #expect(long.printable().utf8.count < 2_100)
        #expect(long.printable(atMost: nil) == long)
        #expect("abc".printable(atMost: 3) == "abc")
    }

    @Test func `no scalar of Unicode can do more than be seen`() {
        for value in UInt32(0)...0x10FFFF {
            guard let scalar = Unicode.Scalar(value) else { continue }
            let text = String(scalar).printable()
            let isSafe = text.unicodeScalars.allSatisfy {
                $0.value >= 0x20 && $0.value != 0x7F && !(0x80...0x9F).contains($0.value)
                    && ![.lineSeparator, .paragraphSeparator, .format, .control].contains($0.properties.generalCategory)
            }
            if !isSafe { Issue.record("U+\(String(value, radix: 16))") }
        }
    }

    @Test func `JSON keeps its meaning, and hides nothing`() {
        #expect("{\"a\":\"x\u{202E}\u{9B}\u{E0041}é\\n\"}".printableJSON == #"{"a":"x\u202e\u009b\udb40\udc41é\n"}"#)
        #expect("[\n  1\n]".printableJSON == "[\n  1\n]")
    }

    @Test(arguments: [
        ("billing", "'billing'"), ("a'; rm -rf x; '", #"'a'\''; rm -rf x; '\'''"#),
        ("a'\u{301}b", "'a'\\''\u{301}b'"), ("", "''"),
    ])
    func `a name is one word of a shell`(name: String, quoted: String) {
        #expect(name.shellQuoted.unicodeScalars.elementsEqual(quoted.unicodeScalars))
    }
}
