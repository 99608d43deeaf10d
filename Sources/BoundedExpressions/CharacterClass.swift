/// A class of characters, `[…]`, with Java's classes within classes and `&&`.
///
/// PCRE2 has neither: a union becomes alternatives, an intersection a look ahead. Each of them is one character still,
/// so that what follows applies to it as it did.
///
/// | Java's | PCRE2's |
/// |---|---|
/// | `[a-c[x-z]]` | `(?:[a-c]\|[x-z])` |
/// | `[a-z&&[^bc]]` | `(?:(?=[a-z])[^bc])` |
/// | `[^a-z&&[^bc]]` | `(?:(?!(?:(?=[a-z])[^bc])).)` |
struct CharacterClass {
    let pattern: String

    /// Classes within classes: each costs a call.
    private static let nesting = 20
    private static let posix = [
        "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct", "space", "upper",
        "word", "xdigit",
    ]

    /// Reads what follows the opening bracket.
    init(_ syntax: inout JavaSyntax, depth: Int = 0) throws(InvalidExpression.Reason) {
        guard depth < Self.nesting else {
            throw InvalidExpression.Reason(text: "it has more than \(Self.nesting) classes within each other")
        }
        let isNegated = syntax.take("^")
        var operands: [[String]] = []
        var union: [String] = []
        // Characters and ranges that stand side by side.
        var plain = ""
        var isFirst = true
        func members(_ plain: String) -> [String] { plain.isEmpty ? [] : ["[\(plain)]"] }
        while true {
            guard let next = syntax.take() else {
                throw InvalidExpression.Reason(
                    text: "\"]\" is missing at the end of a class; write \"\\[\" for a bracket")
            }
            switch next {
            case "]" where !isFirst:
                union += members(plain)
                if !union.isEmpty { operands.append(union) }
                // The usual one stays as it was written.
                if operands.count == 1, union.count == 1, union == members(plain) {
                    pattern = isNegated ? "[^\(plain)]" : "[\(plain)]"
                } else {
                    pattern = Self.combined(operands, isNegated: isNegated)
                }
                return
            case "]": plain += "\\]"
            case "[":
                if let name = Self.posixName(&syntax) {
                    plain += name
                } else {
                    union += members(plain)
                    plain = ""
                    union.append(try CharacterClass(&syntax, depth: depth + 1).pattern)
                }
            case "&" where syntax.take("&"):
                union += members(plain)
                plain = ""
                if !union.isEmpty { operands.append(union) }
                union = []
            case "^": plain += "\\^"
            case "\\": plain += try syntax.escapeInClass()
            default: plain.unicodeScalars.append(next)
            }
            isFirst = false
        }
    }

    /// `[:alpha:]` and the like, which Java would take for single characters.
    private static func posixName(_ syntax: inout JavaSyntax) -> String? {
        for name in posix {
            for text in [":\(name):]", ":^\(name):]"] where syntax.take(text) { return "[\(text)" }
        }
        return nil
    }

    private static func combined(_ operands: [[String]], isNegated: Bool) -> String {
        let unions = operands.map { $0.count == 1 ? $0[0] : "(?:\($0.joined(separator: "|")))" }
        guard let last = unions.last else { return isNegated ? "(?s:.)" : "(?!)" }
        let together = unions.dropLast().map { "(?=\($0))" }.joined() + last
        return isNegated ? "(?:(?!\(together))(?s:.))" : "(?:\(together))"
    }
}
