/// Settings of the original by key, in the terms of `mm2.properties`. Those that are asked for are marked: what is left
/// at the end has no equivalent, and is told.
struct ImportedProperties {
    struct Entry {
        /// Without blanks at its ends, as Kafka reads values.
        var value: String
        /// What the original calls the setting.
        var name: String
        /// The line that it stands in, where there are lines.
        var line: Int?
    }

    private(set) var entries: [String: Entry] = [:]
    private var used: Set<String> = []

    init() {}

    init(_ settings: [PropertiesText.Setting]) {
        for setting in settings {
            self[setting.key] = Entry(value: setting.value, name: setting.key, line: setting.line)
        }
    }

    subscript(key: String) -> Entry? {
        get { entries[key] }
        set {
            entries[key] = newValue.map { Entry(value: $0.value.trimmed, name: $0.name, line: $0.line) }
        }
    }

    /// Marks all of the keys; the first that is there counts.
    mutating func take(_ keys: [String]) -> Entry? {
        var found: Entry?
        for key in keys {
            guard let entry = entries[key] else { continue }
            used.insert(key)
            if found == nil { found = entry }
        }
        return found
    }

    mutating func use(_ keys: [String]) { used.formUnion(keys) }

    var unused: [String] { entries.keys.filter { !used.contains($0) }.sorted() }
}

extension StringProtocol {
    /// Without blanks at the ends.
    var trimmed: String {
        var text = self[...]
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }

    /// Elements of a list as Kafka's configuration has them: between commas, without blanks.
    var listElements: [String] {
        split(separator: ",").map { $0.trimmed }.filter { !$0.isEmpty }
    }
}
