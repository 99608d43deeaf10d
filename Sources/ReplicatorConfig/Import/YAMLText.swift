/// Writing of YAML that reads back as it was meant, whatever the texts hold.
enum YAMLText {
    /// Text between double quotes, as in JSON. Nothing in it is taken for a break, a comment or a type.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": result += "\\\""
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case "\t": result += "\\t"
            case let scalar where isUnprintable(scalar):
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result + "\""
    }

    static func list(_ texts: [String]) -> String {
        "[" + texts.map(quoted).joined(separator: ", ") + "]"
    }

    /// One line that a comment or a terminal can hold.
    static func line(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars { result.unicodeScalars.append(isUnprintable(scalar) ? " " : scalar) }
        return result
    }

    /// `a.b` becomes a key in a mapping of its own, written once; keys keep the order in which they came first.
    static func nested(_ settings: [(key: String, value: String)], indent: String) -> [String] {
        var order: [Substring] = []
        var values: [Substring: String] = [:]
        var groups: [Substring: [(key: String, value: String)]] = [:]
        for (key, value) in settings {
            let parts = key.split(separator: ".", maxSplits: 1)
            guard let first = parts.first else { continue }
            if values[first] == nil, groups[first] == nil { order.append(first) }
            if parts.count == 2 {
                groups[first, default: []].append((String(parts[1]), value))
            } else {
                values[first] = value
            }
        }
        return order.flatMap { key -> [String] in
            if let group = groups[key] { return ["\(indent)\(key):"] + nested(group, indent: indent + "  ") }
            return ["\(indent)\(key): \(values[key] ?? "")"]
        }
    }

    /// Controls, what YAML takes for the end of a line, and what turns the direction of a text around or hides in it.
    private static func isUnprintable(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0..<0x20, 0x7F..<0xA0, 0xAD, 0x61C, 0x200B...0x200F, 0x2028...0x202E, 0x2060...0x206F, 0xFEFF,
            0xFFFE, 0xFFFF:
            true
        default: false
        }
    }
}
