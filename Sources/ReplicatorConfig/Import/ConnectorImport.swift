/// Connectors of Kafka Connect, in the terms of `mm2.properties`.
///
/// MirrorMaker 2 has up to three connectors for one flow: one copies, one keeps groups in step, one sends heartbeats.
struct ConnectorImport {
    struct Connector {
        enum Kind {
            case source, checkpoint, heartbeat, confluentReplicator, other
        }

        var config: [String: String]
        var name: String?
        var kind: Kind

        init(_ config: [String: String], name: String? = nil, kind: Kind? = nil) {
            self.config = config
            self.name = name ?? config["name"]
            let className = config["connector.class"]?.trimmed.split(separator: ".").last ?? ""
            self.kind =
                switch className {
                case "MirrorSourceConnector", "MirrorSource": .source
                case "MirrorCheckpointConnector", "MirrorCheckpoint": .checkpoint
                case "MirrorHeartbeatConnector", "MirrorHeartbeat": .heartbeat
                case "ReplicatorSourceConnector", "ReplicatorSource": .confluentReplicator
                default: kind ?? .other
                }
        }
    }

    var origin = "MirrorMaker 2 on Kafka Connect"
    private var clusters: [String] = []
    private(set) var properties = ImportedProperties()
    private var routes: [MirrorMakerProperties.Route] = []
    private var checkpoints: [(source: String, target: String, config: [String: String])] = []
    var remarks: [ImportRemark] = []

    mutating func add(_ connector: Connector) {
        switch connector.kind {
        case .source: addSource(connector)
        case .checkpoint:
            let (source, target) = aliases(connector.config)
            checkpoints.append((source, target, connector.config))
        case .heartbeat:
            remarks.append(.needless("connector \(connector.name ?? "for heartbeats"): heartbeats are not needed here"))
        case .confluentReplicator: ConfluentReplicator.add(connector, to: &self)
        case .other:
            remarks.append(
                .lost("connector \(connector.name ?? "without a name"): it does not mirror clusters, and is left out"))
        }
    }

    /// - Throws: when no connector copies.
    consuming func configuration() throws(ImportFailure) -> ImportedConfiguration {
        guard !routes.isEmpty else {
            throw ImportFailure(
                "no connector copies records: a MirrorSourceConnector, a ReplicatorSourceConnector or a mirror in "
                    + "KafkaMirrorMaker2 is missing; \(ImportedConfiguration.expectation)")
        }
        for (source, target, config) in checkpoints {
            let own = routes.filter { $0.source == source && $0.target == target }
            for route in own { add(config, of: route, isMain: false) }
            if own.isEmpty {
                remarks.append(.lost("a MirrorCheckpointConnector from \(source) to \(target) has no flow that copies"))
            }
        }
        return try MirrorMakerProperties(
            origin: origin, clusters: clusters, routes: routes, properties: properties, remarks: remarks
        ).configuration()
    }
}

extension ConnectorImport {
    private mutating func addSource(_ connector: Connector) {
        var (source, target) = aliases(connector.config)
        if let enabled = connector.config["enabled"].flatMap({ Bool(kafka: $0.trimmed) }), !enabled {
            remarks.append(.needless("\(source)->\(target): flows that are not enabled are left out"))
            return
        }
        source = cluster(source, servers: connector.config["source.cluster.bootstrap.servers"])
        target = cluster(target, servers: connector.config["target.cluster.bootstrap.servers"])
        let alias = connector.config["source.cluster.alias"] ?? source
        let route = addRoute(from: source, to: target, alias: alias.trimmed, name: connector.name)
        add(connector.config, of: route, isMain: true)
    }

    /// A flow of its own, although there may be others between the same clusters.
    ///
    /// - Parameter isNamed: the flow is called as the connector is, also when it is the only one.
    mutating func addRoute(
        from source: String, to target: String, alias: String, name: String?, isNamed: Bool = false
    ) -> MirrorMakerProperties.Route {
        for cluster in [source, target] where !clusters.contains(cluster) { clusters.append(cluster) }
        let number = routes.count { $0.source == source && $0.target == target }
        let route = MirrorMakerProperties.Route(
            name: (number == 0 && !isNamed ? nil : name) ?? "\(source)-to-\(target)",
            source: source, target: target, prefix: "\(source)->\(target)\(number == 0 ? "" : "#\(number + 1)").",
            alias: alias)
        routes.append(route)
        return route
    }

    mutating func set(_ key: String, _ value: String, name: String) {
        properties[key] = ImportedProperties.Entry(value: value, name: name)
    }

    /// Settings of a connector: those of its clusters, of its clients, and its own.
    mutating func add(_ config: [String: String], of route: MirrorMakerProperties.Route, isMain: Bool) {
        for (key, value) in config where !["source.cluster.alias", "target.cluster.alias"].contains(key) {
            var own = route.prefix + key
            for (side, cluster) in [("source.", route.source), ("target.", route.target)] where key.hasPrefix(side) {
                let rest = key.dropFirst(side.count)
                own = "\(cluster)." + (rest.hasPrefix("cluster.") ? rest.dropFirst("cluster.".count) : rest)
            }
            if isMain || properties.entries[own] == nil { set(own, value, name: key) }
        }
    }

    private func aliases(_ config: [String: String]) -> (source: String, target: String) {
        func alias(_ key: String, _ standard: String) -> String {
            let text = (config[key] ?? "").trimmed
            return text.isEmpty || text == "\"\"" ? standard : text
        }
        let source = alias("source.cluster.alias", "source")
        let target = alias("target.cluster.alias", "target")
        return (source, source == target ? "\(target)-target" : target)
    }

    /// The name of a cluster; two clusters with the same alias get two.
    func cluster(_ alias: String, servers: String?) -> String {
        var name = alias
        var number = 2
        while let known = properties.entries["\(name).bootstrap.servers"]?.value, let servers, known != servers.trimmed
        {
            name = "\(alias)-\(number)"
            number += 1
        }
        return name
    }
}
