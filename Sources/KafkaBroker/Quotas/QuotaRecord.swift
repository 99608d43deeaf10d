import KafkaWire

/// A quota was set, or removed.
struct QuotaRecord: JournalMessage {
    static let kind: Int16 = 22
    /// 0 without a user, 1 for any user, 2 for the one named.
    var userKind: Int8 = 0
    var user = ""
    /// The same for client ids.
    var clientKind: Int8 = 0
    var clientID = ""
    var key = ""
    var value: Double = 0
    var isRemoved = false

    mutating func code(_ wire: inout WireCoder) throws(WireError) {
        try wire.int8(&userKind)
        try wire.string(&user)
        try wire.int8(&clientKind)
        try wire.string(&clientID)
        try wire.string(&key)
        try wire.float64(&value)
        try wire.bool(&isRemoved)
    }
}

extension QuotaRecord {
    init(_ entity: QuotaEntity, _ key: QuotaKey, _ value: Double?) {
        self.init()
        (userKind, user) = Self.parts(entity.user)
        (clientKind, clientID) = Self.parts(entity.clientID)
        self.key = key.rawValue
        self.value = value ?? 0
        isRemoved = value == nil
    }

    private static func parts(_ name: QuotaEntity.Name?) -> (Int8, String) {
        switch name {
        case nil: (0, "")
        case .anyone?: (1, "")
        case .named(let name)?: (2, name.text)
        }
    }

    private static func name(_ kind: Int8, _ text: String) -> QuotaEntity.Name? {
        kind == 0 ? nil : kind == 1 ? .anyone : .named(ExactName(text))
    }

    fileprivate var entity: QuotaEntity {
        QuotaEntity(user: Self.name(userKind, user), clientID: Self.name(clientKind, clientID))
    }
}

extension ClientQuotas {
    /// The journal's records of these quotas.
    var records: [ClusterRecord] {
        values.flatMap { entity, limits in limits.map { .quota(QuotaRecord(entity, $0.key, $0.value)) } }
    }

    /// Takes up what an earlier run wrote down.
    mutating func restore(_ record: QuotaRecord) {
        guard let key = QuotaKey(rawValue: record.key) else { return }
        set(record.isRemoved ? nil : record.value, key, of: record.entity)
    }
}
