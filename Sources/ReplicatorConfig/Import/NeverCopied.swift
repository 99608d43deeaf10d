internal import Replication

/// Topics that the original copied and that are never copied here, whatever a flow selects.
enum NeverCopied {
    /// MirrorMaker 2's default exclusions (`DefaultTopicFilter`).
    private static let standard = [#".*[\-\.]internal"#, #".*\.replica"#, "__.*"]
    /// One name for each kind of internal topic, and what its kind is called.
    private static let samples = [
        ("_confluent-metrics", "_confluent.*"), ("_redpanda.audit_log", "_redpanda.*"),
        ("_schema_encoders", "_schema_encoders"), ("orders.internal", #".*[\-\.]internal"#),
        ("orders.replica", #".*\.replica"#), ("__orders", "__.*"),
    ]

    /// - Parameter isDefault: the original has its default exclusions.
    static func remarks(allow: [String], deny: [String], isDefault: Bool) -> [ImportRemark] {
        let denied = isDefault ? deny + standard : deny
        func wasCopied(_ name: String) -> Bool { matches(name, allow) && !matches(name, denied) }
        var remarks: [ImportRemark] = []
        for text in allow {
            // Most expressions are plain names, which a dot does not change.
            let name = text.replacing(#"\."#, with: ".").replacing(#"\-"#, with: "-")
            guard ImportedName.isPlain(name), matches(name, TopicSelector.internalPatterns), !matches(name, deny) else {
                continue
            }
            let text = "topic \(name) is named, but never copied: its name is that of an internal topic"
            remarks.append(wasCopied(name) ? .lost(text) : .differs("\(text), there as here"))
        }
        let kinds = samples.filter { wasCopied($0.0) }.map(\.1)
        if !kinds.isEmpty {
            remarks.append(
                .differs(
                    "its expressions take in internal topics, which are never copied here: \(kinds.joined(separator: ", "))"
                ))
        }
        return remarks
    }

    private static func matches(_ name: String, _ patterns: [String]) -> Bool {
        patterns.contains { pattern in
            guard let regex = try? Regex(pattern) else { return false }
            return name.wholeMatch(of: regex) != nil
        }
    }
}
