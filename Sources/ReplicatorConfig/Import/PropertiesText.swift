/// Java's `.properties` format, as far as configuration files use it: comments, continued lines, escapes.
enum PropertiesText {
    /// The last of several values for one key counts, as in Java.
    static func parse(_ text: String) -> [String: String] {
        var properties: [String: String] = [:]
        var logical = ""
        for line in text.split(whereSeparator: \.isNewline) {
            let trimmed = line.drop { $0 == " " || $0 == "\t" }
            if logical.isEmpty, trimmed.hasPrefix("#") || trimmed.hasPrefix("!") { continue }
            logical += trimmed
            // An odd number of backslashes at the end joins the next line to this one.
            if logical.reversed().prefix(while: { $0 == "\\" }).count % 2 == 1 {
                logical.removeLast()
                continue
            }
            add(logical, to: &properties)
            logical = ""
        }
        add(logical, to: &properties)
        return properties
    }

    private static func add(_ line: String, to properties: inout [String: String]) {
        var isEscaped = false
        var end = line.endIndex
        for index in line.indices {
            let character = line[index]
            if !isEscaped, "=: \t".contains(character) {
                end = index
                break
            }
            isEscaped = !isEscaped && character == "\\"
        }
        let key = unescaped(line[..<end])
        guard !key.isEmpty else { return }
        var value = line[end...].drop { $0 == " " || $0 == "\t" }
        if let separator = value.first, separator == "=" || separator == ":" { value = value.dropFirst() }
        properties[key] = unescaped(value.drop { $0 == " " || $0 == "\t" })
    }

    private static func unescaped(_ text: Substring) -> String {
        var result = ""
        var rest = text
        while let character = rest.popFirst() {
            guard character == "\\", let next = rest.popFirst() else {
                result.append(character)
                continue
            }
            switch next {
            case "t": result.append("\t")
            case "n": result.append("\n")
            case "r": result.append("\r")
            case "u":
                let digits = rest.prefix(4)
                if digits.count == 4, let code = UInt32(digits, radix: 16), let scalar = UnicodeScalar(code) {
                    result.unicodeScalars.append(scalar)
                    rest = rest.dropFirst(4)
                } else {
                    result.append(next)
                }
            default: result.append(next)
            }
        }
        return result
    }
}
