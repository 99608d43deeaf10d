import KafkaWire

/// One message in one version, for tests that must cover all of them.
struct DefinedMessage: Sendable, Hashable, CustomStringConvertible {
    enum Kind: String, Sendable, CaseIterable { case request, response }

    let api: ApiKey
    let kind: Kind
    let version: Int16

    var type: any KafkaMessage.Type {
        let request = Self.requests[api]!
        return kind == .request ? request : Self.response(of: request)
    }

    var description: String { "\(api) \(kind) \(version)" }

    /// Every API × version, both directions.
    static let all: [DefinedMessage] = ApiKey.definedRequests.flatMap { request in
        [(Kind.request, request as any KafkaMessage.Type), (.response, response(of: request))].flatMap { kind, type in
            type.versions.range.map { DefinedMessage(api: type.apiKey, kind: kind, version: $0) }
        }
    }

    private static let requests = Dictionary(uniqueKeysWithValues: ApiKey.definedRequests.map { ($0.apiKey, $0) })

    private static func response<Request: KafkaRequest>(of _: Request.Type) -> any KafkaMessage.Type {
        Request.Response.self
    }
}
