import KafkaWire

/// The broker settings in force: what was given at the start, and what AlterConfigs set since.
struct ConfigStore {
    /// The source of a value, with the numbers of DescribeConfigs.
    enum Source: Int8 {
        case topic = 1
        case dynamicBroker = 2
        case dynamicDefaultBroker = 3
        case staticBroker = 4
        case defaultConfig = 5
        case group = 8
    }

    struct Value {
        let name: String
        let value: String?
        let source: Source
    }

    let properties: [String: String]
    let release: BrokerRelease
    /// Set at run time for all nodes.
    var dynamicDefaults: [String: String] = [:] { didSet { inherited = [:] } }
    /// Set at run time for one node.
    var dynamic: [Int32: [String: String]] = [:] { didSet { inherited = [:] } }
    /// Set at run time for one group.
    var group: [ExactName: [String: String]] = [:]
    /// The values of topics that set nothing themselves, by node. Every topic is asked about it, and it hardly ever
    /// changes.
    private var inherited: [Int32?: [Inherited]] = [:]

    /// A topic key as it is without a value of the topic's own.
    struct Inherited {
        let definition: TopicConfigDefinition
        /// In the topic key's unit.
        let value: String
        let source: Source
        /// Every value that was given for it, the one in force first; ends with the default.
        let values: [Value]
    }

    init(properties: [String: String], release: BrokerRelease) {
        self.properties = properties
        self.release = release
    }

    /// Every value given for a broker key, the one in force first; ends with the default.
    func values(of name: String, node: Int32?) -> [Value] {
        var values: [Value] = []
        if let node, let value = dynamic[node]?[name] {
            values.append(Value(name: name, value: value, source: .dynamicBroker))
        }
        if let value = dynamicDefaults[name] {
            values.append(Value(name: name, value: value, source: .dynamicDefaultBroker))
        }
        if let value = properties[name] { values.append(Value(name: name, value: value, source: .staticBroker)) }
        if let definition = BrokerConfigs.definition(named: name), definition.hasDefault {
            values.append(Value(name: name, value: defaultValue(of: definition.value), source: .defaultConfig))
        }
        return values
    }

    func value(of name: String, node: Int32? = nil) -> String? {
        values(of: name, node: node).first?.value
    }

    /// A number; every numeric key has a default.
    func number(_ name: String, node: Int32? = nil) -> Int {
        value(of: name, node: node).flatMap { Int($0.trimmed) } ?? 0
    }

    func flag(_ name: String, node: Int32? = nil) -> Bool {
        value(of: name, node: node)?.trimmed.lowercased() == "true"
    }

    /// The defaults that broker keys give to the topic keys, in the order of these.
    mutating func topicDefaults(node: Int32?) -> [Inherited] {
        if let known = inherited[node] { return known }
        let found = TopicConfigs.all.map { inherited(of: $0, node: node) }
        inherited[node] = found
        return found
    }

    private func inherited(of topicKey: TopicConfigDefinition, node: Int32?) -> Inherited {
        var given: [(value: Value, inForce: String?)] = []
        var last: Value?
        for synonym in topicKey.brokerSynonyms {
            for value in values(of: synonym.name, node: node) {
                if value.source == .defaultConfig {
                    last = value
                } else {
                    given.append((value, value.value.map(synonym.inTopicUnit)))
                }
            }
        }
        if let last { given.append((last, defaultValue(of: topicKey))) }
        return Inherited(
            definition: topicKey, value: given.first?.inForce ?? defaultValue(of: topicKey),
            source: given.first?.value.source ?? .defaultConfig, values: given.map(\.value))
    }

    private func defaultValue(of key: TopicConfigDefinition) -> String {
        release.changedDefault(of: key.name) ?? key.defaultValue
    }

    /// Topic keys whose default the broker's settings or its release change, in the topic key's unit.
    mutating func changedTopicDefaults(node: Int32?) -> [String: String] {
        var defaults: [String: String] = [:]
        for key in topicDefaults(node: node)
        where key.source != .defaultConfig || release.changedDefault(of: key.definition.name) != nil {
            defaults[key.definition.name] = key.value
        }
        return defaults
    }
}

extension TopicConfigDefinition.BrokerSynonym {
    func inTopicUnit(_ value: String) -> String {
        guard multiplier > 1, let number = Int64(value.trimmed) else { return value }
        return number < 0 ? String(number) : String(number.multipliedReportingOverflow(by: multiplier).partialValue)
    }
}
