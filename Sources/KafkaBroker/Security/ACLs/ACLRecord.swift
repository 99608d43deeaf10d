import KafkaWire

/// An ACL was created or deleted.
struct ACLRecord: JournalMessage {
    static let kind: Int16 = 21
    var isDeleted = false
    var resourceType: Int8 = 0
    var resourceName = ""
    var patternType: Int8 = 0
    var principal = ""
    var host = ""
    var operation: Int8 = 0
    var permission: Int8 = 0

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.bool(&isDeleted)
        try wire.int8(&resourceType)
        try wire.string(&resourceName)
        try wire.int8(&patternType)
        try wire.string(&principal)
        try wire.string(&host)
        try wire.int8(&operation)
        try wire.int8(&permission)
    }
}

extension ACLRecord {
    init(_ binding: ACLBinding, isDeleted: Bool = false) {
        self.init()
        self.isDeleted = isDeleted
        resourceType = binding.pattern.type.rawValue
        resourceName = binding.pattern.name
        patternType = binding.pattern.patternType.rawValue
        principal = binding.principal
        host = binding.host
        operation = binding.operation.rawValue
        permission = binding.permission.rawValue
    }

    /// Nil for numbers that only a later version knows.
    var binding: ACLBinding? {
        guard let type = ACLResourceType(rawValue: resourceType),
            let patternType = ACLPatternType(rawValue: patternType),
            let operation = ACLOperation(rawValue: operation), let permission = ACLPermission(rawValue: permission)
        else { return nil }
        return ACLBinding(
            pattern: ACLPattern(type: type, name: resourceName, patternType: patternType), principal: principal,
            host: host, operation: operation, permission: permission)
    }
}
