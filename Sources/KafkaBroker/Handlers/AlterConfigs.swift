import KafkaWire

// IncrementalAlterConfigs: 0-1. AlterConfigs: 0-2 (replaces everything that was set).
//
// - Topics, groups, one node, or all nodes (empty name). Each resource is changed as a whole or not at all.
// - SET, DELETE, APPEND and SUBTRACT; the last two only for lists.
// - Broker keys that Kafka does not know are kept and have no effect, as there: they might be a plug-in's. Those that Kafka
//   has and this broker has not are refused.
// - Left out: broker loggers, client metrics; AlterConfigPolicy.

extension IncrementalAlterConfigsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> IncrementalAlterConfigsResponse {
        var response = IncrementalAlterConfigsResponse()
        response.responses = resources.map { Self.result($0, error, nil) }
        return response
    }

    fileprivate static func result(
        _ resource: AlterConfigsResource, _ error: ErrorCode, _ message: String?
    ) -> IncrementalAlterConfigsResponse.AlterConfigsResourceResponse {
        var result = IncrementalAlterConfigsResponse.AlterConfigsResourceResponse()
        result.resourceType = resource.resourceType
        result.resourceName = resource.resourceName
        result.errorCode = error
        result.errorMessage = message
        return result
    }
}

extension AlterConfigsRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterConfigsResponse {
        var response = AlterConfigsResponse()
        response.responses = resources.map { Self.result($0, error, nil) }
        return response
    }

    fileprivate static func result(
        _ resource: AlterConfigsResource, _ error: ErrorCode, _ message: String?
    ) -> AlterConfigsResponse.AlterConfigsResourceResponse {
        var result = AlterConfigsResponse.AlterConfigsResourceResponse()
        result.resourceType = resource.resourceType
        result.resourceName = resource.resourceName
        result.errorCode = error
        result.errorMessage = message
        return result
    }
}

extension Cluster {
    /// A resource that can be configured: where its values lie and what they are checked against.
    private enum Target {
        case topic(Topic)
        case broker(Int32?)
        case group(String)
    }

    private enum Operation: Int8 {
        case set, delete, append, subtract
    }

    func incrementalAlterConfigs(
        _ request: IncrementalAlterConfigsRequest, _ context: RequestContext
    ) -> IncrementalAlterConfigsResponse {
        var response = IncrementalAlterConfigsResponse()
        response.responses = request.resources.map { resource in
            do throws(AdminRefusal) {
                let target = try self.target(resource.resourceType, resource.resourceName)
                let values = try changed(values(of: target), by: resource, target)
                try apply(values, to: target, isRehearsal: request.validateOnly)
                return IncrementalAlterConfigsRequest.result(resource, .none, nil)
            } catch {
                return IncrementalAlterConfigsRequest.result(resource, error.code, error.message)
            }
        }
        return response
    }

    func alterConfigs(_ request: AlterConfigsRequest, _ context: RequestContext) -> AlterConfigsResponse {
        var response = AlterConfigsResponse()
        response.responses = request.resources.map { resource in
            do throws(AdminRefusal) {
                let target = try self.target(resource.resourceType, resource.resourceName)
                var values: [String: String] = [:]
                for config in resource.configs {
                    guard let value = config.value else {
                        throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
                    }
                    values[config.name] = value
                }
                try apply(values, to: target, isRehearsal: request.validateOnly)
                return AlterConfigsRequest.result(resource, .none, nil)
            } catch {
                return AlterConfigsRequest.result(resource, error.code, error.message)
            }
        }
        return response
    }

    private func target(_ type: Int8, _ name: String) throws(AdminRefusal) -> Target {
        switch ConfigResource(rawValue: type) {
        case .topic:
            guard let topic = topics.exactly(name) else {
                throw AdminRefusal(.unknownTopicOrPartition, "The topic '\(name)' does not exist.")
            }
            return .topic(topic)
        case .broker:
            if name.isEmpty { return .broker(nil) }
            guard let id = Int32(name), node(id) != nil else {
                throw AdminRefusal(.invalidRequest, "No broker with id '\(name)' found.")
            }
            return .broker(id)
        case .group where release.level(of: .groups) > 0:
            guard !name.isEmpty else {
                throw AdminRefusal(.invalidRequest, "Default group resources are not allowed.")
            }
            return .group(name)
        case .group, nil: throw AdminRefusal(.invalidRequest, "Unsupported resource type: \(type)")
        }
    }

    private func values(of target: Target) -> [String: String] {
        switch target {
        case .topic(let topic): topic.overrides
        case .broker(nil): configs.dynamicDefaults
        case .broker(let id?): configs.dynamic[id] ?? [:]
        case .group(let id): configs.group[id] ?? [:]
        }
    }

