import KafkaWire

/// Entity that quotas are for: a user, a client id, both together, an address, or the default of one of these.
public struct QuotaEntity: Sendable, Hashable {
    /// `user`, `client-id` or `ip`, each with a name, or nil for the default.
    public var parts: [String: String?]

    public init(_ parts: [String: String?]) {
        self.parts = parts
    }

    public var user: String?? { parts["user"] }

    private var exact: [String: ExactName?] { parts.mapValues { $0.map(ExactName.init) } }

    public static func == (left: QuotaEntity, right: QuotaEntity) -> Bool { left.exact == right.exact }
    public func hash(into hasher: inout Hasher) { hasher.combine(exact) }
}

extension QuotaEntity: CustomStringConvertible {
    /// `user alice, client-id app`, in Kafka's order.
    public var description: String {
        let order = ["user", "client-id", "ip"]
        let known = order.filter { parts.keys.contains($0) }
        return (known + parts.keys.filter { !order.contains($0) }.sorted())
            .map { "\($0) \((parts[$0] ?? nil) ?? "<default>")" }.joined(separator: ", ")
    }
}

/// A change to one quota: a new value, or nil to remove it.
public typealias QuotaChanges = [String: Double?]

extension ClusterClient {
    /// The quotas of all users and client ids, by entity and key (Kafka 2.6, KIP-546).
    ///
    /// - Throws: CLUSTER_AUTHORIZATION_FAILED without DESCRIBE_CONFIGS on the cluster.
    public func clientQuotas() async throws(KafkaError) -> [QuotaEntity: [String: Double]] {
        try await retrying(during: .describeClientQuotas) { () throws(KafkaError) in
            // No component at all asks for everything.
            let response = try await self.send(DescribeClientQuotasRequest(), to: .any)
            guard response.errorCode == .none else {
                throw self.error(
                    .broker(response.errorCode, message: response.errorMessage),
                    during: .request(.describeClientQuotas))
            }
            var quotas: [QuotaEntity: [String: Double]] = [:]
            for entry in response.entries ?? [] {
                let entity = QuotaEntity(
                    Dictionary(entry.entity.map { ($0.entityType, $0.entityName) }) { first, _ in first })
                quotas[entity] = Dictionary(entry.values.map { ($0.key, $0.value) }) { first, _ in first }
            }
            return quotas
        }
    }

    /// Sets and removes quotas, each entity as a whole and with its own outcome.
    public func alterClientQuotas(
        _ changes: [QuotaEntity: QuotaChanges]
    ) async -> Outcomes<QuotaEntity, Void> {
        await retrying(changes.keys, during: .alterClientQuotas) { pending, _ in
            var outcomes: Outcomes<QuotaEntity, Void> = [:]
            do throws(KafkaError) {
                var request = AlterClientQuotasRequest()
                request.entries = pending.map { AlterClientQuotasRequest.EntryData($0, changes[$0] ?? [:]) }
                let response = try await send(request, to: .controller, timeout: answerTimeout)
                for entry in response.entries {
                    let entity = QuotaEntity(
                        Dictionary(entry.entity.map { ($0.entityType, $0.entityName) }) { first, _ in first })
                    outcomes[entity] = entry.errorCode.outcome((), message: entry.errorMessage) {
                        error($0, during: .request(.alterClientQuotas))
                    }
                }
            } catch {
                for entity in pending { outcomes[entity] = .failure(error) }
            }
            return outcomes
        }
    }
}

extension AlterClientQuotasRequest.EntryData {
    fileprivate init(_ entity: QuotaEntity, _ changes: QuotaChanges) {
        self.init()
        self.entity = entity.parts.sorted { $0.key < $1.key }.map { type, name in
            var part = AlterClientQuotasRequest.EntityData()
            part.entityType = type
            part.entityName = name
            return part
        }
        ops = changes.sorted { $0.key < $1.key }.map { key, value in
            var operation = AlterClientQuotasRequest.OpData()
            operation.key = key
            operation.value = value ?? 0
            operation.remove = value == nil
            return operation
        }
    }
}
