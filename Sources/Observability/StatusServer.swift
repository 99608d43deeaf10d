internal import HTTPTypes
internal import Hummingbird
public import Logging
internal import NIOCore
public import ServiceLifecycle

/// Serves `/metrics`, `/healthz`, `/readyz` and `/api/status` until shutdown.
public struct StatusServer: Service {
    /// What the endpoints tell about the process.
    public struct Sources: Sendable {
        /// The state of all flows as a JSON document.
        public var status: @Sendable () async -> String
        /// Why the process is not ready; empty when it is.
        public var obstacles: @Sendable () async -> [String]

        public init(
            status: @escaping @Sendable () async -> String, obstacles: @escaping @Sendable () async -> [String]
        ) {
            self.status = status
            self.obstacles = obstacles
        }
    }

    private let host: String
    private let port: Int
    private let registry: MetricsRegistry
    private let sources: Sources
    private let logger: Logger
    private let onListening: @Sendable (Int) async -> Void

    /// - Parameter onListening: told the port, which matters when 0 was asked for.
    public init(
        host: String, port: Int, registry: MetricsRegistry, sources: Sources, logger: Logger,
        onListening: @escaping @Sendable (Int) async -> Void = { _ in }
    ) {
        self.host = host
        self.port = port
        self.registry = registry
        self.sources = sources
        self.logger = logger
        self.onListening = onListening
    }

    /// - Throws: when the address cannot be listened on.
    public func run() async throws {
        var quiet = logger
        quiet.logLevel = .warning
        let application = Application(
            router: router(), configuration: .init(address: .hostname(host, port: port), serverName: "replicator"),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? 0) }, logger: quiet)
        try await application.run()
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        let registry = registry
        let sources = sources
        router.get("/metrics") { _, _ in
            Self.text(PrometheusText.render(registry), type: PrometheusText.contentType)
        }
        router.get("/healthz") { _, _ in Self.text("ok\n") }
        router.get("/readyz") { _, _ in
            let obstacles = await sources.obstacles()
            guard !obstacles.isEmpty else { return Self.text("ready\n") }
            return Self.text(obstacles.joined(separator: "\n") + "\n", status: .serviceUnavailable)
        }
        router.get("/api/status") { _, _ in Self.text(await sources.status(), type: "application/json") }
        return router
    }

    private static func text(
        _ body: String, type: String = "text/plain; charset=utf-8", status: HTTPResponse.Status = .ok
    ) -> Response {
        Response(
            status: status, headers: [.contentType: type], body: ResponseBody(byteBuffer: ByteBuffer(string: body)))
    }
}
