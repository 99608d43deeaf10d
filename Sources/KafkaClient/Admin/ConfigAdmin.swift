import KafkaWire

/// A thing with a configuration.
public enum ConfigResource: Sendable, Hashable, CustomStringConvertible {
    case topic(String)
    case broker(Int32)
    /// The default of brokers that have no value of their own.
    case allBrokers
    /// A group of any kind (KIP-848, KIP-932, KIP-1071); since Kafka 4.0.
    case group(String)

    public var description: String {
        switch self {
        case .topic(let name): "topic \(name)"
        case .broker(let id): "broker \(id)"
        case .allBrokers: "all brokers"
        case .group(let name): "group \(name)"
        }
    }

    fileprivate var type: Int8 {
        switch self {
        case .topic: 2
        case .broker, .allBrokers: 4
        case .group: 32
        }
    }

    /// The name under which requests speak of it.
    public var name: String {
        switch self {
        case .topic(let name), .group(let name): name
        case .broker(let id): "\(id)"
        case .allBrokers: ""
        }
    }

    fileprivate init?(type: Int8, name: String) {
        switch type {
        case 2: self = .topic(name)
        case 4 where name.isEmpty: self = .allBrokers
        case 4:
            guard let id = Int32(name) else { return nil }
            self = .broker(id)
        case 32: self = .group(name)
        default: return nil
        }
    }

    /// The origin of values that the resource sets itself.
    public var ownSource: ConfigEntry.Source {
        switch self {
        case .topic: .topic
        case .group: .group
        case .broker, .allBrokers: .broker
        }
    }

    /// Brokers answer for themselves.
    fileprivate var target: BrokerTarget { if case .broker(let id) = self { .broker(id) } else { .any } }
}

/// One key of a configuration, as it is in effect.
public struct ConfigEntry: Sendable, Hashable {
    /// The origin of a value (Kafka's `ConfigSource`). The set is open.
    public struct Source: RawRepresentable, Sendable, Hashable {
        public let rawValue: Int8
        public init(rawValue: Int8) { self.rawValue = rawValue }

        /// Set on the topic itself.
        public static let topic = Source(rawValue: 1)
        public static let broker = Source(rawValue: 2)
        public static let allBrokers = Source(rawValue: 3)
        public static let brokerFile = Source(rawValue: 4)
        public static let builtIn = Source(rawValue: 5)
        /// Set on the group itself.
        public static let group = Source(rawValue: 8)
    }

    public var name: String
    /// Nil for a sensitive key, whose value is not told.
    public var value: String?
    public var source: Source
    public var isReadOnly: Bool
    public var isSensitive: Bool
    /// The value of the key without the resource's own one, in the words of the key that says so; nil when that was
    /// not asked for, or the resource has no value of its own.
    public var inherited: String?
    /// The origin of ``inherited``.
    public var inheritedFrom: Source?

    public init(
        name: String, value: String?, source: Source, isReadOnly: Bool = false, isSensitive: Bool = false,
        inherited: String? = nil, inheritedFrom: Source? = nil
    ) {
        self.name = name
        self.value = value
        self.source = source
        self.isReadOnly = isReadOnly
        self.isSensitive = isSensitive
        self.inherited = inherited
        self.inheritedFrom = inheritedFrom
    }
}

/// A change to one key.
public enum ConfigChange: Sendable, Hashable {
    case set(String)
    /// Back to what the cluster says.
    case delete
    /// For keys that hold lists.
    case append(String)
    case subtract(String)

    fileprivate var operation: Int8 {
        switch self {
        case .set: 0
        case .delete: 1
        case .append: 2
        case .subtract: 3
        }
    }

    fileprivate var value: String? {
        switch self {
        case .set(let value), .append(let value), .subtract(let value): value
        case .delete: nil
        }
    }

    /// The new value, given the old one; nil for none.
    fileprivate func applied(to old: String?) -> String? {
        let items = (old ?? "").split(separator: ",").map(String.init)
        switch self {
        case .set(let value): return value
        case .delete: return nil
        case .append(let value): return (items.filter { $0 != value } + [value]).joined(separator: ",")
        case .subtract(let value): return items.filter { $0 != value }.joined(separator: ",")
        }
    }
}

extension ClusterClient {
    /// The configurations in effect, by key.
    ///
    /// - Parameters:
    ///   - keys: nil for all.
    ///   - withInherited: also says what each key would be without the resource's own value, in a longer answer.
    public func describeConfigs(
        _ resources: [ConfigResource], keys: [String]? = nil, withInherited: Bool = false
    ) async -> Outcomes<ConfigResource, [String: ConfigEntry]> {
        await askTargets(resources, during: .describeConfigs) { client, target, resources throws(KafkaError) in
            var request = DescribeConfigsRequest()
            request.includeSynonyms = withInherited
            request.resources = resources.map { resource in
                var entry = DescribeConfigsRequest.DescribeConfigsResource()
                entry.resourceType = resource.type
                entry.resourceName = resource.name
                entry.configurationKeys = keys
                return entry
            }
            let response = try await client.send(request, to: target)
            var outcomes: Outcomes<ConfigResource, [String: ConfigEntry]> = [:]
            for result in response.results {
                guard let resource = ConfigResource(type: result.resourceType, name: result.resourceName) else {
                    continue
                }
                let entries = result.configs.map { ($0.name, ConfigEntry($0)) }
                outcomes[resource] = result.errorCode.outcome(
                    Dictionary(entries) { first, _ in first }, message: result.errorMessage
                ) { client.error($0, .describeConfigs, resource) }
            }
            return outcomes
        }
    }

