/// Java's `.properties` format, by the rules of `java.util.Properties.load`: comments, continued lines, escapes.
package enum PropertiesText {
    package struct Setting {
        package var key: String
        package var value: String
        /// Number of the line that it begins in.
        package var line: Int
    }

    /// The settings in the order of the text. The last of several with one key counts.
    package static func parse(_ text: String) -> [Setting] {
        logicalLines(of: Array(text.unicodeScalars)).compactMap { line in
            let (key, value) = pair(line.text)
            return key.isEmpty ? nil : Setting(key: key, value: value, line: line.number)
        }
    }

    static func dictionary(_ settings: [Setting]) -> [String: String] {
        Dictionary(settings.map { ($0.key, $0.value) }) { _, last in last }
    }

    private static func isBlank(_ scalar: Unicode.Scalar) -> Bool {
        scalar == " " || scalar == "\t" || scalar == "\u{C}"
    }

    /// Lines without leading blanks, joined where the end of one is escaped.
    ///
    /// An empty line ends a line that was to be continued; a comment does not begin in the middle of one.
    private static func logicalLines(of text: [Unicode.Scalar]) -> [(number: Int, text: [Unicode.Scalar])] {
        var lines: [(number: Int, text: [Unicode.Scalar])] = []
        var line: [Unicode.Scalar] = []
        var index = text.startIndex
        var number = 0
        var start = 0
        while index < text.endIndex {
            number += 1
            if line.isEmpty { start = number }
            while index < text.endIndex, isBlank(text[index]) { index += 1 }
            let end = text[index...].firstIndex { $0 == "\n" || $0 == "\r" } ?? text.endIndex
            let natural = text[index..<end]
            index = end
            if index < text.endIndex {
                let isPair = text[index] == "\r" && index + 1 < text.endIndex && text[index + 1] == "\n"
                index += isPair ? 2 : 1
            }
            if line.isEmpty, natural.first == "#" || natural.first == "!" { continue }
            line += natural
            // An odd number of backslashes at the end joins the next line to this one.
            if natural.reversed().prefix(while: { $0 == "\\" }).count % 2 == 1 {
                line.removeLast()
                continue
            }
            if !line.isEmpty { lines.append((start, line)) }
            line = []
        }
        if !line.isEmpty { lines.append((start, line)) }
        return lines
    }

    /// The key ends at the first separator or blank that is not escaped; blanks and one separator lie between.
    private static func pair(_ line: [Unicode.Scalar]) -> (key: String, value: String) {
        var isEscaped = false
        let end =
            line.firstIndex { scalar in
                if !isEscaped, scalar == "=" || scalar == ":" || isBlank(scalar) { return true }
                isEscaped = !isEscaped && scalar == "\\"
                return false
            } ?? line.endIndex
        var value = line[end...].drop(while: isBlank)
        if value.first == "=" || value.first == ":" { value = value.dropFirst().drop(while: isBlank) }
        return (unescaped(line[..<end]), unescaped(value))
    }

    private static func unescaped(_ text: ArraySlice<Unicode.Scalar>) -> String {
        var result: [UInt16] = []
        var rest = text
        while let scalar = rest.popFirst() {
            guard scalar == "\\" else {
                result += Array(UTF16.encode(scalar) ?? UTF16.encodedReplacementCharacter)
                continue
            }
            guard let next = rest.popFirst() else { break }
            switch next {
            case "t": result.append(9)
            case "n": result.append(10)
            case "r": result.append(13)
            case "f": result.append(12)
            case "u":
                // Half of a pair outside the basic plane comes alone: the whole is decoded at the end.
                let digits = String(String.UnicodeScalarView(rest.prefix(4)))
                if digits.utf8.count == 4, let code = UInt16(digits, radix: 16) {
                    result.append(code)
                    rest = rest.dropFirst(4)
                } else {
                    result += Array("u".utf16)
                }
            default: result += Array(UTF16.encode(next) ?? UTF16.encodedReplacementCharacter)
            }
        }
        return String(decoding: result, as: UTF16.self)
    }
}
