import KafkaWire

/// The ACLs that a request means, by Kafka's rules for filters (`AclBindingFilter`).
struct ACLFilter {
    /// The comparison of a filter's name.
    private enum NameMatch {
        /// The same name in the same kind of pattern.
        case exactly(ACLPatternType)
        /// The same name in any kind of pattern.
        case anyPattern
        /// Every pattern that covers the name.
        case covering
    }

    /// Nil everywhere means any.
    private let type: ACLResourceType?
    private let name: String?
    private let match: NameMatch
    private let principal: String?
    private let host: String?
    private let operation: ACLOperation?
    private let permission: ACLPermission?

    private static let any: Int8 = 1

    /// The numbers and names of a request; throws what is not a filter.
    init(
        type: Int8, name: String?, patternType: Int8, principal: String?, host: String?, operation: Int8,
        permission: Int8
    ) throws(AdminRefusal) {
        func element<Value: RawRepresentable<Int8>>(_ number: Int8, _ what: String) throws(AdminRefusal) -> Value? {
            guard number != Self.any else { return nil }
            guard let value = Value(rawValue: number) else {
                throw AdminRefusal(.invalidRequest, "The filter has an unknown \(what): \(number)")
            }
            return value
        }
        self.type = try element(type, "resource type")
        switch patternType {
        case Self.any: match = .anyPattern
        case 2: match = .covering
        default:
            guard let patternType = ACLPatternType(rawValue: patternType) else {
                throw AdminRefusal(.invalidRequest, "The filter has an unknown pattern type: \(patternType)")
            }
            match = .exactly(patternType)
        }
        self.name = name
        self.principal = principal
        self.host = host
        self.operation = try element(operation, "operation")
        self.permission = try element(permission, "permission type")
    }

    func matches(_ binding: ACLBinding) -> Bool {
        guard type ?? binding.pattern.type == binding.pattern.type, matchesName(binding.pattern) else { return false }
        return (principal ?? binding.principal).isExactly(binding.principal)
            && (host ?? binding.host).isExactly(binding.host)
            && operation ?? binding.operation == binding.operation
            && permission ?? binding.permission == binding.permission
    }

    private func matchesName(_ pattern: ACLPattern) -> Bool {
        switch match {
        case .exactly(let patternType):
            pattern.patternType == patternType && (name ?? pattern.name).isExactly(pattern.name)
        case .anyPattern: (name ?? pattern.name).isExactly(pattern.name)
        case .covering: name.map { pattern.covers(pattern.type, $0) } ?? true
        }
    }
}
