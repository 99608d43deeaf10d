internal import FoundationEssentials
internal import Glibc
internal import HTTPTypes
internal import Hummingbird
internal import KafkaBroker
internal import Logging
internal import NIOCore
internal import ServiceLifecycle

/// The HTTP endpoint of `replicator broker --control`: state and faults, in JSON (see Docs/Broker.md).
///
/// It has no authentication: whoever reaches it commands the cluster, but for the pages that a browser has open
/// (``ControlAccess``).
struct ControlServer: Service {
    let cluster: EmbeddedCluster
    let host: String
    let port: Int
    let access: ControlAccess
    let logger: Logger
    /// Told the port, which matters when 0 was asked for.
    let onListening: @Sendable (Int) async -> Void

    func run() async throws {
        var quiet = logger
        quiet.logLevel = .error
        let application = Application(
            router: router(),
            server: .http1(
                configuration: .init(
                    idleTimeout: Self.idleTimeout,
                    httpDecoderConfiguration: .init(
                        maxHeaderFieldSize: 8 << 10, maxHeaderListSize: 16 << 10, maxHeaderFieldCount: 100))),
            configuration: .init(
                address: .hostname(host, port: port), serverName: "replicator",
                availableConnectionsDelegate: .maximum(Self.mostConnections, logger: quiet)),
            onServerRunning: { channel in await onListening(channel.localAddress?.port ?? port) }, logger: quiet)
        do {
            try await application.run()
        } catch let error as IOError {
            let reason = String(cString: strerror(error.errnoCode))
            throw Failure("--control: cannot listen on \(host):\(port): \(reason); choose another address")
        }
    }

    private func router() -> Router<BasicRequestContext> {
        let router = Router()
        router.add(middleware: FailureAnswers())
        router.add(middleware: AccessCheck(access: access))
        router.get("/") { _, _ in try Self.json(await cluster.snapshot()) }
        addNodes(to: router)
        addTopics(to: router)
        addPartitions(to: router)
        addInterceptions(to: router)
        router.post("/connections/cut") { request, _ in
            _ = try await Self.body(request, EmptyBody.self)
            return try Self.json(["cut": try await cluster.cutConnections()])
        }
        router.post("/clock") { request, _ in
            try await cluster.jumpClock(byMilliseconds: try await Self.body(request, ClockBody.self).jumpMs)
            return try Self.json(["clockOffset": await cluster.snapshot().clockOffset])
        }
        router.post("/disk") { request, _ in
            let disk = try await Self.body(request, DiskBody.self)
            try cluster.setDisk(delay: disk.delayMs ?? 0, bytesLeft: disk.bytesLeft)
            return try Self.done()
        }
        return router
    }

    private func addNodes(to router: Router<BasicRequestContext>) {
        router.post("/nodes/:node/stop") { request, context in
            let isControlled = try await Self.body(request, StopBody.self).controlled ?? false
            try await cluster.stop(node: try Self.number(context, "node"), isControlled: isControlled)
            return try Self.done()
        }
        let actions: [(RouterPath, @Sendable (Int32) async throws -> Void)] = [
            ("/nodes/:node/start", { try await cluster.start(node: $0) }),
            ("/nodes/:node/freeze", { try await cluster.freeze(node: $0) }),
            ("/nodes/:node/thaw", { try await cluster.thaw(node: $0) }),
            ("/nodes/:node/cut", { try await cluster.cutConnections(node: $0) }),
        ]
        for (path, action) in actions {
            router.post(path) { request, context in
                _ = try await Self.body(request, EmptyBody.self)
                try await action(try Self.number(context, "node"))
                return try Self.done()
            }
        }
    }

    private func addTopics(to router: Router<BasicRequestContext>) {
        router.post("/topics/:topic/recreate") { request, context in
            _ = try await Self.body(request, EmptyBody.self)
            return try Self.json(["id": try await cluster.recreateTopic(try context.parameters.require("topic"))])
        }
        router.post("/topics/:topic/markers") { request, context in
            let isRefused = try await Self.body(request, MarkersBody.self).refused
            await cluster.setMarkers(refused: isRefused, topic: try context.parameters.require("topic"))
            return try Self.done()
        }
    }

