import KafkaWire

// DescribeClientQuotas: 0-1. AlterClientQuotas: 0-1 (KIP-546).
//
// - Users, client ids, both, and their defaults. Each entity is altered as a whole or not at all.
// - Left out: quotas on connections by address (`ip`): INVALID_REQUEST.

extension DescribeClientQuotasRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> DescribeClientQuotasResponse { refused(AdminRefusal(error, error.description)) }

    fileprivate func refused(_ refusal: AdminRefusal) -> DescribeClientQuotasResponse {
        var response = DescribeClientQuotasResponse()
        response.errorCode = refusal.code
        response.errorMessage = refusal.message
        response.entries = nil
        return response
    }
}

extension AlterClientQuotasRequest: RefusableRequest {
    func refused(_ error: ErrorCode) -> AlterClientQuotasResponse {
        var response = AlterClientQuotasResponse()
        response.entries = entries.map { Self.result($0, AdminRefusal(error, error.description)) }
        return response
    }

    fileprivate static func result(_ entry: EntryData, _ refusal: AdminRefusal?) -> AlterClientQuotasResponse.EntryData
    {
        var result = AlterClientQuotasResponse.EntryData()
        result.errorCode = refusal?.code ?? .none
        result.errorMessage = refusal?.message
        result.entity = entry.entity.map { part in
            var entity = AlterClientQuotasResponse.EntityData()
            entity.entityType = part.entityType
            entity.entityName = part.entityName
            return entity
        }
        return result
    }
}

extension DescribeClientQuotasRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<DescribeClientQuotasResponse> {
        context.caller.may(.describeConfigs) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

extension AlterClientQuotasRequest: AuthorizedRequest {
    func admit(_ context: RequestContext) -> Admission<AlterClientQuotasResponse> {
        context.caller.may(.alterConfigs) ? .whole : .refused(refused(.clusterAuthorizationFailed))
    }
}

/// The question of a description about one part of an entity.
private enum QuotaMatch {
    case exactly(QuotaEntity.Name)
    /// Any, if the entity has this part.
    case specified

    func accepts(_ name: QuotaEntity.Name?) -> Bool {
        switch self {
        case .exactly(let wanted): name == wanted
        case .specified: name != nil
        }
    }
}

extension Cluster {
    func describeClientQuotas(
        _ request: DescribeClientQuotasRequest, _ context: RequestContext
    ) -> DescribeClientQuotasResponse {
        do throws(AdminRefusal) {
            let matches = try matches(request)
            var response = DescribeClientQuotasResponse()
            response.errorMessage = nil
            response.entries = quotas.values.filter { entity, _ in
                func fits(_ type: String, _ name: QuotaEntity.Name?) -> Bool {
                    guard let match = matches[type] else { return !request.strict || name == nil }
                    return match.accepts(name)
                }
                let isUnnamed = request.strict && matches.isEmpty
                return !isUnnamed && fits("user", entity.user) && fits("client-id", entity.clientID)
                    && matches["ip"] == nil
            }
            .map(describe).sorted { $0.sortKey < $1.sortKey }
            return response
        } catch {
            return request.refused(error)
        }
    }

    private func matches(_ request: DescribeClientQuotasRequest) throws(AdminRefusal) -> [String: QuotaMatch] {
        var matches: [String: QuotaMatch] = [:]
        for component in request.components {
            let type = component.entityType
            guard ["user", "client-id", "ip"].contains(type) else {
                throw AdminRefusal(.unsupportedVersion, "Custom entity type '\(type)' not supported")
            }
            guard matches[type] == nil else {
                throw AdminRefusal(.invalidRequest, "Duplicate \(type) filter component entity type")
            }
            switch (component.matchType, component.match) {
            case (0, let name?): matches[type] = .exactly(.named(ExactName(name)))
            case (1, nil): matches[type] = .exactly(.anyone)
            case (2, nil): matches[type] = .specified
            default:
                throw AdminRefusal(
                    .invalidRequest, "The match of type \(component.matchType) does not fit the name given for \(type)")
            }
        }
        guard matches["ip"] == nil || matches.count == 1 else {
            throw AdminRefusal(
                .invalidRequest,
                "Invalid entity filter component combination, IP filter component should not be used "
                    + "with user or clientId filter component.")
        }
        return matches
    }

