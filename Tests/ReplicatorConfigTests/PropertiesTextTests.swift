import ReplicatorConfig
import Testing

/// The rules are those of `java.util.Properties.load`.
@Suite struct PropertiesTextTests {
    @Test(
        arguments: [
            ("a=b", ["a": "b"]), ("a = b", ["a": "b"]), ("a:b", ["a": "b"]), ("a : b", ["a": "b"]), ("a b", ["a": "b"]),
            ("a\t\u{C} b", ["a": "b"]), ("a = = b", ["a": "= b"]), ("a b = c", ["a": "b = c"]), ("a", ["a": ""]),
            ("a=", ["a": ""]), ("= b", [:]), ("", [:]), ("  a = b  ", ["a": "b  "]),
            ("a=b\r\nc=d\re=f", ["a": "b", "c": "d", "e": "f"]),
            ("#a=b\n!c=d\n  # e=f\ng=h#i", ["g": "h#i"]), ("a=1\na=2", ["a": "2"]),
            ("a\\ b=c", ["a b": "c"]), ("a\\=b=c", ["a=b": "c"]), ("a\\:b:c", ["a:b": "c"]), ("\\#a=b", ["#a": "b"]),
            ("a=\\u0066\\u00e9", ["a": "fé"]), ("a=\\uD83D\\uDE00", ["a": "😀"]),
            ("a=\\t\\n\\r\\f\\x\\\"", ["a": "\t\n\r\u{C}x\""]),
            ("a=b\\\\", ["a": "b\\"]), ("a=b\\\\\\\nc", ["a": "b\\c"]), ("a=b\\", ["a": "b"]),
            ("a=b,\\\n    c,\\\r\n\td", ["a": "b,c,d"]),
            // An empty line ends a list, and so does one of blanks.
            ("a=b,\\\n\nc=d", ["a": "b,", "c": "d"]), ("a=b,\\\n   \t\nc=d", ["a": "b,", "c": "d"]),
            ("a=b,\\\r\n\r\nc=d", ["a": "b,", "c": "d"]),
            // What looks like a comment is a part of the list.
            ("a=b,\\\n#c", ["a": "b,#c"]), ("a=b,\\\n # c,\\\n!d", ["a": "b,# c,!d"]),
            ("\\\n# comment\na=b", ["a": "b"]), ("a\\\nb=c", ["ab": "c"]), ("a=\\\n  b", ["a": "b"]),
            // Breaks of lines are CR and LF only.
            ("a=b\u{2028}c\u{85}d\u{B}e", ["a": "b\u{2028}c\u{85}d\u{B}e"]),
        ] as [(String, [String: String])])
    func `is read as Java does`(text: String, expected: [String: String]) {
        let settings = PropertiesText.parse(text)

        #expect(Dictionary(settings.map { ($0.key, $0.value) }) { _, last in last } == expected)
    }

    @Test func `a setting is where its line begins`() {
        let settings = PropertiesText.parse("# 1\na=b,\\\n c\n\nd=e\r\nf=g")

        #expect(settings.map(\.line) == [2, 5, 6])
    }
}
