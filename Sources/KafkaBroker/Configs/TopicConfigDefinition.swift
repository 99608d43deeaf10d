/// One topic configuration key: its type, default, the values it takes and what it does.
package struct TopicConfigDefinition: Sendable {
    /// Kafka's configuration types, with the numbers of DescribeConfigs.
    package enum ValueType: Int8, Sendable {
        case boolean = 1
        case string = 2
        case int = 3
        case long = 5
        case double = 6
        case list = 7
        /// Never shown.
        case password = 9
    }

    /// The rule that a value must satisfy beyond its type.
    package enum ValidValues: Sendable {
        case any
        case atLeast(Int64)
        case between(Int64, Int64)
        /// Within the range, or this one value outside it.
        case betweenOr(Int64, Int64, Int64)
        /// For a list: every element.
        case oneOf([String])
        /// `*`, or `partition:broker` pairs.
        case throttledReplicas
        /// A Kafka release such as `2.8` or `3.0-IV1`; the value has had no effect since Kafka 3.0.
        case release
        /// `address:number` pairs.
        case perHost
        /// Names of assignors of the broker's, at least one.
        case serverAssignors
        /// One of Kafka's migration policies, in whichever case.
        case migrationPolicy
    }

    package let name: String
    package let type: ValueType
    /// Default in the form that DescribeConfigs prints.
    package let defaultValue: String
    package let validValues: ValidValues
    /// The broker keys that set this topic key's default, strongest first; `nil` where Kafka has none.
    package let brokerSynonyms: [BrokerSynonym]
    package let documentation: String

    /// A broker key and what one of its units is worth in the topic key's unit.
    package struct BrokerSynonym: Sendable, Hashable {
        package let name: String
        package let multiplier: Int64
    }

    init(
        _ name: String, _ type: ValueType, _ defaultValue: String, _ validValues: ValidValues,
        broker brokerSynonyms: [String], _ documentation: String
    ) {
        self.name = name
        self.type = type
        self.defaultValue = defaultValue
        self.validValues = validValues
        self.brokerSynonyms = brokerSynonyms.map { BrokerSynonym(name: $0, multiplier: Self.milliseconds(in: $0)) }
        self.documentation = documentation
    }

    /// Kafka's `ServerTopicConfigSynonyms`: keys in hours and minutes stand for topic keys in milliseconds.
    private static func milliseconds(in name: String) -> Int64 {
        if name.hasSuffix(".hours") { return 3_600_000 }
        if name.hasSuffix(".minutes") { return 60_000 }
        return 1
    }
}

/// A topic configuration that Kafka would refuse with INVALID_CONFIG; the message is Kafka's.
package struct InvalidTopicConfig: Error, Hashable, CustomStringConvertible {
    package let message: String

    package init(_ message: String) {
        self.message = message
    }

    package var description: String { message }
}

extension TopicConfigDefinition {
    /// Refuses what Kafka's `ConfigDef` refuses, in its words.
    package func validate(_ raw: String) throws(InvalidTopicConfig) {
        let value = raw.trimmed
        switch type {
        case .boolean:
            guard ["true", "false"].contains(value.lowercased()) else {
                throw invalid(raw, "Expected value to be either true or false")
            }
        case .int:
            guard let number = Int32(value) else { throw invalid(raw, "Not a number of type INT") }
            try checkRange(Double(number), raw)
        case .long:
            guard let number = Int64(value) else { throw invalid(raw, "Not a number of type LONG") }
            try checkRange(Double(number), raw)
        case .double:
            guard let number = Double(value) else { throw invalid(raw, "Not a number of type DOUBLE") }
            try checkRange(number, raw)
        case .password: break
        case .string:
            try checkText([String(value)], raw)
        case .list:
            try checkText(Self.elements(of: value), raw)
        }
    }

    /// The elements of a LIST value: separated by commas, white space around them ignored.
    package static func elements(of value: some StringProtocol) -> [String] {
        let text = value.trimmed
        guard !text.isEmpty else { return [] }
        return text.split(separator: ",", omittingEmptySubsequences: false).map { String($0.trimmed) }
    }

    private func checkRange(_ number: Double, _ raw: String) throws(InvalidTopicConfig) {
        switch validValues {
        case .atLeast(let least):
            guard number >= Double(least) else { throw invalid(raw, "Value must be at least \(least)") }
        case .between(let least, let most):
            guard number >= Double(least) else { throw invalid(raw, "Value must be at least \(least)") }
            guard number <= Double(most) else { throw invalid(raw, "Value must be no more than \(most)") }
        case .betweenOr(let least, let most, let other):
            guard number == Double(other) || (number >= Double(least) && number <= Double(most)) else {
                throw invalid(raw, "Value must be between \(least) and \(most) or equal to \(other)")
            }
        case .any, .oneOf, .throttledReplicas, .release, .perHost, .serverAssignors, .migrationPolicy:
            break
        }
    }

    private func checkText(_ values: [String], _ raw: String) throws(InvalidTopicConfig) {
        switch validValues {
        case .oneOf(let allowed):
            for value in values where !allowed.contains(value) {
                throw invalid(value, "String must be one of: \(allowed.joined(separator: ", "))")
            }
        case .throttledReplicas:
            guard values == ["*"] || values.allSatisfy(Self.isReplica) else {
                throw invalid(
                    raw,
                    "\(name) must be the literal '*' or a list of replicas in the following format: "
                        + "[partitionId]:[brokerId],[partitionId]:[brokerId],...")
            }
        case .release:
            guard values.allSatisfy({ $0.first?.isNumber == true && $0.contains(".") }) else {
                throw invalid(raw, "Version \(raw) is not a valid version")
            }
        case .perHost:
            let elements = Self.elements(of: raw)
            guard ConnectionLimits.overrides(raw).count == Set(elements).count else {
                throw invalid(raw, "expected ADDRESS:NUMBER,ADDRESS:NUMBER,...")
            }
        case .serverAssignors:
            guard !values.isEmpty, values.allSatisfy({ ServerAssignor(setting: $0) != nil }) else {
                throw invalid(
                    raw, "must name one or more of \(ServerAssignor.allCases.map(\.rawValue).joined(separator: ", "))")
            }
        case .migrationPolicy:
            guard values.allSatisfy({ MigrationPolicy(rawValue: $0.lowercased()) != nil }) else {
                let allowed = MigrationPolicy.allCases.map(\.rawValue).joined(separator: ", ")
                throw invalid(raw, "String must be one of (case insensitive): \(allowed)")
            }
        case .any, .atLeast, .between, .betweenOr:
            break
        }
    }

    private static func isReplica(_ text: String) -> Bool {
        if text.isEmpty { return true }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false)
        return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && $0.allSatisfy(\.isWholeNumber) }
    }

    private func invalid(_ value: String, _ reason: String) -> InvalidTopicConfig {
        InvalidTopicConfig("Invalid value \(value) for configuration \(name): \(reason)")
    }
}

extension StringProtocol {
    /// Without white space at either end, as Kafka reads every configuration value.
    var trimmed: Substring {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text.removeFirst() }
        while text.last?.isWhitespace == true { text.removeLast() }
        return text
    }
}
