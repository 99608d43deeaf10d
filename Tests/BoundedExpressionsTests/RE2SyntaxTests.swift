import BoundedExpressions
import Testing

/// Expressions as Kafka 4 takes them in subscriptions: RE2's.
@Suite struct RE2SyntaxTests {
    @Test(arguments: [
        ("logs-.*", "logs-a", true), ("logs-.*", "my-logs-a", false), ("^logs$", "logs", true), ("a|b", "b", true),
        ("(?i)LOGS", "logs", true), ("(?P<name>a+)b", "aab", true), ("(?<name>a+)b", "aab", true),
        ("(?U)a+b", "aab", true), ("(?:ab){2}", "abab", true), ("a{2,3}?", "aaa", true), ("a{,2}", "a{,2}", true),
        ("a{x", "a{x", true), ("[[a]+", "[a[", true), ("[a&&b]+", "a&b", true), ("[]a]+", "]a", true),
        ("[^a]", "b", true), ("[[:alpha:]]+", "abc", true), ("[[:alpha:]]", "1", false), ("\\Qa.b\\E", "a.b", true),
        ("\\Qa.b", "axb", false), ("\\d+\\.\\w", "12.x", true), ("\\x41\\x{42}", "AB", true), ("\\pL+", "ab", true),
        ("\\101", "A", true), ("a*?b", "aab", true), ("(?i:A)b", "ab", true), ("(?i:A)b", "aB", false),
        ("\\Aa\\z", "a", true), ("", "", true), ("a-_\\-", "a-_-", true),
    ]) func `an expression matches as RE2's do`(pattern: String, text: String, matches: Bool) throws {
        #expect(try BoundedExpression(re2: pattern).matches(text) == matches)
    }

    @Test(arguments: [
        "(", "(a", "a)", "[", "[a", "*", "a**", "a++", "a*+", "a???", "(?=a)", "(?!a)", "(?<=a)b", "(?<!a)b", "(?>a)",
        "(a)\\1", "\\k<a>", "(?P=a)", "a{1001}", "\\", "\\y", "\\G", "\\Z", "(?x)a", "(?#a)", "(?(1)a)", "(?R)", "(?)",
    ]) func `what RE2 does not know is refused`(pattern: String) {
        #expect(throws: InvalidExpression.self) { try BoundedExpression(re2: pattern) }
    }
}
