/// The first entry of `sasl.jaas.config`: `CLASS required NAME="VALUE" …;`, read as Kafka's `JaasConfig` does.
package struct LoginModule {
    package private(set) var className = ""
    package private(set) var options: [String: String] = [:]

    package init(_ text: String) {
        var tokens = Tokens(text)
        className = tokens.next() ?? ""
        // The control flag, such as `required`.
        _ = tokens.next()
        while let name = tokens.next(), name != ";" {
            guard tokens.next() == "=", let value = tokens.next() else { return }
            options[name] = value
        }
    }

    func isClass(_ name: String) -> Bool { className.hasSuffix(name) }
}

/// Words, texts in quotes, and the signs `=` and `;` by themselves.
private struct Tokens {
    private var rest: Substring
    private static let escapes: [Character: Character] = ["n": "\n", "t": "\t", "r": "\r", "f": "\u{C}"]

    init(_ text: String) {
        rest = text[...]
    }

    mutating func next() -> String? {
        skipBlanks()
        guard let first = rest.first else { return nil }
        if first == "=" || first == ";" { return String(rest.removeFirst()) }
        if first == "\"" || first == "'" { return quoted(by: rest.removeFirst()) }
        let word = rest.prefix { !$0.isWhitespace && !"=;\"'".contains($0) || isReference($0) }
        rest = rest.dropFirst(word.count)
        return String(word)
    }

    private func isReference(_ character: Character) -> Bool { "${}".contains(character) }

    /// Nil when the text does not end: nobody knows then where a name ends and a password begins.
    private mutating func quoted(by mark: Character) -> String? {
        var text = ""
        while let character = rest.popFirst() {
            if character == mark { return text }
            guard character == "\\", let escaped = rest.popFirst() else {
                text.append(character)
                continue
            }
            text.append(Self.escapes[escaped] ?? escaped)
        }
        return nil
    }

    private mutating func skipBlanks() {
        while let first = rest.first {
            if first.isWhitespace {
                rest.removeFirst()
            } else if rest.hasPrefix("//") {
                rest = rest.drop { !$0.isNewline }
            } else if rest.hasPrefix("/*") {
                rest = rest.firstRange(of: "*/").map { rest[$0.upperBound...] } ?? ""
            } else {
                return
            }
        }
    }
}
