import BoundedExpressions
import Testing

@Suite struct BoundedExpressionTests {
    private func matches(_ pattern: String, _ text: String) throws -> Bool {
        try BoundedExpression(pattern).matches(text)
    }

    @Test(arguments: [
        ("orders", "orders", true), ("orders", "orders2", false), ("orders", "my-orders", false),
        ("a|ab", "ab", true), ("a??b*?", "abbb", true), ("orders.*", "orders", true), ("", "", true), ("", "a", false),
        ("orders$", "orders\n", false), ("^orders$", "orders", true), ("^.*\\z", "a\nb", true),
        ("(?:a|b){2,3}", "aba", true), ("a{2}", "aaa", false),
        // Java's, as MirrorMaker 2's users write them.
        ("(?!__).*", "orders", true), ("(?!__).*", "__orders", false), (".*(?<!-internal)", "x-internal", false),
        ("(?i)ORDERS.*", "Orders.eu", true), ("(?i:or)ders", "ORders", true), ("(?i:or)ders", "ORDERS", false),
        ("(?<name>ab)\\k<name>", "abab", true), ("(ab)\\1", "abab", true), ("(ab)\\1", "abba", false),
        ("a++b", "aab", true), ("[ab]+c", "abc", true), ("\\x41+", "AAA", true), ("\\++", "+++", true),
        ("(a)\\1+b", "aaab", true),
        ("(a)\\1+", "a1", false), ("((((((((((b))))))))))\\10+", "bbb", true), ("\\cA+", "\u{1}\u{1}", true),
        ("\\Qab\\E+", "abb", true),
        ("(ab)+", "abab", true), ("a+?b+", "aabb", true), ("é+", "éé", true), ("a*+a", "aaa", false),
        ("(?>a+)b", "aab", true),
        ("\\Qa.b\\E.*", "a.bc", true), ("\\Qa.b\\E", "axb", false), ("\\Qa.b", "a.b", true),
        ("[\\Qa-c\\E]+", "a-c", true),
        ("[\\Qa-c\\E]+", "b", false), ("\\p{L}+", "café", true), ("\\p{Lu}", "É", true), ("\\p{IsLatin}+", "abc", true),
        ("\\p{IsL}", "é", true), ("\\p{Alpha}+", "abc", true), ("\\p{Alpha}", "é", false), ("\\P{Alpha}", "1", true),
        ("[\\p{Lower}\\d]+", "ab1", true), ("[\\P{Lower}]+", "AB1", true), ("\\pL\\PL", "a1", true),
        ("\\p{script=Greek}", "α", true), ("a\\hb", "a\tb", true), ("a\\Rb", "a\r\nb", true),
        ("a\\Rb", "a\u{2028}b", true),
        ("\\u0041\\x42\\x{43}\\0104", "ABCD", true), ("\\u{41}", "A", true), ("\\w+", "a_1", true), ("\\w", "é", false),
        ("\\d", "٣", false), ("(?d)a.b", "a\nb", true), ("(?u)a", "a", true), ("(?iu)É", "é", true),
        ("(?x) a b # c", "ab", true),
        // Line breaks are characters like others.
        (".*", "a\rb", true), (".*", "a\nb", true), (".*", "a\u{2028}b", true), (".*", "a\r\nb", true),
        (".", "\r\n", false), ("(?-s).*", "a\nb", false),
        // Bytes decide, not the looks of a text.
        ("caf\u{e9}", "cafe\u{301}", false), ("caf.", "caf\u{e9}", true), ("caf.", "cafe\u{301}", false),
        ("caf..", "cafe\u{301}", true),
    ])
    func `an expression is Java's, over the whole text`(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        ("[a-c[x-z]]+", "abxyz", true), ("[a-c[x-z]]", "m", false), ("[a-z&&[^bc]]+", "adz", true),
        ("[a-z&&[^bc]]", "b", false), ("[a-z&&[def]]", "d", true), ("[a-z&&[def]]", "a", false),
        ("[a-z&&def]", "e", true),
        ("[^a-z&&[def]]", "a", true), ("[^a-z&&[def]]", "d", false), ("[^a-c[x-z]]", "m", true),
        ("[^a-c[x-z]]", "y", false),
        ("[a-z&&[aeiou]&&[^e]]{2}", "ai", true), ("[a-z&&[aeiou]&&[^e]]", "e", false), ("[&&a]", "a", true),
        ("[a&&]", "a", true),
        ("[a&b]+", "a&b", true), ("[\\w&&[^\\d_]]+", "abc", true), ("[\\w&&[^\\d_]]", "1", false),
        ("[]a]+", "a]", true),
        ("[^]]", "a", true), ("[a^]+", "^a", true), ("[\\[\\]]+", "[]", true), ("[-.]+", ".-", true),
        ("[\\-\\.]+", ".-", true),
        ("[[:alpha:]]+", "abc", true), ("[[:^alpha:]]", "a", false), ("[^a]", "\n", true),
    ])
    func `classes of characters hold others, and are intersected`(pattern: String, text: String, expected: Bool) throws
    {
        #expect(try matches(pattern, text) == expected)
    }

    @Test(arguments: [
        "orders(", "[a", "*", "a{2,1}", "(?<n>a)(?<n>b)", "\\k<none>", "(*NO_JIT)a", "(*UTF)(*LIMIT_MATCH=1)a",
        "(?U)\\w", "\\N{DIGIT ONE}",
        "\\p{InGreek}", "\\p{javaLowerCase}", "\\p{Nonsense}", "\\uD800", "\\u12", "\\0", "\\C", "a\\", "\\x{110000}",

        "a{1000000}", String(repeating: "(", count: 200) + String(repeating: ")", count: 200),
        String(repeating: "[a", count: 5_000),
        String(repeating: "a", count: 20_000), "(?<=a*)b",
    ])
    func `what is no expression, or too large, is refused with a reason`(pattern: String) {
        let error = #expect(throws: InvalidExpression.self) { try BoundedExpression(pattern) }
        #expect(error?.reason.isEmpty == false)
        #expect((error?.reason.count ?? 0) < 200)
    }

    private static let long = String(repeating: "a", count: 249)

    @Test(arguments: [
        "([a-z0-9]+[-.]?)+", "(a+)+b", "(a|a)*b", "(a|aa)+_", "(.*)*x", "(?:(?:a*)*)*b", "(a?){249}a{249}b",
        ".*.*.*.*.*.*.*x",
        "(?:a|a|a|a|a|a)*z", "((a{1,20}){1,20}){1,3}x", "(?=(a+)+b).*", "([^-]+-?)*;", "(a{1,500}){1,500}b",
        "(?i)(\\p{L}+\\.?)+_",
        "(?:[a-z&&[^b]]+[-.]?)+_",
    ])
    func `repetitions of repetitions have an answer all the same`(pattern: String) throws {
        let expression = try BoundedExpression(pattern)
        let clock = ContinuousClock()
        let time = try clock.measure {
            for length in [20, 41, 249] {
                let answer = try expression.matches(Self.long.suffix(length) + "_!")
                #expect(!answer)
            }
        }
        #expect(time < .seconds(2), "\(pattern)")
    }

    @Test(arguments: ["(a+)+\\1b", "(a|aa)+(?:\\1)b", "(?:x*)*+(a+)+\\1b"])
    func `an expression without an answer says so, and about which text`(pattern: String) throws {
        let expression = try BoundedExpression(pattern)
        let clock = ContinuousClock()
        var error: UndecidedMatch?
        let time = clock.measure {
            do throws(UndecidedMatch) {
                _ = try expression.matches(Self.long + "_b")
            } catch let undecided {
                error = undecided
            }
        }

        #expect(error?.expression == pattern)
        #expect(error?.description.contains(Self.long + "_b") == true)
        #expect(time < .seconds(1))
    }

    @Test func `a hundred thousand names that an expression cannot decide take seconds, not hours`() throws {
        let expression = try BoundedExpression("(a+)+\\1b")
        let clock = ContinuousClock()
        let time = clock.measure {
            for number in 0..<200 {
                #expect(throws: UndecidedMatch.self) { try expression.matches(Self.long + "\(number)b") }
            }
        }
        #expect(time < .seconds(1))
    }

    @Test func `an expression may be used by many at once`() async throws {
        let expression = try BoundedExpression("([a-z]+[-.]?)+")
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<500 {
                group.addTask { (try? expression.matches(number.isMultiple(of: 2) ? "ab.c" : Self.long + "_")) == true }
            }
            var found = 0
            for await answer in group where answer { found += 1 }
            #expect(found == 250)
        }
    }

    @Test func `groups hold what they matched`() throws {
        let expression = try BoundedExpression("CN=(.*?),(OU=(\\w+),)?O=(.*)")

        #expect(try expression.groups(in: "CN=é,O=x") == ["CN=é,O=x", "é", "", "", "x"])
        #expect(try expression.groups(in: "CN=a") == nil)
    }

    @Test func `equality is that of the bytes`() throws {
        #expect(try BoundedExpression("caf\u{e9}") != BoundedExpression("cafe\u{301}"))
        #expect(try BoundedExpression("a.*") == BoundedExpression("a.*"))
    }

    @Test func `long texts are matched as long as that is simple`() throws {
        let long = String(repeating: "a", count: 32_767)

        #expect(try matches(".*", long))
        #expect(try matches("(a|b)*", String(long.prefix(2_000))))
        #expect(throws: UndecidedMatch.self) { try matches("(a+)+b", long + "_b") }
    }
}
