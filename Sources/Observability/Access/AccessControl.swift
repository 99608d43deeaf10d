internal import CoreMetrics
internal import HTTPTypes
internal import Hummingbird
internal import Logging
internal import NIOCore

/// A request to the status server, with the client's address and what the client may do.
struct StatusRequestContext: RequestContext {
    var coreContext: CoreRequestContextStorage
    let address: ClientAddress
    var right: Right = .none

    init(source: ApplicationRequestContextSource) {
        coreContext = CoreRequestContextStorage(source: source)
        address = ClientAddress(source.channel.remoteAddress)
    }
}

/// Answers only requests that may be answered, and adds to every answer what browsers are to keep to.
struct AccessControl: RouterMiddleware {
    typealias Context = StatusRequestContext

    let access: HTTPAccess
    let gate: ConnectionGate
    let limits: ConnectionLimits
    let registry: MetricsRegistry
    let logger: Logger

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        var response: Response
        do {
            response = try await answer(request, context, next)
        } catch let error as any HTTPResponseError {
            response = try error.response(from: request, context: context)
        }
        response.headers[.xContentTypeOptions] = "nosniff"
        response.headers[.referrerPolicy] = "no-referrer"
        response.headers[.crossOriginResourcePolicy] = "same-origin"
        response.headers[.frameOptions] = "DENY"
        if response.headers[.cacheControl] == nil { response.headers[.cacheControl] = "no-store" }
        return response
    }

    private func answer(
        _ request: Request, _ context: Context, _ next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let refusal = access.hosts.refusal(of: request.head) {
            return Self.text(refusal.description, HTTPResponse.Status(code: refusal.status))
        }
        if let length = request.headers[.contentLength], Int(length).map({ $0 > limits.bodyBytes }) ?? true {
            return Self.text("requests take no body here", .contentTooLarge)
        }
        let authorization = request.headers[.authorization]
        let decision = access.decide(
            authorization: request.uri.path == "/healthz" ? nil : authorization, needed: Self.right(for: request),
            from: context.address)
        switch decision {
        case .allowed(let right):
            guard !gate.isClogged || request.uri.path == "/healthz" else {
                return Self.text("too much waits for clients that do not read; try again later", .serviceUnavailable)
            }
            var context = context
            context.right = right
            var response = try await next(request, context)
            response.headers[.access] = access.offer(to: right, isAnonymous: authorization == nil)
            return response
        case .unknown(let challenges):
            return challenge(challenges, "credentials are needed here: a user of http.authentication.users, or a token")
        case .wrong(let challenges, let isNews):
            failures.increment(by: 1)
            if isNews {
                // Never whom it claimed to be: people type passwords into the wrong field.
                logger.warning("wrong HTTP credentials", metadata: ["address": "\(context.address)"])
            }
            return challenge(challenges, "these credentials are wrong")
        case .wait(let wait):
            failures.increment(by: 1)
            let seconds = max(1, wait.components.seconds + (wait.components.attoseconds > 0 ? 1 : 0))
            var response = Self.text(
                "wrong credentials came from this address too often; try again in \(seconds) s", .tooManyRequests)
            response.headers[.retryAfter] = String(seconds)
            return response
        case .forbidden:
            return Self.text("these credentials may read, and not pause, resume, retry or reload", .forbidden)
        }
    }

    private var failures: any CounterHandler {
        registry.makeCounter(label: "replicator_http_auth_failures_total", dimensions: [])
    }

    /// Probes need no credentials: `/healthz` tells nothing, and `/readyz` nobody but readers why it is not ready.
    private static func right(for request: Request) -> Right {
        guard request.method == .get || request.method == .head else { return .act }
        return ["/healthz", "/readyz"].contains(request.uri.path) ? .none : .read
    }

    private func challenge(_ challenges: [String], _ message: String) -> Response {
        var response = Self.text(message, .unauthorized)
        for challenge in challenges { response.headers.append(HTTPField(name: .wwwAuthenticate, value: challenge)) }
        return response
    }

    private static func text(_ message: String, _ status: HTTPResponse.Status) -> Response {
        Response(
            status: status, headers: [.contentType: "text/plain; charset=utf-8"],
            body: ResponseBody(byteBuffer: ByteBuffer(string: message + "\n")))
    }
}

extension HTTPField.Name {
    // Names that the package does not have. The texts are field names, so these are never nil.
    fileprivate static let referrerPolicy = HTTPField.Name("Referrer-Policy") ?? .xContentTypeOptions
    fileprivate static let frameOptions = HTTPField.Name("X-Frame-Options") ?? .xContentTypeOptions
    fileprivate static let access = HTTPField.Name("Replicator-Access") ?? .xContentTypeOptions
}
