/// Names of the copies that a flow makes.
struct CopyNames {
    let policy: String
    let isIdentical: Bool
    let alias: String
    let separator: String
    /// Prefix of a topic's name in the original.
    let wanted: String
    /// Alias and separator are others than the original's, and make the same names.
    let isDivided: Bool

    var prefix: String { isIdentical ? "" : alias + separator }

    init(of route: MirrorMakerProperties.Route, _ properties: ImportedProperties) {
        func value(_ key: String) -> String? {
            (properties.entries[route.prefix + key] ?? properties.entries[key])?.value
        }
        // Two quotation marks are how people write nothing.
        func plain(_ text: String) -> String { text == "\"\"" || text == "''" ? "" : text }
        policy = value("replication.policy.class") ?? "DefaultReplicationPolicy"
        let alias = plain(route.alias)
        let separator = plain(value("replication.policy.separator") ?? ".")
        wanted = alias + separator
        isIdentical = policy.hasSuffix("IdentityReplicationPolicy") || wanted.isEmpty
        if ImportedName.isPlain(alias), ImportedName.isPlain(separator) {
            (self.alias, self.separator, isDivided) = (alias, separator, false)
        } else if let parts = ImportedName.parts(ofPrefix: wanted) {
            (self.alias, self.separator, isDivided) = (parts.alias, parts.separator, true)
        } else {
            let source = ImportedName.plain(route.source, otherwise: "source")
            self.alias = ImportedName.plain(alias, otherwise: source)
            self.separator = ImportedName.isPlain(separator) ? separator : "."
            isDivided = false
        }
    }

    /// Expressions for what comes round to the source of a flow, where names do not tell it by themselves: they do when
    /// all flows on the way have the same separator, and no alias holds it.
    static func returning(
        to route: MirrorMakerProperties.Route, by routes: [MirrorMakerProperties.Route],
        _ properties: ImportedProperties
    ) -> [String] {
        let own = CopyNames(of: route, properties)
        var expressions: Set<String> = []
        var open: [[MirrorMakerProperties.Route]] = routes.filter { $0.source == route.target }.map { [$0] }
        var seen = 0
        while let way = open.popLast(), let last = way.last, seen < 1_000 {
            seen += 1
            if last.target == route.source {
                let names = way.map { CopyNames(of: $0, properties) }
                let isTold = (names + [own]).allSatisfy {
                    $0.separator == own.separator && !$0.isIdentical && !$0.alias.contains($0.separator)
                        && !$0.isDivided
                }
                let prefix = names.reversed().map(\.prefix).joined()
                if !isTold, !prefix.isEmpty {
                    expressions.insert(prefix.map { $0 == "." ? #"\."# : String($0) }.joined() + ".*")
                }
                continue
            }
            for next in routes where next.source == last.target && !way.contains(where: { $0.source == next.source }) {
                open.append(way + [next])
            }
        }
        return expressions.sorted()
    }
}