    private func addPartitions(to router: Router<BasicRequestContext>) {
        let partition = "/topics/:topic/partitions/:partition"
        router.post("\(partition)/leader") { request, context in
            let (topic, index) = try Self.partition(context)
            let node = try await Self.body(request, LeaderBody.self).node
            try await cluster.moveLeader(topic: topic, partition: index, to: node)
            return try Self.done()
        }
        router.post("\(partition)/truncate") { request, context in
            let (topic, index) = try Self.partition(context)
            let offset = try await Self.body(request, TruncateBody.self).offset
            return try Self.json(
                ["logEndOffset": try await cluster.truncate(topic: topic, partition: index, to: offset)])
        }
        router.post("\(partition)/compact") { request, context in
            let (topic, index) = try Self.partition(context)
            _ = try await Self.body(request, EmptyBody.self)
            let size = try await cluster.compact(topic: topic, partition: index)
            return try Self.json(["bytesBefore": size.before, "bytesAfter": size.after])
        }
        router.post("\(partition)/expire") { request, context in
            let (topic, index) = try Self.partition(context)
            let body = try await Self.body(request, ExpireBody.self)
            let start: Int64
            switch (body.offset, body.olderThan) {
            case (let offset?, nil):
                start = try await cluster.expire(topic: topic, partition: index, before: offset)
            case (nil, let time?):
                start = try await cluster.expire(topic: topic, partition: index, olderThan: time)
            default: throw ControlFailure(.invalidRequest, "either \"offset\" or \"olderThan\" is needed")
            }
            return try Self.json(["logStartOffset": start])
        }
    }

    private func addInterceptions(to router: Router<BasicRequestContext>) {
        router.get("/interceptions") { _, _ in try Self.json(waiting) }
        router.post("/interceptions") { request, _ in
            let wanted = try await Self.body(request, InterceptionBody.self)
            if let node = wanted.node, !(1...cluster.ports.count).contains(Int(node)) {
                throw ControlFailure(.notFound, "there is no node \(node); the cluster has 1 to \(cluster.ports.count)")
            }
            cluster.intercept(
                try wanted.apiKey(), times: try wanted.count(), node: wanted.node, topic: wanted.topic,
                try wanted.interceptAction())
            return try Self.json(waiting)
        }
        router.delete("/interceptions") { _, _ in
            cluster.removeInterceptions()
            return try Self.json(waiting)
        }
    }

    private var waiting: [String: [InterceptionBody]] {
        ["interceptions": cluster.waitingInterceptions.map(InterceptionBody.init)]
    }
}

// Reading and writing

extension ControlServer {
    private static let bodyLimit = 64 << 10
    private static let bodyTimeout: Duration = .seconds(10)
    /// Between requests, and for a header to arrive.
    private static let idleTimeout: TimeAmount = .seconds(30)
    private static let mostConnections = 64

    private static func body<Body: ControlBody>(_ request: Request, _ type: Body.Type) async throws -> Body {
        let bytes = try await withThrowingTaskGroup(of: ByteBuffer?.self) { group in
            group.addTask {
                var request = request
                return try await request.collectBody(upTo: bodyLimit)
            }
            group.addTask {
                try await Task.sleep(for: bodyTimeout)
                return nil
            }
            defer { group.cancelAll() }
            return try await group.next() ?? nil
        }
        guard let bytes else { throw ControlFailure(.timedOut, "the body did not come within \(bodyTimeout)") }
        return try Body.decode(Array(bytes.readableBytesView))
    }

    private static func number(_ context: BasicRequestContext, _ name: String) throws(ControlFailure) -> Int32 {
        let text = context.parameters.get(name) ?? ""
        guard let number = Int32(text), number >= 0 else {
            throw ControlFailure(.invalidRequest, "'\(text)' is not a \(name) number")
        }
        return number
    }

    private static func partition(_ context: BasicRequestContext) throws -> (String, Int32) {
        (try context.parameters.require("topic"), try number(context, "partition"))
    }

    private static func done() throws -> Response {
        try json([String: String]())
    }

    fileprivate static func json(_ value: some Encodable, status: HTTPResponse.Status = .ok) throws -> Response {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        var bytes = ByteBuffer(bytes: try encoder.encode(value))
        bytes.writeString("\n")
        return Response(
            status: status, headers: [.contentType: "application/json", .xContentTypeOptions: "nosniff"],
            body: ResponseBody(byteBuffer: bytes))
    }
}

/// Answers errors as JSON: `{"error": {"code": …, "reason": …}}`.
private struct FailureAnswers: RouterMiddleware {
    typealias Context = BasicRequestContext

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        let failure: ControlFailure
        do {
            return try await next(request, context)
        } catch let error as ControlFailure {
            failure = error
        } catch let error as BrokerError {
            failure = ControlFailure(error)
        } catch let error as HTTPError where error.status == .notFound {
            failure = ControlFailure(.notFound, "\(request.method) \(request.uri.path) is not part of this endpoint")
        } catch let error as HTTPError {
            failure = ControlFailure(.invalidRequest, error.body ?? "\(error.status)")
        }
        return try ControlServer.json(["error": failure], status: failure.status)
    }
}

/// Turns away what is not meant for this endpoint, before anything of it is read.
private struct AccessCheck: RouterMiddleware {
    typealias Context = BasicRequestContext

    let access: ControlAccess

    func handle(
        _ request: Request, context: Context, next: (Request, Context) async throws -> Response
    ) async throws -> Response {
        if let failure = access.refusal(of: request.head) { throw failure }
        return try await next(request, context)
    }
}
