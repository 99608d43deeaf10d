/// MirrorMaker 2's configuration, in our terms.
///
/// Keys may carry a cluster (`east.…`) or a flow (`east->west.…`); the most specific one counts. What Connect and
/// Strimzi have for the same connectors is brought into this form first.
struct MirrorMakerProperties {
    /// One flow of the original.
    struct Route {
        var name: String
        /// Clusters as the original calls them.
        var source: String
        var target: String
        /// Beginning of the flow's own keys.
        var prefix: String
        /// Name of the source in the names of its copies.
        var alias: String
    }

    private let origin: String
    private let clusters: [String]
    private let routes: [Route]
    let providers: ConfigProviders
    var properties: ImportedProperties
    var variables = SecretVariables()
    private var remarks: [ImportRemark]

    /// `mm2.properties` as they are.
    ///
    /// - Throws: when no cluster or no enabled flow is named.
    init(_ settings: [PropertiesText.Setting]) throws(ImportFailure) {
        var properties = ImportedProperties(settings)
        var seen: Set<String> = []
        let clusters = (properties.take(["clusters"])?.value ?? "").listElements.filter { seen.insert($0).inserted }
        guard !clusters.isEmpty else { throw ImportFailure(ImportedConfiguration.expectation) }
        var routes: [Route] = []
        var remarks = Self.repetitions(settings)
        for source in clusters {
            for target in clusters where source != target {
                let prefix = "\(source)->\(target)."
                let enabled = properties.take([prefix + "enabled", "enabled"])
                guard let enabled, let isEnabled = Bool(kafka: enabled.value) else {
                    if let enabled {
                        remarks.append(.lost("\(enabled.name) is neither true nor false; taken as false"))
                    }
                    continue
                }
                guard isEnabled else { continue }
                _ = properties.take([prefix + "target.cluster.alias", "target.cluster.alias"])
                let alias = properties.take([prefix + "source.cluster.alias", "source.cluster.alias"])?.value ?? source
                routes.append(
                    Route(name: "\(source)-to-\(target)", source: source, target: target, prefix: prefix, alias: alias))
            }
        }
        guard !routes.isEmpty else {
            // A blank ends a key: "a -> b.enabled = true" sets the key "a".
            let hasBlanks = clusters.contains { properties.entries[$0]?.value.hasPrefix("->") == true }
            throw ImportFailure(
                "no flow is enabled: a line such as \(clusters[0])->\(clusters.last ?? "").enabled = true is missing"
                    + (hasBlanks ? "; no blanks are allowed around the arrow" : ""))
        }
        self.init(
            origin: "MirrorMaker 2", clusters: clusters, routes: routes, properties: properties, remarks: remarks)
    }

    /// Java takes the last of several values in silence.
    private static func repetitions(_ settings: [PropertiesText.Setting]) -> [ImportRemark] {
        var values: [String: String] = [:]
        return settings.compactMap { setting in
            let earlier = values.updateValue(setting.value, forKey: setting.key)
            guard let earlier, earlier != setting.value else { return nil }
            return .differs("line \(setting.line) sets again what is set before; the last value counts, there as here")
        }
    }

    init(
        origin: String, clusters: [String], routes: [Route], properties: ImportedProperties, remarks: [ImportRemark]
    ) {
        self.origin = origin
        self.clusters = clusters
        self.routes = routes
        self.properties = properties
        self.remarks = remarks
        let start = "config.providers."
        var classes: [String: String] = [:]
        for (key, entry) in properties.entries where key.hasSuffix(".class") {
            guard let provider = key.firstRange(of: start) else { continue }
            classes[String(key[provider.upperBound...].dropLast(".class".count))] = entry.value
        }
        providers = ConfigProviders(classes: classes)
    }

    /// - Throws: when no flow is left that could run.
    consuming func configuration() throws(ImportFailure) -> ImportedConfiguration {
        var imported = ImportedConfiguration(origin: origin)
        let names = plainNames()
        var addresses: [String: Set<String>] = [:]
        for cluster in clusters where routes.contains(where: { $0.source == cluster || $0.target == cluster }) {
            let name = names[cluster] ?? cluster
            let settings = settings(of: cluster, named: name)
            imported.clusters.append(ImportedConfiguration.Cluster(name: name, settings: settings))
            let servers = settings.first { $0.key == "bootstrapServers" }?.value ?? ""
            addresses[cluster] = Set(servers.filter { $0 != "\"" }.listElements)
        }
        var taken: Set<String> = []
        for route in routes {
            if let shared = addresses[route.source]?.intersection(addresses[route.target] ?? []).min() {
                remarks.append(
                    .lost("\(route.name): both clusters list \(shared), so they are one; the flow is left out"))
                continue
            }
            var flow = ImportedConfiguration.Flow(
                name: ImportedName.unique(ImportedName.plain(route.name, otherwise: "flow"), among: taken),
                source: names[route.source] ?? route.source, target: names[route.target] ?? route.target, settings: [])
            var reader = FlowImport(
                route: route, name: flow.name, origin: origin, providers: providers, properties: properties,
                variables: variables)
            let settings = reader.settings(others: routes)
            (properties, variables) = (reader.properties, reader.variables)
            flow.remarks = reader.remarks
            guard let settings else {
                remarks += flow.remarks.map { ImportRemark(weight: $0.weight, text: "\(route.name): \($0.text)") }
                continue
            }
            flow.settings = settings
            taken.insert(flow.name)
            imported.flows.append(flow)
        }
        guard !imported.flows.isEmpty else {
            throw ImportFailure(
                "no flow is left: " + remarks.filter { $0.weight == .lost }.map(\.text).joined(separator: "; "))
        }
        let used = Set(imported.flows.flatMap { [$0.source, $0.target] })
        imported.clusters.removeAll { !used.contains($0.name) }
        var leftovers = UnknownSettings(clusters: clusters, routes: routes, properties: properties)
        imported.remarks = remarks + leftovers.remarks()
        return imported
    }

    private func plainNames() -> [String: String] {
        var names: [String: String] = [:]
        for cluster in clusters {
            let name = ImportedName.plain(cluster, otherwise: "cluster")
            names[cluster] = ImportedName.unique(name, among: Set(names.values))
        }
        return names
    }

    private mutating func settings(of cluster: String, named name: String) -> [(key: String, value: String)] {
        var prefixes: [String] = []
        var clients: [String] = []
        for route in routes where route.source == cluster {
            prefixes += [route.prefix + "source.cluster.", route.prefix + "source."]
            clients.append(route.prefix + "consumer.")
        }
        for route in routes where route.target == cluster {
            prefixes += [route.prefix + "target.cluster.", route.prefix + "target."]
            clients += [route.prefix + "producer.override.", route.prefix + "producer."]
        }
        var reader = ClusterImport(
            name: name, prefixes: prefixes + ["\(cluster)."] + clients + [""], providers: providers,
            properties: properties, variables: variables)
        let settings = reader.settings()
        (properties, variables) = (reader.properties, reader.variables)
        remarks += reader.remarks
        return settings
    }
}

extension Bool {
    /// Kafka's own reading of a flag: upper and lower case are equal.
    init?(kafka text: String) {
        switch text.lowercased() {
        case "true": self = true
        case "false": self = false
        default: return nil
        }
    }
}
