import KafkaWire

// DescribeConfigs: 0-4.
//
// - Topics and brokers, with sources, synonyms in order of precedence, types and documentation (KIP-226, KIP-569).
// - A broker resource is answered by the node it names; an empty name shows what is set for all nodes.
// - Keys that Kafka does not know, and a client has set, are shown without their values, as Kafka does: these may be
//   secrets.
// - Groups have settings whether there is such a group or not.
// - Left out: broker loggers and client metrics: INVALID_REQUEST.

extension DescribeConfigsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeConfigsResponse {
        var response = DescribeConfigsResponse()
        response.results = resources.map { resource in
            var result = DescribeConfigsResponse.DescribeConfigsResult()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            result.errorCode = error
            result.errorMessage = nil
            return result
        }
        return response
    }
}

extension Cluster {
    /// One key of a topic or node with everything that is known about it.
    struct ConfigEntry {
        let name: String
        /// Nil for a key that nobody knows.
        let definition: TopicConfigDefinition?
        let value: String?
        let source: ConfigStore.Source
        let isReadOnly: Bool
        /// All values given, the one in force first.
        let synonyms: [ConfigStore.Value]

        var isSensitive: Bool { definition.map { $0.type == .password } ?? true }

        init(
            definition: TopicConfigDefinition, value: String?, source: ConfigStore.Source, isReadOnly: Bool,
            synonyms: [ConfigStore.Value]
        ) {
            name = definition.name
            self.definition = definition
            self.value = value
            self.source = source
            self.isReadOnly = isReadOnly
            self.synonyms = synonyms
        }

        /// A key that nobody knows, with the values that were given for it.
        init(unknown name: String, _ synonyms: [ConfigStore.Value]) {
            self.name = name
            definition = nil
            value = nil
            source = synonyms.first?.source ?? .dynamicDefaultBroker
            isReadOnly = true
            self.synonyms = synonyms
        }
    }

    func describeConfigs(_ request: DescribeConfigsRequest, _ context: RequestContext) -> DescribeConfigsResponse {
        var response = DescribeConfigsResponse()
        response.results = request.resources.uniqued { "\($0.resourceType) \($0.resourceName)" }.map { resource in
            var result = DescribeConfigsResponse.DescribeConfigsResult()
            result.resourceType = resource.resourceType
            result.resourceName = resource.resourceName
            result.errorMessage = nil
            do throws(AdminRefusal) {
                let wanted = resource.configurationKeys.map(Set.init)
                result.configs = try entries(of: resource, context)
                    .filter { wanted?.contains($0.name) ?? true }
                    .map { describe($0, request, context) }
            } catch {
                result.errorCode = error.code
                result.errorMessage = error.message
            }
            return result
        }
        return response
    }

    private func entries(
        of resource: DescribeConfigsRequest.DescribeConfigsResource, _ context: RequestContext
    ) throws(AdminRefusal) -> [ConfigEntry] {
        switch ConfigResource(rawValue: resource.resourceType) {
        case .topic:
            if let problem = TopicName.problem(with: resource.resourceName) {
                throw AdminRefusal(.invalidTopicException, problem)
            }
            guard let topic = topics.exactly(resource.resourceName) else {
                throw AdminRefusal(.unknownTopicOrPartition, "This server does not host this topic-partition.")
            }
            return describeTopicConfigs(topic.overrides, node: context.node.id)
        case .broker where resource.resourceName.isEmpty:
            return configs.dynamicDefaults.keys.sorted().map { name in
                let synonyms = configs.values(of: name, node: nil)
                guard let definition = BrokerConfigs.definition(named: name) else {
                    return ConfigEntry(unknown: name, synonyms)
                }
                return ConfigEntry(
                    definition: definition.value, value: configs.dynamicDefaults[name], source: .dynamicDefaultBroker,
                    isReadOnly: definition.scope == .readOnly, synonyms: synonyms)
            }
        case .broker:
            guard Int32(resource.resourceName) == context.node.id else {
                throw AdminRefusal(
                    .invalidRequest,
                    "Unexpected broker id, expected \(context.node.id) or empty string, but received "
                        + resource.resourceName)
            }
            return describeBrokerConfigs(context.node)
        case .group where release.level(of: .groups) > 0:
            guard !resource.resourceName.isEmpty else {
                throw AdminRefusal(.invalidRequest, "Group name must not be empty")
            }
            return GroupConfigs.all.map { key in
                let values = configs.values(of: key, group: resource.resourceName)
                return ConfigEntry(
                    definition: key, value: values.first?.value, source: values.first?.source ?? .defaultConfig,
                    isReadOnly: false, synonyms: values)
            }
        case .group, nil:
            throw AdminRefusal(.invalidRequest, "Unsupported resource type: \(resource.resourceType)")
        }
    }

    /// Every topic key, for a topic that sets `overrides` itself.
    func describeTopicConfigs(_ overrides: [String: String], node: Int32) -> [ConfigEntry] {
        configs.topicDefaults(node: node).filter { release.hasConfig($0.definition.name) }.map { inherited in
            let name = inherited.definition.name
            guard let own = overrides[name] else {
                return ConfigEntry(
                    definition: inherited.definition, value: inherited.value, source: inherited.source,
                    isReadOnly: false, synonyms: inherited.values)
            }
            return ConfigEntry(
                definition: inherited.definition, value: own, source: .topic, isReadOnly: false,
                synonyms: [ConfigStore.Value(name: name, value: own, source: .topic)] + inherited.values)
        }
    }

    private func describeBrokerConfigs(_ node: Node) -> [ConfigEntry] {
        let known = BrokerConfigs.all.filter { release.hasConfig($0.name) }.map { definition in
            let synonyms = configs.values(of: definition.name, node: node.id)
            let value =
                switch definition.name {
                case "broker.id", "node.id": String(node.id)
                case "broker.rack": node.rack
                case "log.dirs": dataDirectory
                default: synonyms.first?.value
                }
            return ConfigEntry(
                definition: definition.value, value: value, source: synonyms.first?.source ?? .defaultConfig,
                isReadOnly: definition.scope == .readOnly, synonyms: synonyms)
        }
        let set = Set((configs.dynamic[node.id] ?? [:]).keys).union(configs.dynamicDefaults.keys)
        let unknown = set.filter { BrokerConfigs.definition(named: $0) == nil }.sorted().map { name in
            ConfigEntry(unknown: name, configs.values(of: name, node: node.id))
        }
        return known + unknown
    }

    private func describe(
        _ entry: ConfigEntry, _ request: DescribeConfigsRequest, _ context: RequestContext
    ) -> DescribeConfigsResponse.DescribeConfigsResourceResult {
        var result = DescribeConfigsResponse.DescribeConfigsResourceResult()
        result.name = entry.name
        result.value = entry.isSensitive ? nil : entry.value
        result.isSensitive = entry.isSensitive
        result.readOnly = entry.isReadOnly
        result.configSource = entry.source.rawValue
        result.isDefault = entry.source == .defaultConfig
        result.configType = entry.definition?.type.rawValue ?? 0
        result.documentation = request.includeDocumentation ? entry.definition?.documentation : nil
        if request.includeSynonyms {
            result.synonyms = entry.synonyms.map { synonym in
                var described = DescribeConfigsResponse.DescribeConfigsSynonym()
                described.name = synonym.name
                described.value = entry.isSensitive ? nil : synonym.value
                // Version 0 had no sources; the coder leaves the field out there.
                described.source = synonym.source.rawValue
                return described
            }
        }
        return result
    }

    var dataDirectory: String? {
        if case .directory(let path, _) = storage { path } else { nil }
    }
}
