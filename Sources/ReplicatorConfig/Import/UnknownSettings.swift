/// Settings that nobody asked for: why it is not needed, what its loss means, or only that it has no equivalent.
struct UnknownSettings {
    private let clusters: [String]
    private let routes: [MirrorMakerProperties.Route]
    private var properties: ImportedProperties

    init(clusters: [String], routes: [MirrorMakerProperties.Route], properties: ImportedProperties) {
        // The longest first: one name may be the beginning of another.
        self.clusters = clusters.sorted { ($0.count, $0) > ($1.count, $1) }
        self.routes = routes
        self.properties = properties
    }

    mutating func remarks() -> [ImportRemark] {
        let swallowed = properties.swallowed.map { entry in
            ImportRemark.toDo(
                "\(entry.name) is left out: it holds what looks like another setting; has a backslash at the end of a "
                    + "line joined them?")
        }
        let silenced = disabled() + unused() + strangers()
        return swallowed + silenced + transforms() + properties.unused.map(remark)
    }

    private mutating func use(where isIncluded: (String) -> Bool) -> [String] {
        let keys = properties.unused.filter(isIncluded)
        properties.use(keys)
        return keys
    }

    /// Flows that are not enabled, each in one remark.
    private mutating func disabled() -> [ImportRemark] {
        var remarks: [ImportRemark] = []
        for source in clusters {
            for target in clusters where source != target {
                let prefix = "\(source)->\(target)."
                guard !routes.contains(where: { $0.prefix == prefix }) else { continue }
                let keys = use { $0.hasPrefix(prefix) }
                if !keys.isEmpty || properties.entries[prefix + "enabled"] != nil {
                    remarks.append(.needless("\(source)->\(target): flows that are not enabled are left out"))
                }
            }
        }
        return remarks
    }

    /// Clusters that no flow uses, each in one remark.
    private mutating func unused() -> [ImportRemark] {
        var remarks: [ImportRemark] = []
        for cluster in clusters where !routes.contains(where: { $0.source == cluster || $0.target == cluster }) {
            // A name may be the beginning of that of a cluster in use.
            let others = clusters.filter { $0 != cluster && $0.hasPrefix("\(cluster).") }
            let keys = use { key in
                key.hasPrefix("\(cluster).") && !others.contains { key.hasPrefix("\($0).") || key.hasPrefix("\($0)->") }
            }
            if !keys.isEmpty { remarks.append(.needless("cluster \(cluster): no enabled flow uses it; left out")) }
        }
        return remarks
    }

    /// Flows of clusters that are not listed.
    private mutating func strangers() -> [ImportRemark] {
        let keys = properties.unused.filter { $0.contains("->") && flow(of: $0) == nil }
        properties.use(keys)
        let flows = Set(keys.map { key in key.hasSuffix(".enabled") ? String(key.dropLast(8)) : key })
        return flows.sorted().map { .toDo("\($0): names a cluster that \"clusters\" does not list; ignored, as there") }
    }

    /// Transforms, which change records, in one remark for each place.
    private mutating func transforms() -> [ImportRemark] {
        let keys = properties.unused.filter { ["transforms", "predicates"].contains(Self.head(of: own($0).key)) }
        properties.use(keys)
        return keys.filter { own($0).key == "transforms" }.map { key in
            let names = (properties.entries[key]?.value ?? "").listElements.filter {
                ImportedName.isPlain($0) && $0.count <= 40
            }
            let classes = names.compactMap { properties.entries["\(key).\($0).type"]?.value }.map(
                KnownSetting.className)
            let which = names.isEmpty ? "" : " = \(names.joined(separator: ", "))"
            let what = classes.isEmpty ? "" : " (\(classes.joined(separator: ", ")))"
            return .lost(
                "\(properties.entries[key]?.name ?? key)\(which)\(what): records were changed or dropped on their way; "
                    + "here they arrive unchanged")
        }
    }

    private static func head(of key: Substring) -> String { key.split(separator: ".").first.map { String($0) } ?? "" }

    private func flow(of key: String) -> String? {
        for source in clusters {
            for target in clusters where key.hasPrefix("\(source)->\(target).") { return "\(source)->\(target)." }
        }
        return routes.first { key.hasPrefix($0.prefix) }?.prefix
    }

    /// The key without cluster, flow and side; and without the client that it is for, in `setting`.
    private func own(_ key: String) -> (key: Substring, setting: Substring) {
        var rest = key[...]
        if let flow = flow(of: key) {
            rest = rest.dropFirst(flow.count)
        } else if let cluster = clusters.first(where: { key.hasPrefix("\($0).") }) {
            rest = rest.dropFirst(cluster.count + 1)
        }
        for side in ["source.cluster.", "target.cluster.", "source.", "target."] where rest.hasPrefix(side) {
            rest = rest.dropFirst(side.count)
        }
        var setting = rest
        for client in ["producer.", "consumer.", "admin.", "override.", "confluent."] where setting.hasPrefix(client) {
            setting = setting.dropFirst(client.count)
        }
        return (rest, setting)
    }

    private func remark(_ key: String) -> ImportRemark {
        let entry = properties.entries[key]
        let name = entry?.name ?? key
        let value = entry?.value ?? ""
        let (own, setting) = own(key)
        if let remark = KnownSetting.remark(own, setting, name: name, value: value) { return remark }
        // A line of a key or a password that was not continued is read as the name of a setting.
        guard KnownSetting.isName(own) else {
            let place = entry?.line.map { "line \($0)" } ?? "a setting"
            return .toDo(
                "\(place) is no setting that is known; if it is a part of the one before, an empty line or a missing "
                    + "backslash has ended that, there as here")
        }
        let shown = KnownSetting.isShowable(String(own), value) && !value.isEmpty ? " = \(value)" : ""
        return .differs("\(name)\(shown): has no equivalent")
    }
}
