import KafkaWire
import NIOCore

/// The APIs served, by key; also what ApiVersions tells clients.
struct RequestRouter {
    private let routes: [ApiKey: Route]
    /// Every API with the versions that clients are told, by ascending key.
    let advertised: [(api: ApiKey, versions: ClosedRange<Int16>)]

    /// The topics that a request to a node is about.
    let topicNames: (any KafkaRequest, Node) -> Set<String>

    init(_ routes: [Route], topicNames: @escaping (any KafkaRequest, Node) -> Set<String>) {
        self.topicNames = topicNames
        self.routes = Dictionary(uniqueKeysWithValues: routes.map { ($0.api, $0) })
        advertised = routes.map { ($0.api, $0.told) }.sorted { $0.0.rawValue < $1.0.rawValue }
    }

    /// The route of a request, or why the connection must be closed.
    func route(for header: RequestHeader) throws(RequestRefusal) -> Route {
        guard let route = routes[header.apiKey] else { throw .unknownAPI(header.apiKey) }
        guard route.versions.contains(header.apiVersion) else {
            throw .unsupportedVersion(header.apiKey, header.apiVersion)
        }
        return route
    }
}

/// The reason why a request ends its connection.
enum RequestRefusal: Error {
    case unknownAPI(ApiKey)
    case unsupportedVersion(ApiKey, Int16)
    case malformed(ApiKey?, WireError)
    /// Asked for by a connection that has not proved who it is, or whose session is over.
    case unauthenticated(ApiKey, String)
}

extension RequestRefusal: CustomStringConvertible {
    var description: String {
        switch self {
        case .unknownAPI(let api): "unknown request: \(api)"
        case .unsupportedVersion(let api, let version): "\(api) version \(version) is not supported"
        case .unauthenticated(let api, let reason): "\(api) request refused: \(reason)"
        case .malformed(let api?, let error): "malformed \(api) request: \(error)"
        case .malformed(nil, let error): "malformed frame: \(error)"
        }
    }
}
