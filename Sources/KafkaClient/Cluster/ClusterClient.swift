public import KafkaWire
public import Logging
public import NIOCore

/// A cluster as seen from one event loop: its brokers, who leads what, and connections that are opened when needed.
///
/// The client and all of its connections live on that one loop, so a task on the same loop pays no hop, and nothing is
/// locked. For more cores, make more clients.
public actor ClusterClient {
    public nonisolated let settings: ClusterSettings
    public nonisolated let eventLoop: any EventLoop

    let logger: Logger
    var random: any RandomNumberGenerator
    var cache = MetadataCache()
    var coordinators: [Coordinator: Int32] = [:]
    var pool = ConnectionPool()
    let connector: Connector
    var unreadableRecords = UnreadableRecords()
    var isClosed = false
    /// The id of the cluster that this client talks to; nil before one has told it.
    var identity: String?
    /// New connections are asked for the cluster's id before they are used.
    var checksConnections: Bool
    /// Time since which no metadata request was answered; nil while they are.
    var unansweredSince: NIODeadline?
    /// The calls that wait for the refresh that another one is doing.
    var refreshWaiters: [Promise<Void, KafkaError>]?

    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    /// - Parameter random: spreads pauses and the choice of bootstrap server; tests hand in a seeded one.
    public init(
        _ settings: ClusterSettings, eventLoop: any EventLoop, logger: Logger,
        random: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator()
    ) {
        var logger = logger
        logger[metadataKey: "cluster"] = "\(settings.name)"
        self.settings = settings
        self.eventLoop = eventLoop
        self.logger = logger
        self.random = random
        identity = settings.clusterID
        checksConnections = settings.clusterID != nil
        connector = Connector(settings, eventLoop: eventLoop, logger: logger)
    }

    /// Sends a request once, and waits for its answer. Error codes inside the answer are the caller's to read.
    ///
    /// - Parameter versions: bounds on the version, when the request uses fields that not all versions have.
    public func send<Request: KafkaRequest>(
        _ request: Request, to target: BrokerTarget, purpose: ConnectionPurpose = .admin,
        versions: ClosedRange<Int16>? = nil, timeout: Duration? = nil
    ) async throws(KafkaError) -> Request.Response {
        let connection = try await connection(for: target, purpose: purpose)
        let version = try connection.version(of: Request.self, within: versions)
        return try await connection.send(request, version: version, timeout: timeout)
    }

    /// The versions and features of a broker; of one for all, since a cluster runs one release but for an upgrade.
    public func brokerVersions() async throws(KafkaError) -> NegotiatedVersions {
        try await connection(for: .any, purpose: .admin).versions
    }

    /// Closes all connections. Requests on their way and later calls fail with `.closed`.
    public func close() async {
        isClosed = true
        for connection in pool.removeAll() { connection.handler.value.close(because: .closed) }
    }

    func error(_ reason: KafkaError.Reason, during operation: Operation) -> KafkaError {
        KafkaError(reason, during: operation, cluster: settings.name)
    }

    /// Sleeps, or says that the task was cancelled.
    func pause(_ duration: Duration, during operation: Operation) async throws(KafkaError) {
        guard duration > .zero else { return }
        do { try await Task.sleep(for: duration) } catch { throw self.error(.cancelled, during: operation) }
    }
}
