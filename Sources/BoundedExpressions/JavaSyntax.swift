/// An expression of Java's in PCRE2's terms.
///
/// Both understand the same things but for these, which are rewritten: classes of characters within classes and
/// their intersection, `\uXXXX`, `\0` with octal digits, Java's names for `\p{…}`, and the flags `d` and `u`. What has no
/// counterpart is refused: PCRE2's verbs, `(?U)`, names of characters, blocks of Unicode.
struct JavaSyntax {
    private(set) var pattern = ""
    /// True if nothing is in it to which PCRE2's algorithm that never goes back might answer differently: references
    /// to groups, recursion, conditions, and what takes all it can and gives nothing back.
    private(set) var canReadOnce = true

    private var rest: Substring.UnicodeScalarView

    /// Item that was read last, as far as that matters to what follows it.
    private enum Item: Equatable {
        /// One character of the text, from this byte of the pattern on.
        case character(from: Int)
        /// A backslash and the number of a group, which more digits may follow.
        case reference
        case quantifier
        case other
    }

    init(_ text: String) throws(InvalidExpression.Reason) {
        rest = Substring(text).unicodeScalars
        var before = Item.other
        while let next = rest.popFirst() {
            let start = pattern.utf8.count
            var item = Item.other
            switch next {
            case "\\":
                let isQuote = isNext("Q")
                let isReference = rest.first.map { ("1"..."9").contains($0) } == true
                try escape(isInClass: false)
                item = isQuote ? .other : isReference ? .reference : .character(from: start)
            case "[":
                pattern += try CharacterClass(&self).pattern
                item = .character(from: start)
            case "(": try group()
            case "+" where before == .quantifier:
                canReadOnce = false
                pattern += "+"
            case "+":
                // The algorithm that reads once counts what `+` repeats, and keeps a state for each count.
                if case .character(let from) = before {
                    pattern += "\(Substring(pattern.utf8.dropFirst(from)))*"
                } else {
                    pattern += "+"
                }
                item = .quantifier
            case "*", "?", "}":
                append(next)
                item = .quantifier
            case "0"..."9" where before == .reference:
                append(next)
                item = .reference
            default:
                append(next)
                if next.properties.isAlphabetic || ("0"..."9").contains(next) || "._-".unicodeScalars.contains(next) {
                    item = .character(from: start)
                }
            }
            before = item
        }
    }

    mutating func take() -> Unicode.Scalar? { rest.popFirst() }

    /// Takes a text away if it comes next.
    mutating func take(_ text: String) -> Bool {
        guard rest.starts(with: text.unicodeScalars) else { return false }
        rest = rest.dropFirst(text.unicodeScalars.count)
        return true
    }

    func isNext(_ text: String) -> Bool { rest.starts(with: text.unicodeScalars) }

    private mutating func append(_ scalar: Unicode.Scalar) { pattern.unicodeScalars.append(scalar) }

    /// Up to the given character, which is taken away too.
    private mutating func take(until end: Unicode.Scalar) throws(InvalidExpression.Reason) -> String {
        guard let index = rest.firstIndex(of: end) else {
            throw InvalidExpression.Reason(text: "\"\(end)\" is missing")
        }
        defer { rest = rest[rest.index(after: index)...] }
        return String(rest[..<index])
    }
}

// Groups.
extension JavaSyntax {
    private mutating func group() throws(InvalidExpression.Reason) {
        pattern += "("
        guard !isNext("*") else {
            throw InvalidExpression.Reason(text: "\"(*\" has nothing to repeat; write \"\\(\" for a parenthesis")
        }
        guard take("?") else { return }
        pattern += "?"
        if isNext(">") || isNext("(") || isNext("R") || isNext("&") || isNext("P>") || isNext("P=") || isNext("|")
            || rest.first.map({ "+0123456789C".unicodeScalars.contains($0) }) == true
        {
            canReadOnce = false
            return
        }
        let flags = rest.prefix { $0.properties.isAlphabetic && $0.isASCII || $0 == "-" }
        let end = rest.dropFirst(flags.count).first
        guard !flags.isEmpty, end == ":" || end == ")" else { return }
        guard !flags.contains("U") else {
            throw InvalidExpression.Reason(text: "the flag U is not known; write \\p{L}, \\p{N} and the like")
        }
        rest = rest.dropFirst(flags.count)
        // Lines end as they do, and letters of all languages have their cases: what d and u ask for changes nothing.
        var kept = String(flags.filter { $0 != "d" && $0 != "u" })
        if kept.hasSuffix("-") { kept.removeLast() }
        // White space means nothing in classes either.
        pattern += kept.replacing("x", with: "xx")
    }
}