    /// Nil for a broker key that nobody knows.
    private func definition(of key: String, in target: Target) throws(AdminRefusal) -> TopicConfigDefinition? {
        switch target {
        case .topic:
            guard let definition = TopicConfigs.definition(named: key), release.hasConfig(key) else {
                throw AdminRefusal(.invalidConfig, "Unknown topic config name: \(key)")
            }
            return definition
        case .group:
            guard let definition = GroupConfigs.definition(named: key) else {
                throw AdminRefusal(.invalidConfig, "Unknown group config name: \(key)")
            }
            return definition
        case .broker:
            guard let definition = BrokerConfigs.definition(named: key) else {
                guard !BrokerConfigs.isUnsupported(key) else {
                    throw AdminRefusal(.invalidConfig, "\(key) is a Kafka setting that this broker does not support")
                }
                return nil
            }
            switch definition.scope {
            case .dynamic: return definition.value
            case .readOnly: throw AdminRefusal(.invalidRequest, "Cannot update these configs dynamically: \(key)")
            case .atStart:
                throw AdminRefusal(.invalidRequest, "\(key) can be set only when this broker starts")
            }
        }
    }

    private func changed(
        _ present: [String: String], by resource: IncrementalAlterConfigsRequest.AlterConfigsResource, _ target: Target
    ) throws(AdminRefusal) -> [String: String] {
        var values = present
        var seen: Set<String> = []
        for config in resource.configs {
            guard seen.insert(config.name).inserted else {
                throw AdminRefusal(.invalidRequest, "Error due to duplicate config keys")
            }
            guard let operation = Operation(rawValue: config.configOperation) else {
                throw AdminRefusal(.invalidRequest, "Unknown operation type \(config.configOperation)")
            }
            let definition = try definition(of: config.name, in: target)
            if operation == .delete {
                values[config.name] = nil
                continue
            }
            guard let value = config.value else {
                throw AdminRefusal(.invalidRequest, "Null value not supported for : \(config.name)")
            }
            switch operation {
            case .set: values[config.name] = value
            case .append, .subtract:
                guard let definition, definition.type == .list else {
                    throw AdminRefusal(
                        .invalidConfig,
                        "Can't \(operation) to key \(config.name) because its type is not LIST.")
                }
                var elements = TopicConfigDefinition.elements(
                    of: values[config.name] ?? inherited(definition, target))
                let named = TopicConfigDefinition.elements(of: value)
                if operation == .append {
                    elements += named.filter { !elements.contains($0) }
                } else {
                    elements.removeAll { named.contains($0) }
                }
                values[config.name] = elements.joined(separator: ",")
            case .delete: break
            }
        }
        return values
    }

    /// The value of a key that the resource does not set.
    private func inherited(_ definition: TopicConfigDefinition, _ target: Target) -> String {
        switch target {
        case .topic: configs.changedTopicDefaults(node: nil)[definition.name] ?? definition.defaultValue
        case .broker: configs.value(of: definition.name) ?? definition.defaultValue
        case .group(let id): configs.values(of: definition, group: id).first?.value ?? definition.defaultValue
        }
    }

    /// Refuses settings of topics that the release does not have.
    func checkRelease(of topicConfigs: some Sequence<String>) throws(AdminRefusal) {
        for name in topicConfigs.sorted() where !release.hasConfig(name) {
            throw AdminRefusal(.invalidConfig, "Unknown topic config name: \(name)")
        }
    }

    func validateTopicConfigs(_ overrides: [String: String]) throws(AdminRefusal) {
        do throws(InvalidTopicConfig) {
            try TopicConfigs.validate(overrides, brokerDefaults: configs.changedTopicDefaults(node: nil))
        } catch {
            throw AdminRefusal(.invalidConfig, error.message)
        }
    }

    private func apply(_ values: [String: String], to target: Target, isRehearsal: Bool) throws(AdminRefusal) {
        if case .topic(let topic) = target {
            // What was kept from an earlier run may be of a release that has it.
            try checkRelease(of: values.keys.filter { topic.overrides[$0] != values[$0] })
            try validateTopicConfigs(values)
        } else if case .group = target {
            try GroupConfigs.validate(values, configs)
        } else {
            for (key, value) in values {
                // What was kept from an earlier run may have been dynamic then.
                guard self.values(of: target)[key] != value else { continue }
                let definition = try definition(of: key, in: target)
                do throws(InvalidTopicConfig) {
                    try definition?.validate(value)
                } catch {
                    throw AdminRefusal(.invalidConfig, error.message)
                }
            }
        }
        guard !isRehearsal else { return }
        let present = self.values(of: target)
        let changes = Set(present.keys).union(values.keys).filter { present[$0] != values[$0] }.sorted()
        do throws(BrokerError) {
            try commit(changes.map { .config(record(target, $0, values[$0])) })
        } catch {
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        switch target {
        case .topic(let topic):
            topic.overrides = values
            for partition in topic.partitions { configureLog(of: partition, topic) }
        case .group(let id): configs.group[id] = values.isEmpty ? nil : values
        case .broker(let id):
            if let id { configs.dynamic[id] = values } else { configs.dynamicDefaults = values }
            for topic in topics.values {
                for partition in topic.partitions { configureLog(of: partition, topic) }
            }
        }
    }

    private func record(_ target: Target, _ key: String, _ value: String?) -> ConfigRecord {
        switch target {
        case .topic(let topic): .topic(topic.name, key, value)
        case .broker(let id): .broker(id.map(String.init) ?? "", key, value)
        case .group(let id): .group(id, key, value)
        }
    }
}
