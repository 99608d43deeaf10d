extension ImportedConfiguration {
    /// Kinds of files that `import` reads, for messages.
    static let expectation =
        "it is neither mm2.properties, which has the key \"clusters\", nor connectors of MirrorMaker 2 or of Confluent "
        + "Replicator, as JSON or properties with \"connector.class\", nor a Strimzi resource of the kind "
        + "KafkaMirrorMaker2, nor the JSON of DescribeReplicator"

    /// Reads the configuration of another replicator, of whatever kind it is.
    ///
    /// - Throws: ``ImportFailure`` when the text is none of these, or lacks what a flow needs.
    public static func read(_ text: String) throws(ImportFailure) -> ImportedConfiguration {
        var text = text[...]
        if text.unicodeScalars.first == "\u{FEFF}" { text = Substring(text.unicodeScalars.dropFirst()) }
        let start = text.first { !$0.isWhitespace }
        if start == "{" || start == "[" { return try read(json: String(text)) }
        if text.contains(/(?m)^(- )?apiVersion:/) { return try read(resources: try ImportedTree.yaml(String(text))) }
        return try read(properties: PropertiesText.parse(String(text)))
    }

    private static func read(properties settings: [PropertiesText.Setting]) throws(ImportFailure)
        -> ImportedConfiguration
    {
        let properties = PropertiesText.dictionary(settings)
        if properties["clusters"] == nil, properties["connector.class"] != nil {
            return try read(connectors: [ConnectorImport.Connector(properties)])
        }
        if properties["clusters"] == nil, properties.keys.contains(where: { $0.hasPrefix("src.kafka.") }) {
            return try read(connectors: [ConnectorImport.Connector(properties, kind: .confluentReplicator)])
        }
        let isClient = properties["bootstrap.servers"] != nil && properties["clusters"] == nil
        guard !isClient else {
            throw ImportFailure(
                "these are the properties of one client, such as MirrorMaker 1 has two of: they name one cluster, and "
                    + "no topics. Write both clusters into a file by hand; Docs/Configuration.md has an example")
        }
        return try MirrorMakerProperties(settings).configuration()
    }

    private static func read(json text: String) throws(ImportFailure) -> ImportedConfiguration {
        let tree = try ImportedTree.json(text)
        if tree.members.keys.contains(where: { ["kafkaclusters", "replicationinfolist"].contains($0.lowercased()) }) {
            return try MSKReplicatorDescription.read(text)
        }
        if tree["apiVersion"] != nil { return try read(resources: [tree]) }
        let connectors = connectors(in: tree)
        guard !connectors.isEmpty else { throw ImportFailure("this JSON is not known; \(expectation)") }
        return try read(connectors: connectors)
    }

    /// Connectors as Connect's REST interface takes them and gives them out, one or several.
    private static func connectors(in tree: ImportedTree) -> [ConnectorImport.Connector] {
        if case .list(let elements) = tree { return elements.flatMap(connectors) }
        if tree["connector.class"]?.text != nil { return [ConnectorImport.Connector(tree.texts)] }
        if let config = tree["config"], config["connector.class"]?.text != nil {
            return [ConnectorImport.Connector(config.texts, name: tree["name"]?.text)]
        }
        // What `aws kafkaconnect describe-connector` prints.
        if let config = tree["connectorConfiguration"], config["connector.class"]?.text != nil {
            return [ConnectorImport.Connector(config.texts, name: tree["connectorName"]?.text)]
        }
        // What `GET /connectors?expand=info` answers with.
        return tree.members.sorted { $0.key < $1.key }.flatMap { name, member in
            if let info = member["info"] { return connectors(in: info) }
            return name == "connectors" ? connectors(in: member) : []
        }
    }

    private static func read(
        connectors: [ConnectorImport.Connector]
    ) throws(ImportFailure) -> ImportedConfiguration {
        var reader = ConnectorImport()
        for connector in connectors { reader.add(connector) }
        return try reader.configuration()
    }

    private static func read(resources: [ImportedTree]) throws(ImportFailure) -> ImportedConfiguration {
        let all = resources.flatMap { $0["kind"]?.text == "List" ? $0["items"]?.elements ?? [] : [$0] }
        for resource in all where resource["kind"]?.text == "ConfigMap" {
            for (_, text) in (resource["data"]?.texts ?? [:]).sorted(by: { $0.key < $1.key }) {
                let settings = PropertiesText.parse(text)
                guard settings.contains(where: { $0.key == "clusters" }) else { continue }
                return try MirrorMakerProperties(settings).configuration()
            }
        }
        let mirrors = all.filter { $0["kind"]?.text == "KafkaMirrorMaker2" }
        var reader = ConnectorImport()
        for resource in mirrors { try StrimziImport.add(resource, to: &reader) }
        for resource in all where resource["kind"]?.text == "KafkaMirrorMaker" {
            StrimziImport.addFirst(resource, to: &reader)
        }
        for resource in all where resource["kind"]?.text == "KafkaConnector" {
            var config = resource["spec"]?["config"]?.texts ?? [:]
            config["connector.class"] = resource["spec"]?["class"]?.text
            reader.add(ConnectorImport.Connector(config, name: resource["metadata"]?["name"]?.text))
        }
        return try reader.configuration()
    }
}
