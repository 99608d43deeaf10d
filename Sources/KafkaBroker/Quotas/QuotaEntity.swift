import KafkaWire

/// The subject of a quota: a user, a client id, or one within the other (KIP-546).
struct QuotaEntity: Hashable, Sendable {
    enum Name: Hashable, Sendable {
        /// Everybody without a quota of their own.
        case anyone
        case named(ExactName)
    }

    /// Nil when the quota does not look at users.
    var user: Name?
    /// Nil when the quota does not look at client ids.
    var clientID: Name?

    /// The entities whose quotas concern a client, the one that counts first, as Kafka looks for them.
    static func candidates(user: String, clientID: String) -> [QuotaEntity] {
        let (user, client) = (Name.named(ExactName(user)), Name.named(ExactName(clientID)))
        return [
            QuotaEntity(user: user, clientID: client), QuotaEntity(user: user, clientID: .anyone),
            QuotaEntity(user: user, clientID: nil), QuotaEntity(user: .anyone, clientID: client),
            QuotaEntity(user: .anyone, clientID: .anyone), QuotaEntity(user: .anyone, clientID: nil),
            QuotaEntity(user: nil, clientID: client), QuotaEntity(user: nil, clientID: .anyone),
        ]
    }
}

/// Rates that can be limited, under Kafka's names.
enum QuotaKey: String, CaseIterable, Sendable {
    /// Bytes per second.
    case producerByteRate = "producer_byte_rate"
    /// Bytes per second.
    case consumerByteRate = "consumer_byte_rate"
    /// Per cent of one thread's time.
    case requestPercentage = "request_percentage"
    /// Partitions created or deleted per second.
    case controllerMutationRate = "controller_mutation_rate"

    /// Kafka takes byte rates as whole numbers.
    var isWhole: Bool { self == .producerByteRate || self == .consumerByteRate }
}