// Escapes.
extension JavaSyntax {
    /// Translates what follows a backslash into PCRE2's terms.
    mutating func escape(isInClass: Bool) throws(InvalidExpression.Reason) {
        guard let next = rest.popFirst() else {
            throw InvalidExpression.Reason(text: "it ends with a backslash; write two for one")
        }
        switch next {
        case "Q": quote()
        case "p", "P": try property(isNegated: next == "P", isInClass: isInClass)
        case "u": try character(digits: isNext("{") ? nil : 4)
        case "x" where !isNext("{"): try character(digits: 2)
        case "0": try octal()
        case "N": throw InvalidExpression.Reason(text: "\\N is not known; write the character itself, or \\x{…}")
        case "c":
            guard let control = rest.popFirst(), control.isASCII else {
                throw InvalidExpression.Reason(text: "\\c needs a letter")
            }
            pattern += "\\x{\(String((control.value & 0x5F) ^ 0x40, radix: 16))}"
        case "b" where isNext("{"): throw InvalidExpression.Reason(text: "\\b{…} is not known")
        case "k", "g", "1"..."9":
            if !isInClass { canReadOnce = false }
            pattern += "\\"
            append(next)
        default:
            if next == "K" { canReadOnce = false }
            pattern += "\\"
            append(next)
        }
    }

    /// A text between `\Q` and `\E`, or to the end: each character for itself.
    private mutating func quote() {
        while !rest.isEmpty, !take("\\E") {
            guard let next = rest.popFirst() else { return }
            if next.isASCII, !(next.properties.isAlphabetic || ("0"..."9").contains(next)) { pattern += "\\" }
            append(next)
        }
    }

    private mutating func character(digits: Int?) throws(InvalidExpression.Reason) {
        let text: String
        if let digits {
            text = String(rest.prefix(digits))
            rest = rest.dropFirst(digits)
        } else {
            _ = rest.popFirst()
            text = try take(until: "}")
        }
        guard let code = UInt32(text, radix: 16), digits == nil || text.unicodeScalars.count == digits,
            Unicode.Scalar(code) != nil
        else { throw InvalidExpression.Reason(text: "\"\(text)\" is not the number of a character") }
        pattern += "\\x{\(String(code, radix: 16))}"
    }

    private mutating func octal() throws(InvalidExpression.Reason) {
        let most = rest.first.map { ("0"..."3").contains($0) } == true ? 3 : 2
        let digits = rest.prefix(most).prefix { ("0"..."7").contains($0) }
        guard let code = UInt32(String(digits), radix: 8) else {
            throw InvalidExpression.Reason(text: "\\0 needs octal digits")
        }
        rest = rest.dropFirst(digits.count)
        pattern += "\\x{\(String(code, radix: 16))}"
    }

    private static let asciiClasses = [
        "Lower": "lower", "Upper": "upper", "ASCII": "ascii", "Alpha": "alpha", "Digit": "digit", "Alnum": "alnum",
        "Punct": "punct", "Graph": "graph", "Print": "print", "Blank": "blank", "Cntrl": "cntrl", "XDigit": "xdigit",
        "Space": "space",
    ]

    private mutating func property(isNegated: Bool, isInClass: Bool) throws(InvalidExpression.Reason) {
        guard take("{") else {
            guard let letter = rest.popFirst() else { throw InvalidExpression.Reason(text: "\\p needs a name") }
            pattern += isNegated ? "\\P{\(letter)}" : "\\p{\(letter)}"
            return
        }
        var name = try take(until: "}")
        if let posix = Self.asciiClasses[name] {
            let posixClass = isNegated ? "[:^\(posix):]" : "[:\(posix):]"
            pattern += isInClass ? posixClass : "[\(posixClass)]"
            return
        }
        for prefix in ["script=", "sc=", "general_category=", "gc=", "Is"] where name.hasPrefix(prefix) {
            name.removeFirst(prefix.count)
            break
        }
        guard !name.hasPrefix("In"), !name.hasPrefix("java"), !name.hasPrefix("block="), !name.hasPrefix("blk=") else {
            throw InvalidExpression.Reason(
                text: "\\p{\(name)} is not known; write a script or a category, such as \\p{Greek} or \\p{Lu}")
        }
        pattern += isNegated ? "\\P{\(name)}" : "\\p{\(name)}"
    }

    /// Returns what a part of the translation adds to the pattern, taken out of it.
    mutating func escapeInClass() throws(InvalidExpression.Reason) -> String {
        let before = pattern
        pattern = ""
        try escape(isInClass: true)
        defer { pattern = before }
        return pattern
    }
}
