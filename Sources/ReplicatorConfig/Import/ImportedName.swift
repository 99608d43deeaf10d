/// Names of clusters, flows and copies, of which Kafka's tools allow more than a configuration file here does.
enum ImportedName {
    /// Letters, digits, `.`, `_` and `-`; everything else becomes `_`.
    static func plain(_ text: String, otherwise standard: String) -> String {
        let name = String(text.prefix(120).map { isPlain($0) ? $0 : "_" })
        return name.isEmpty ? standard : name
    }

    static func isPlain(_ text: String) -> Bool { !text.isEmpty && text.allSatisfy(isPlain) }

    private static func isPlain(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "._-".contains(character))
    }

    /// The name, with a number behind it when it is taken.
    static func unique(_ name: String, among taken: Set<String>) -> String {
        guard taken.contains(name) else { return name }
        var number = 2
        while taken.contains("\(name)-\(number)") { number += 1 }
        return "\(name)-\(number)"
    }

    /// Alias and separator that make the same names as a text before the topic; nil when none do.
    static func parts(ofPrefix prefix: String) -> (alias: String, separator: String)? {
        guard isPlain(prefix), prefix.count > 1 else { return nil }
        return (String(prefix.dropLast()), String(prefix.suffix(1)))
    }
}
