extension StringProtocol {
    /// The text as it may be shown to a person: on one line, moving no cursor, and in its own order.
    ///
    /// Characters that a terminal, a log or a reader could take for more are written as escapes, as in Swift:
    /// control characters with ESC and DEL, separators of lines and paragraphs, invisible characters and those that turn
    /// the direction of what follows. A long text is shortened, with the number of bytes that are left out.
    ///
    /// - Parameters:
    ///   - limit: bytes, or nil for all there are.
    ///   - keepsLines: leaves line feeds as they are, for what is made of lines that are printable already.
    package func printable(atMost limit: Int? = PrintableText.limit, keepsLines: Bool = false) -> String {
        PrintableText.printable(self, limit, keepsLines)
    }
}

extension String {
    /// JSON in which every character that a terminal or a reader could take for more than a character is an escape of
    /// JSON's own. Its texts mean what they meant.
    package var printableJSON: String {
        guard utf8.contains(where: { $0 > 0x7E }) else { return self }
        var result = ""
        for scalar in unicodeScalars {
            guard PrintableText.isHidden(scalar), scalar.value > 0x7E else {
                result.unicodeScalars.append(scalar)
                continue
            }
            for unit in UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter {
                let digits = String(unit, radix: 16)
                result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
            }
        }
        return result
    }
}

/// Work of ``Swift/StringProtocol/printable(atMost:keepsLines:)``.
package enum PrintableText {
    /// Bytes of a text from outside that are shown; reasons that brokers give have some hundred.
    package static let limit = 2_048

    fileprivate static func printable(_ text: some StringProtocol, _ limit: Int?, _ keepsLines: Bool) -> String {
        // Most texts are plain ASCII.
        let isPlain = text.utf8.allSatisfy { $0 >= 0x20 && $0 < 0x7F || keepsLines && $0 == 0x0A }
        if isPlain, limit.map({ text.utf8.count <= $0 }) ?? true { return String(text) }
        var result = ""
        var taken = 0
        for scalar in text.unicodeScalars {
            let width = UTF8.width(scalar)
            if let limit, taken + width > limit {
                return result + "… (\(text.utf8.count - taken) more bytes)"
            }
            taken += width
            if keepsLines, scalar == "\n" {
                result.unicodeScalars.append(scalar)
            } else {
                append(scalar, to: &result)
            }
        }
        return result
    }

    private static func append(_ scalar: Unicode.Scalar, to result: inout String) {
        switch scalar {
        case "\n": result += "\\n"
        case "\r": result += "\\r"
        case "\t": result += "\\t"
        case _ where isHidden(scalar): result += "\\u{\(String(scalar.value, radix: 16, uppercase: true))}"
        default: result.unicodeScalars.append(scalar)
        }
    }

    fileprivate static func isHidden(_ scalar: Unicode.Scalar) -> Bool {
        guard !scalar.isASCII else { return scalar.value < 0x20 || scalar.value == 0x7F }
        switch scalar.properties.generalCategory {
        case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: return true
        default: return scalar.properties.isDefaultIgnorableCodePoint
        }
    }
}
