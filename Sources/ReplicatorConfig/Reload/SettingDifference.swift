/// A setting in which two values of one settings type differ.
struct SettingDifference {
    /// Names of stored properties, from the outside in.
    var path: [String]
    var old: Any
    var new: Any

    /// Asked of the type itself, so that a setting added later cannot be forgotten here.
    ///
    /// - Parameter sections: stored properties that hold settings of their own.
    static func between(_ old: Any, _ new: Any, sections: Set<String> = []) -> [SettingDifference] {
        zip(Mirror(reflecting: old).children, Mirror(reflecting: new).children).flatMap { old, new in
            guard let name = old.label, differ(old.value, new.value) else { return [SettingDifference]() }
            guard sections.contains(name) else {
                return [SettingDifference(path: [name], old: old.value, new: new.value)]
            }
            return between(old.value, new.value).map {
                SettingDifference(path: [name] + $0.path, old: $0.old, new: $0.new)
            }
        }
    }

    private static func differ(_ old: Any, _ new: Any) -> Bool {
        if let old = old as? AnyHashable, let new = new as? AnyHashable { return old != new }
        let left = Array(Mirror(reflecting: old).children), right = Array(Mirror(reflecting: new).children)
        guard !left.isEmpty, left.count == right.count else { return "\(old)" != "\(new)" }
        return zip(left, right).contains { differ($0.value, $1.value) }
    }
}

extension SettingDifference {
    /// Sections of ``Replication/FlowSettings``.
    static let flowSections: Set<String> = ["topics", "consumerGroups", "policies", "sync", "limits"]
    /// Sections of ``KafkaClient/ClusterSettings``.
    static let clusterSections: Set<String> = ["security"]

    /// Keys of the configuration file that are not called as the property that they fill.
    private static let keys = [
        "groupPrefix": "consumerGroups.rename.prefix", "targetAlias": "the target's alias",
        "security.protocol": "securityProtocol", "security.tls": "tls", "security.sasl": "sasl",
        "clientID": "clientId", "rackID": "rack",
    ]

    var key: String {
        let path = path.joined(separator: ".")
        return Self.keys[path] ?? path
    }

    /// The change in words, without what is secret or too much to show.
    var sentence: String {
        if path.last == "sasl" || path.last == "tls" { return "\(key) changed (not shown)" }
        if let new = SettingText.list(new) { return "\(key) now \(new)" }
        guard let old = SettingText.text(old), let new = SettingText.text(new) else { return "\(key) changed" }
        return "\(key) from \(old) to \(new)"
    }
}
