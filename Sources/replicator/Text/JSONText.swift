internal import FoundationEssentials
internal import PlainText

/// JSON as commands print it with `--json`, and write it to report files.
enum JSONText {
    /// Indented, with keys in order, so that two of them can be compared line by line.
    static func pretty(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self).printableJSON
    }

    /// One line, for what is printed while it happens.
    static func line(_ value: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        return String(decoding: try encoder.encode(value), as: UTF8.self).printableJSON
    }

    /// A document in which no text holds a control character, so that each is on one line when it is printed for
    /// people: JSON has them as escapes, which are kept as they are written.
    static func printable<Document: Codable>(_ document: Document) -> Document {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        guard let data = try? encoder.encode(document) else { return document }
        var bytes: [UInt8] = []
        var rest = data[...]
        var isChanged = false
        while let byte = rest.popFirst() {
            bytes.append(byte)
            guard byte == UInt8(ascii: "\\"), let escape = rest.popFirst() else { continue }
            if escape != UInt8(ascii: "\\"), escape != UInt8(ascii: "\"") {
                bytes.append(UInt8(ascii: "\\"))
                isChanged = true
            }
            bytes.append(escape)
        }
        guard isChanged else { return document }
        return (try? JSONDecoder().decode(Document.self, from: Data(bytes))) ?? document
    }
}
