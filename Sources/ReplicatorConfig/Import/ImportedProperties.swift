/// Settings of the original by key, in the terms of `mm2.properties`. Those that are asked for are marked: what is left
/// at the end has no equivalent, and is told.
struct ImportedProperties {
    struct Entry {
        /// Without blanks at its ends, as Kafka reads values.
        var value: String
        /// Name of the setting in the original.
        var name: String
        /// Its line, where there are lines.
        var line: Int?
    }

    private(set) var entries: [String: Entry] = [:]
    /// Settings that are left out since their values hold what looks like a password of another one, as they do when a
    /// backslash at the end of a line has joined the next one to it.
    private(set) var swallowed: [Entry] = []
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
            guard var entry = newValue else { return }
            entry.value = entry.value.trimmed
            if Self.shown.contains(where: { key.hasSuffix($0) }), Self.mayHoldSecret(entry.value) {
                swallowed.append(entry)
                entries[key] = nil
            } else {
                entries[key] = entry
            }
        }
    }

    /// Settings whose values are written to the file as they are.
    private static let shown = [
        "bootstrap.servers", "client.id", "client.rack", ".location", "topics", "topics.exclude", "topics.blacklist",
        "groups", "groups.exclude", "groups.blacklist", "config.properties.exclude", "config.properties.blacklist",
        "replication.policy.class", "replication.policy.separator", "cluster.alias", "token.endpoint.url", ".scope",
        "clusters",
    ]

    private static func mayHoldSecret(_ value: String) -> Bool {
        value.contains(
            /(?i)(pass|pwd|secret|token|jaas|credential|private|key|ssl\.|sasl\.)[A-Za-z0-9._-]*["']?\s*=|-----BEGIN/)
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