    private func describe(
        _ entity: QuotaEntity, _ limits: [QuotaKey: Double]
    ) -> DescribeClientQuotasResponse.EntryData {
        var entry = DescribeClientQuotasResponse.EntryData()
        for (type, name) in [("user", entity.user), ("client-id", entity.clientID)] {
            guard let name else { continue }
            var part = DescribeClientQuotasResponse.EntityData()
            part.entityType = type
            part.entityName = if case .named(let exact) = name { exact.text } else { nil }
            entry.entity.append(part)
        }
        entry.values = limits.sorted { $0.key.rawValue < $1.key.rawValue }.map { key, limit in
            var value = DescribeClientQuotasResponse.ValueData()
            value.key = key.rawValue
            value.value = limit
            return value
        }
        return entry
    }

    func alterClientQuotas(
        _ request: AlterClientQuotasRequest, _ context: RequestContext
    ) -> AlterClientQuotasResponse {
        var response = AlterClientQuotasResponse()
        response.entries = request.entries.map { entry in
            do throws(AdminRefusal) {
                let entity = try entity(entry.entity)
                let changes = try changes(entry.ops)
                if !request.validateOnly { try alter(entity, changes) }
                return AlterClientQuotasRequest.result(entry, nil)
            } catch {
                return AlterClientQuotasRequest.result(entry, error)
            }
        }
        return response
    }

    private func alter(_ entity: QuotaEntity, _ changes: [(QuotaKey, Double?)]) throws(AdminRefusal) {
        do throws(BrokerError) {
            try commit(changes.map { .quota(QuotaRecord(entity, $0.0, $0.1)) })
        } catch {
            throw AdminRefusal(.kafkaStorageError, "\(error)")
        }
        for (key, value) in changes { quotas.set(value, key, of: entity) }
    }

    private func entity(_ parts: [AlterClientQuotasRequest.EntityData]) throws(AdminRefusal) -> QuotaEntity {
        guard !parts.isEmpty else { throw AdminRefusal(.invalidRequest, "Invalid empty client quota entity") }
        var entity = QuotaEntity()
        for part in parts {
            let name = part.entityName.map { QuotaEntity.Name.named(ExactName($0)) } ?? .anyone
            guard part.entityName != "" else {
                throw AdminRefusal(.invalidRequest, "Empty \(part.entityType) not supported")
            }
            switch part.entityType {
            case "user" where entity.user == nil: entity.user = name
            case "client-id" where entity.clientID == nil: entity.clientID = name
            case "user", "client-id":
                throw AdminRefusal(
                    .invalidRequest, "Invalid client quota entity, duplicate entity entry: \(part.entityType)")
            case "ip": throw AdminRefusal(.invalidRequest, "This broker has no quotas on connections by address")
            default: throw AdminRefusal(.invalidRequest, "Unhandled client quota entity type: \(part.entityType)")
            }
        }
        return entity
    }

    private func changes(
        _ operations: [AlterClientQuotasRequest.OpData]
    ) throws(AdminRefusal) -> [(QuotaKey, Double?)] {
        var changes: [(QuotaKey, Double?)] = []
        for operation in operations {
            guard let key = QuotaKey(rawValue: operation.key) else {
                throw AdminRefusal(.invalidRequest, "Invalid configuration key \(operation.key)")
            }
            guard !operation.remove else {
                changes.append((key, nil))
                continue
            }
            let value = operation.value
            guard value > 0, value.isFinite else {
                throw AdminRefusal(.invalidRequest, "Quota \(key.rawValue) must be greater than 0")
            }
            guard !key.isWhole || (value <= Double(Int64.max / 2) && (value - value.rounded()).magnitude < 1e-6) else {
                throw AdminRefusal(
                    .invalidRequest, "\(key.rawValue) cannot be a fractional value.")
            }
            changes.append((key, value))
        }
        return changes
    }
}

extension DescribeClientQuotasResponse.EntryData {
    fileprivate var sortKey: String {
        entity.map { "\($0.entityType) \($0.entityName ?? "")" }.joined(separator: "\0")
    }
}
