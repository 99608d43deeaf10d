internal import Replication

/// `flows[i]` out of the settings of MirrorMaker 2's connectors.
struct FlowImport {
    let route: MirrorMakerProperties.Route
    let name: String
    let origin: String
    let providers: ConfigProviders
    var properties: ImportedProperties
    var variables: SecretVariables
    var remarks: [ImportRemark] = []

    /// Nil when the flow selects nothing.
    ///
    /// - Parameter others: all flows of the original, this one among them.
    mutating func settings(others: [MirrorMakerProperties.Route]) -> [(key: String, value: String)]? {
        let topics = patterns("topics", take(["topics"])) ?? [".*"]
        let excluded = take(["topics.exclude", "topics.blacklist"])
        // Topics that are excluded by default there are never copied here.
        var noTopics = patterns("topics.exclude", excluded) ?? []
        remarks += NeverCopied.remarks(allow: topics, deny: noTopics, isDefault: excluded == nil)
        guard !topics.isEmpty else {
            remarks.append(.lost("it selects no topic (topics); the flow is left out"))
            return nil
        }
        let naming = naming()
        let groups = patterns("groups", take(["groups"])) ?? [".*"]
        let noGroups = patterns("groups.exclude", take(["groups.exclude", "groups.blacklist"]))
        let returning = CopyNames.returning(to: route, by: others, properties)
        if !returning.isEmpty {
            remarks.append(
                .differs(
                    "what other flows bring round is denied by name (\(returning.joined(separator: ", "))): aliases and "
                        + "separators alone would not tell"))
            noTopics += returning
        }
        return [
            ("topics.allow", YAMLText.list(topics)), ("topics.deny", YAMLText.list(noTopics)),
            ("consumerGroups.allow", YAMLText.list(groups)),
            ("consumerGroups.deny", YAMLText.list(noGroups ?? ["console-consumer-.*", "connect-.*", "__.*"])),
        ] + naming + records() + sync()
    }

    mutating func take(_ keys: [String]) -> ImportedProperties.Entry? {
        properties.take(keys.flatMap { [route.prefix + $0, $0] })
    }

    /// Nil where the original says nothing. Expressions that this program refuses are left out, and named.
    mutating func patterns(_ key: String, _ entry: ImportedProperties.Entry?) -> [String]? {
        guard let entry else { return nil }
        if entry.value.contains("${") {
            let what = String(key.uppercased().map { $0 == "." ? "_" : $0 })
            let variable = variables.name(name, what, for: "\(name) \(key)")
            remarks.append(
                .toDo("set the environment variable \(variable) to one expression for what \(entry.name) refers to"))
            return ["${env:\(variable)}"]
        }
        return entry.value.listElements.filter { text in
            do {
                _ = try NamePattern(text)
                if text.contains("&&") || text.contains(#"\p{"#) {
                    remarks.append(
                        .toDo("\(entry.name): \"\(text)\" is written as only Java reads it; see what `plan` selects"))
                }
                return true
            } catch {
                remarks.append(.lost("\(entry.name): \"\(text)\" is no regular expression here, and is left out"))
                return false
            }
        }
    }
}

extension FlowImport {
    private mutating func naming() -> [(key: String, value: String)] {
        let names = CopyNames(of: route, properties)
        _ = take(["replication.policy.class"])
        _ = take(["replication.policy.separator"])
        if names.isIdentical { return [("naming.mode", "identical")] }
        if !names.policy.hasSuffix("DefaultReplicationPolicy") {
            remarks.append(
                .lost(
                    "replication.policy.class \(KnownSetting.className(names.policy)) has no equivalent: it decided how "
                        + "copies are called; here names are prefixed with the source, or identical"))
        }
        if names.wanted != names.prefix {
            remarks.append(
                .lost(
                    "copies cannot be called \"\(names.wanted)TOPIC\"; they are called \(names.prefix)TOPIC, which are "
                        + "other topics"))
        } else if names.isDivided {
            remarks.append(
                .differs("copies are called \(names.prefix)TOPIC, as they were: alias and separator are parts of that"))
        }
        return [
            ("naming.mode", "prefix"), ("naming.alias", YAMLText.quoted(names.alias)),
            ("naming.separator", YAMLText.quoted(names.separator)),
        ]
    }
}
