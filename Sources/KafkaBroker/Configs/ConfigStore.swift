/// The broker settings in force: what was given at the start, and what AlterConfigs set since.
struct ConfigStore {
    /// Where a value comes from, with the numbers of DescribeConfigs.
    enum Source: Int8 {
        case topic = 1
        case dynamicBroker = 2
        case dynamicDefaultBroker = 3
        case staticBroker = 4
        case defaultConfig = 5
    }

    struct Value {
        let name: String
        let value: String?
        let source: Source
    }

    /// A broker key's value, with what turns it into the topic key's unit.
    typealias BrokerValue = (synonym: TopicConfigDefinition.BrokerSynonym, value: Value)

    let properties: [String: String]
    /// Set at run time for all nodes.
    var dynamicDefaults: [String: String] = [:]
    /// Set at run time for one node.
    var dynamic: [Int32: [String: String]] = [:]

    init(properties: [String: String]) {
        self.properties = properties
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
            values.append(Value(name: name, value: definition.value.defaultValue, source: .defaultConfig))
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

    /// What the broker keys make of a topic key: every value that was given, the one in force first, under the
    /// broker key's name and in its unit. The default is not among them.
    func brokerValues(of topicKey: TopicConfigDefinition, node: Int32?) -> [BrokerValue] {
        var found: [BrokerValue] = []
        for synonym in topicKey.brokerSynonyms {
            for value in values(of: synonym.name, node: node) where value.source != .defaultConfig {
                found.append((synonym, value))
            }
        }
        return found
    }

    /// Topic keys whose default the broker's settings change, in the topic key's unit.
    func topicDefaults(node: Int32?) -> [String: String] {
        var defaults: [String: String] = [:]
        for definition in TopicConfigs.all {
            if let (synonym, value) = brokerValues(of: definition, node: node).first, let text = value.value {
                defaults[definition.name] = synonym.inTopicUnit(text)
            }
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
