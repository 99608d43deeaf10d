/// An expression of RE2's in Java's terms, as subscriptions of consumer groups are written (KIP-848).
///
/// RE2 refuses all that cannot be matched in one pass, which Java allows: references, looking ahead and behind, and
/// what takes all it can and gives nothing back. In its classes `[` and `&&` are nothing special. And it has names
/// for groups, `(?P<name>…)`, a flag `U`, and at most a thousand repetitions.
struct RE2Syntax {
    private(set) var javaText = ""
    private var rest: Substring.UnicodeScalarView

    private static let mostRepetitions = 1000
    private static let flags = Set("imsU-".unicodeScalars)
    private static let escapes = Set("AzbBdDsSwWaftnrvxpPQEC".unicodeScalars)

    init(_ text: String) throws(InvalidExpression.Reason) {
        rest = Substring(text).unicodeScalars
        /// True behind a quantifier, where another one is none.
        var isQuantified = false
        while let next = rest.popFirst() {
            var isQuantifier = false
            switch next {
            case "\\": try escape()
            case "[": try characterClass()
            case "(":
                javaText += "("
                if take("?") { try group() }
            case "*", "+", "?": isQuantifier = true
            case "{": isQuantifier = try repetition()
            default: append(next)
            }
            if isQuantifier {
                guard !isQuantified else {
                    throw InvalidExpression.Reason(text: "a repetition of a repetition needs parentheses")
                }
                if next != "{" { append(next) }
                // As few as possible.
                if take("?") { javaText += "?" }
            }
            isQuantified = isQuantifier
        }
    }

    private mutating func append(_ scalar: Unicode.Scalar) { javaText.unicodeScalars.append(scalar) }

    private mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.unicodeScalars) else { return false }
        rest = rest.dropFirst(text.unicodeScalars.count)
        return true
    }

    private mutating func group() throws(InvalidExpression.Reason) {
        if take("P<") || take("<") {
            let name = rest.prefix { $0 != ">" }
            let isName = name.allSatisfy { $0.isASCII && ($0.properties.isAlphabetic || $0.isDigit || $0 == "_") }
            guard isName, !name.isEmpty, rest.count > name.count else {
                throw InvalidExpression.Reason(
                    text: "RE2 has no looking behind, and names of groups are letters and digits")
            }
            rest = rest.dropFirst(name.count + 1)
            // The name matters to nobody.
            return
        }
        let flags = rest.prefix { Self.flags.contains($0) }
        let end = rest.dropFirst(flags.count).first
        guard end == ":" || (end == ")" && !flags.isEmpty) else {
            throw InvalidExpression.Reason(text: "RE2 has no such group: (?\(end.map(String.init) ?? "")")
        }
        rest = rest.dropFirst(flags.count)
        // Whether as much or as little as possible is taken does not change what matches as a whole.
        var kept = String(String.UnicodeScalarView(flags.filter { $0 != "U" }))
        if kept.hasSuffix("-") { kept.removeLast() }
        javaText += "?\(kept)"
        // A group of no flags is `(?:)` in Java's terms.
        if kept.isEmpty, end == ")" { javaText += ":" }
    }

    /// Reads a repetition; a brace for itself is none.
    private mutating func repetition() throws(InvalidExpression.Reason) -> Bool {
        let digits = rest.prefix { $0 != "}" }
        let parts = digits.split(separator: ",", omittingEmptySubsequences: false).map { String($0) }
        let isRepetition =
            rest.count > digits.count && (1...2).contains(parts.count)
            && parts.allSatisfy { $0.unicodeScalars.allSatisfy(\.isDigit) } && parts[0] != ""
        guard isRepetition else {
            javaText += "\\{"
            return false
        }
        for part in parts where part != "" {
            guard let number = Int(part), number <= Self.mostRepetitions else {
                throw InvalidExpression.Reason(text: "more than \(Self.mostRepetitions) repetitions")
            }
        }
        rest = rest.dropFirst(digits.count + 1)
        javaText += "{\(String(digits))}"
        return true
    }

    private mutating func escape() throws(InvalidExpression.Reason) {
        guard let next = rest.popFirst() else { throw InvalidExpression.Reason(text: "it ends with a backslash") }
        switch next {
        case "Q":
            javaText += "\\Q"
            while let quoted = rest.popFirst() {
                if quoted == "\\", take("E") { break }
                append(quoted)
            }
            javaText += "\\E"
        case "C": throw InvalidExpression.Reason(text: "\\C is not known")
        case "v": javaText += "\\x0B"
        case "0"..."7" where next == "0" || rest.first.map({ ("0"..."7").contains($0) }) == true: octal(next)
        default:
            guard Self.escapes.contains(next) || (next.isASCII && !next.properties.isAlphabetic && !next.isDigit) else {
                throw InvalidExpression.Reason(text: "RE2 has no escape \\\(next)")
            }
            javaText += "\\"
            append(next)
        }
    }

    private mutating func octal(_ first: Unicode.Scalar) {
        javaText += "\\0"
        append(first)
        for _ in 0..<2 {
            guard let digit = rest.first, ("0"..."7").contains(digit) else { return }
            rest.removeFirst()
            append(digit)
        }
    }

    private mutating func characterClass() throws(InvalidExpression.Reason) {
        javaText += "["
        if take("^") { javaText += "^" }
        var isFirst = true
        while let next = rest.popFirst() {
            switch next {
            case "]" where !isFirst:
                javaText += "]"
                return
            case "]": javaText += "\\]"
            case "[" where rest.first == ":" && rest.dropFirst().contains(":"):
                javaText += "["
                while let inner = rest.popFirst() {
                    append(inner)
                    if inner == "]" { break }
                }
            case "[", "&": javaText += "\\\(next)"
            case "\\": try escape()
            default: append(next)
            }
            isFirst = false
        }
        throw InvalidExpression.Reason(text: "\"]\" is missing at the end of a class")
    }
}

extension Unicode.Scalar {
    fileprivate var isDigit: Bool { ("0"..."9").contains(self) }
}

extension BoundedExpression {
    /// Reads an expression in RE2's syntax.
    ///
    /// - Throws: ``InvalidExpression`` also for what only other syntaxes have.
    public init(re2 text: String) throws(InvalidExpression) {
        let translated: RE2Syntax
        do throws(InvalidExpression.Reason) {
            translated = try RE2Syntax(text)
        } catch {
            throw InvalidExpression(text: text, reason: error.text)
        }
        do throws(InvalidExpression) {
            try self.init(translated.javaText)
        } catch {
            throw InvalidExpression(text: text, reason: error.reason)
        }
    }
}
