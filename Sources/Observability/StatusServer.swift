internal import HTTPTypes
internal import Hummingbird
internal import HummingbirdCore
package import Logging
internal import NIOCore
public import ServiceLifecycle

/// Serves metrics, health, status, history, events and the page, and takes operators' wishes, until shutdown.
public struct StatusServer: Service {
    /// Sources of what the endpoints tell, and the commands that they may give.
    public struct Sources: Sendable {
        /// The state that is asked for, as a JSON document.
        public var status: @Sendable (StatusQuery) async -> String
        /// State of this instance alone.
        public var readiness: @Sendable () async -> Readiness
        /// Answers of the other instances to the same request: the bodies of those who answer.
        public var others: @Sendable (_ path: String) async -> [String]
        /// Does what an operator wants of a flow.
        public var control: @Sendable (FlowCommand) async -> ControlAnswer
        /// Takes the configuration over again; the message is a JSON document.
        public var reload: @Sendable () async -> ControlAnswer
        public var history: History
        public var events: EventLog

        public init(
            status: @escaping @Sendable (StatusQuery) async -> String,
            readiness: @escaping @Sendable () async -> Readiness,
            others: @escaping @Sendable (_ path: String) async -> [String] = { _ in [] },
            control: @escaping @Sendable (FlowCommand) async -> ControlAnswer,
            reload: @escaping @Sendable () async -> ControlAnswer, history: History, events: EventLog
        ) {
            self.status = status
            self.readiness = readiness
            self.others = others
            self.control = control
            self.reload = reload
            self.history = history
            self.events = events
        }
    }

    private let host: String
    private let port: Int
    private let registry: MetricsRegistry
    private let sources: Sources
    private let access: HTTPAccess
    private let limits: ConnectionLimits
    private let hasDescriptors: @Sendable () -> Bool
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameters:
    ///   - hasDescriptors: whether enough of them are left for another connection.
    ///   - onListening: told the port, which matters when 0 was asked for.
    package init(
        host: String, port: Int, registry: MetricsRegistry, sources: Sources, access: HTTPAccess,
        limits: ConnectionLimits, hasDescriptors: @escaping @Sendable () -> Bool = { true }, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.registry = registry
        self.sources = sources
        self.access = access
        self.limits = limits
        self.hasDescriptors = hasDescriptors
        self.logger = logger
        self.onListening = onListening
    }