    /// Changes single keys and leaves the others as they are, also at brokers that only know how to replace a whole
    /// configuration (before Kafka 2.3): there it is read, changed and written back.
    public func alterConfigs(
        _ changes: [ConfigResource: [String: ConfigChange]], validateOnly: Bool = false
    ) async -> Outcomes<ConfigResource, Void> {
        await askTargets(Array(changes.keys), during: .incrementalAlterConfigs) {
            client, target, resources throws(KafkaError) in
            let connection = try await client.connection(for: target, purpose: .admin)
            guard connection.versions.version(of: IncrementalAlterConfigsRequest.self) != nil else {
                return try await client.replaceConfigs(changes, resources, at: target, validateOnly)
            }
            var request = IncrementalAlterConfigsRequest()
            request.validateOnly = validateOnly
            request.resources = resources.map { resource in
                var entry = IncrementalAlterConfigsRequest.AlterConfigsResource()
                entry.resourceType = resource.type
                entry.resourceName = resource.name
                entry.configs = (changes[resource] ?? [:]).sorted { $0.key < $1.key }.map { key, change in
                    var config = IncrementalAlterConfigsRequest.AlterableConfig()
                    config.name = key
                    config.configOperation = change.operation
                    config.value = change.value
                    return config
                }
                return entry
            }
            let response = try await connection.send(request)
            var outcomes: Outcomes<ConfigResource, Void> = [:]
            for result in response.responses {
                guard let resource = ConfigResource(type: result.resourceType, name: result.resourceName) else {
                    continue
                }
                outcomes[resource] = result.errorCode.outcome((), message: result.errorMessage) {
                    client.error($0, .incrementalAlterConfigs, resource)
                }
            }
            return outcomes
        }
    }

    /// Reads what is set on each resource itself, applies the changes, and writes all of it.
    private func replaceConfigs(
        _ changes: [ConfigResource: [String: ConfigChange]], _ resources: [ConfigResource], at target: BrokerTarget,
        _ validateOnly: Bool
    ) async throws(KafkaError) -> Outcomes<ConfigResource, Void> {
        var outcomes: Outcomes<ConfigResource, Void> = [:]
        var request = AlterConfigsRequest()
        request.validateOnly = validateOnly
        for (resource, described) in await describeConfigs(resources) {
            switch described {
            case .failure(let error): outcomes[resource] = .failure(error)
            case .success(let entries):
                let own = resource.ownSource
                var values: [String: String] = [:]
                var hidden: [String] = []
                for entry in entries.values where entry.source == own && changes[resource]?[entry.name] == nil {
                    if let value = entry.value { values[entry.name] = value } else { hidden.append(entry.name) }
                }
                guard hidden.isEmpty else {
                    let why =
                        "changing it would lose \(hidden.sorted()), which this broker does not tell; upgrade the broker"
                    outcomes[resource] = .failure(error(.configuration(why), .alterConfigs, resource))
                    continue
                }
                for (key, change) in changes[resource] ?? [:] { values[key] = change.applied(to: entries[key]?.value) }
                request.resources.append(.init(resource, values))
            }
        }
        guard !request.resources.isEmpty else { return outcomes }
        let response = try await send(request, to: target)
        for result in response.responses {
            guard let resource = ConfigResource(type: result.resourceType, name: result.resourceName) else { continue }
            outcomes[resource] = result.errorCode.outcome((), message: result.errorMessage) {
                error($0, .alterConfigs, resource)
            }
        }
        return outcomes
    }

    private func askTargets<Value: Sendable>(
        _ resources: [ConfigResource], during api: ApiKey,
        _ ask: (isolated ClusterClient, BrokerTarget, [ConfigResource]) async throws(KafkaError) ->
            Outcomes<ConfigResource, Value>
    ) async -> Outcomes<ConfigResource, Value> {
        await retrying(resources, during: api) { pending, _ in
            var outcomes: Outcomes<ConfigResource, Value> = [:]
            for (target, resources) in Dictionary(grouping: pending, by: \.target) {
                do throws(KafkaError) {
                    outcomes.merge(try await ask(self, target, resources)) { _, new in new }
                } catch {
                    for resource in resources { outcomes[resource] = .failure(error.about(topic: "\(resource)")) }
                }
            }
            return outcomes
        }
    }

    private func error(_ reason: KafkaError.Reason, _ api: ApiKey, _ resource: ConfigResource) -> KafkaError {
        error(reason, during: .request(api)).about(topic: "\(resource)")
    }
}

extension ConfigEntry {
    fileprivate init(_ entry: DescribeConfigsResponse.DescribeConfigsResourceResult) {
        let hidden =
            entry.configSource == Source.topic.rawValue
            ? entry.synonyms.first { $0.source != Source.topic.rawValue } : nil
        self.init(
            name: entry.name, value: entry.value, source: Source(rawValue: entry.configSource),
            isReadOnly: entry.readOnly, isSensitive: entry.isSensitive, inherited: hidden?.value,
            inheritedFrom: hidden.map { Source(rawValue: $0.source) })
    }
}

extension AlterConfigsRequest.AlterConfigsResource {
    fileprivate init(_ resource: ConfigResource, _ values: [String: String]) {
        self.init()
        resourceType = resource.type
        resourceName = resource.name
        configs = values.sorted { $0.key < $1.key }.map { key, value in
            var config = AlterConfigsRequest.AlterableConfig()
            config.name = key
            config.value = value
            return config
        }
    }
}