    /// - Throws: when the address cannot be listened on.
    public func run() async throws {
        var quiet = logger
        quiet.logLevel = .warning
        let gate = ConnectionGate(limits, registry: registry, logger: logger, hasDescriptors: hasDescriptors)
        // There from the start, so that a rate can be taken.
        _ = registry.makeCounter(label: "replicator_http_auth_failures_total", dimensions: [])
        let access = access
        let limits = limits
        let application = Application(
            router: router(gate),
            server: HTTPServerBuilder { responder in
                GuardedChannel(responder: responder, gate: gate, limits: limits, access: access)
            },
            configuration: .init(address: .hostname(host, port: port), serverName: "replicator"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) }, logger: quiet)
        try await application.run()
    }

    private func router(_ gate: ConnectionGate) -> Router<StatusRequestContext> {
        let router = Router(context: StatusRequestContext.self)
        router.add(
            middleware: AccessControl(
                access: access, gate: gate, limits: limits, registry: registry, logger: logger))
        let registry = registry
        let sources = sources
        router.get("/") { _, _ in Self.page() }
        router.get("/metrics") { _, _ in
            ProcessMetrics.update(registry)
            return Self.text(PrometheusText.render(registry), type: PrometheusText.contentType)
        }
        router.get("/healthz") { _, _ in Self.text("ok\n") }
        router.get("/readyz") { _, context in
            let readiness = await sources.readiness()
            let isReady = readiness.obstacles.isEmpty
            var lines = (isReady ? ["ready"] : readiness.obstacles) + readiness.remarks
            if context.right < .read {
                lines = [isReady ? "ready" : "not ready; the reasons are shown only to users who may read"]
            }
            return Self.text(lines.joined(separator: "\n") + "\n", status: isReady ? .ok : .serviceUnavailable)
        }
        router.get("/api/status") { request, _ in
            Self.json(await sources.status(StatusQuery(Self.query(request))))
        }
        router.get("/api/history") { request, _ in
            let parameters = Self.query(request)
            let own = HistoryDocument(sources.history, HistoryQuery(parameters))
            guard StatusQuery(parameters).scope == .flow else { return Self.json(own.json) }
            let others = await sources.others(request.uri.path + "?" + (request.uri.query ?? ""))
            return Self.json(own.joined(with: others.compactMap { HistoryDocument(json: $0) }).json)
        }
        router.get("/api/events") { request, _ in
            let after = Self.query(request)["after"].flatMap { Int($0) } ?? 0
            return Self.json(EventsDocument(events: sources.events.events(after: after)).json)
        }
        router.post("/api/reload") { _, _ in
            let answer = await sources.reload()
            return Self.json(answer.message + "\n", status: .init(code: answer.status))
        }
        for path: RouterPath in ["/api/flows/:name/:action", "/api/reload"] {
            router.get(path) { _, _ in
                var response = Self.text("this is asked for with POST\n", status: .methodNotAllowed)
                response.headers[.allow] = "POST"
                return response
            }
        }
        router.post("/api/flows/:name/:action") { request, context in
            await Self.control(request, context, sources)
        }
        return router
    }

    private static func control(
        _ request: Request, _ context: StatusRequestContext, _ sources: Sources
    ) async -> Response {
        guard let flow = context.parameters.get("name"),
            let action = context.parameters.get("action").flatMap({ FlowCommand.Action(rawValue: $0) })
        else { return text("there are the actions pause, resume and retry\n", status: .notFound) }
        let query = query(request)
        let topic = query["topic"]
        var partition: Int32?
        if let given = query["partition"] {
            guard let number = Int32(given), number >= 0, topic != nil else {
                return text("partition takes a number, beside topic\n", status: .badRequest)
            }
            partition = number
        }
        let answer = await sources.control(
            FlowCommand(flow: flow, action: action, topic: topic, partition: partition))
        return text(answer.message + "\n", status: .init(code: answer.status))
    }

    private static func query(_ request: Request) -> [String: String] {
        Dictionary(request.uri.queryParameters.map { (String($0.key), String($0.value)) }) { first, _ in first }
    }

    private static func page() -> Response {
        var response = text(StatusPage.html, type: "text/html; charset=utf-8")
        // Nothing from elsewhere is loaded or run, whatever a topic's name may contain.
        response.headers[.contentSecurityPolicy] =
            "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
            + "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        response.headers[.cacheControl] = "no-cache"
        return response
    }

    private static func json(_ body: String, status: HTTPResponse.Status = .ok) -> Response {
        var response = text(body, type: "application/json", status: status)
        response.headers[.cacheControl] = "no-store"
        return response
    }

    private static func text(
        _ body: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}

extension StatusQuery {
    fileprivate init(_ parameters: [String: String]) {
        self.init(
            partitions: PartitionSelection(parameters), scope: parameters["scope"] == "instance" ? .instance : .flow)
    }
}

extension PartitionSelection {
    fileprivate init(_ parameters: [String: String]) {
        if let topic = parameters["topic"] {
            self = .topic(topic)
        } else {
            self = parameters["partitions"] == "problems" ? .problems : .all
        }
    }
}

extension HistoryQuery {
    fileprivate init(_ parameters: [String: String]) {
        self.init(
            flow: parameters["flow"], topic: parameters["topic"], allTopics: parameters["topics"] == "all",
            points: parameters["points"].flatMap { Int($0) })
    }
}
