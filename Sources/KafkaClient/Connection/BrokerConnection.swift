public import KafkaWire
import NIOCore

/// A connection that is ready for requests: connected, versions agreed on, authenticated.
///
/// It is isolated to its channel's event loop, so callers on that loop pay no hop. Requests are pipelined: they are
/// written in the order of the calls, and answered in that order. A failure that costs the stream its place closes
/// the connection, and all who wait or come later are told the first cause.
public actor BrokerConnection {
    /// The broker's id; nil on a connection to a bootstrap server, whose id is not known.
    public nonisolated let broker: Int32?
    public nonisolated let address: HostAndPort
    /// The versions that the broker speaks.
    public nonisolated let versions: NegotiatedVersions

    nonisolated let eventLoop: any EventLoop
    /// For callers that are on the event loop already, though not isolated to this actor.
    nonisolated let handler: NIOLoopBound<ConnectionHandler>
    private nonisolated let settings: ClusterSettings

    public nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(
        handler: NIOLoopBound<ConnectionHandler>, eventLoop: any EventLoop, versions: NegotiatedVersions,
        broker: Int32?, address: HostAndPort, settings: ClusterSettings
    ) {
        self.handler = handler
        self.eventLoop = eventLoop
        self.versions = versions
        self.broker = broker
        self.address = address
        self.settings = settings
    }

    /// True if requests can be submitted. A broken connection stays so.
    public var isOpen: Bool { handler.value.isOpen }

    /// Requests that are written and not yet answered.
    public var requestsInFlight: Int { handler.value.requestsInFlight }

    /// The time to the broker and back: what the quickest answer took so far. For callers on the event loop.
    public nonisolated var roundTrip: Duration { handler.value.quickestAnswer.map { Duration($0) } ?? .zero }

    /// Closes the connection; unanswered requests fail.
    public func close() {
        handler.value.close(because: .closed)
    }

    /// The version to use: the highest that both sides know and ``ClientVersions`` has, within `bounds`.
    ///
    /// - Throws: `.unsupported` when there is none.
    public nonisolated func version<R: KafkaRequest>(
        of request: R.Type, within bounds: ClosedRange<Int16>? = nil
    ) throws(KafkaError) -> Int16 {
        let needed = ClientVersions.range(of: R.self, within: bounds)
        if let version = versions.version(of: request, within: needed) { return version }
        throw error(.unsupported(R.apiKey, needed: needed, offered: versions.range(of: R.apiKey)), R.apiKey)
    }

    /// Writes a request now, in the order of calls; the answer is awaited separately.
    ///
    /// - Parameter version: nil for the highest that both sides know.
    /// - Parameter timeout: how long the answer may take; a request that is not answered in time closes the connection.
    public func submit<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, timeout: Duration? = nil
    ) throws(KafkaError) -> PendingReply<R.Response> {
        let slot = Promise<R.Response, KafkaError>()
        try submit(request, version: version, timeout: timeout) { slot.set($0) }
        return PendingReply(slot: slot, cancelled: error(.cancelled, R.apiKey))
    }

    /// Writes a request now, in the order of calls.
    ///
    /// - Parameter answered: called exactly once, on the connection's event loop, unless this throws.
    package func submit<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, timeout: Duration? = nil,
        answered: @escaping @Sendable (Result<R.Response, KafkaError>) -> Void
    ) throws(KafkaError) {
        let version = try chosen(version, R.self)
        let name = name
        let cluster = settings.name
        try write(request, version: version, timeout: timeout ?? settings.requestTimeout) { answer in
            let (result, wireError) = R.Response.understand(answer, version: version)
            answered(
                result.mapError {
                    KafkaError($0, during: .request(R.apiKey), cluster: cluster, broker: name)
                })
            return wireError
        }
    }

    /// Writes a request and waits for its answer.
    public func send<R: KafkaRequest>(
        _ request: R, version: Int16? = nil, timeout: Duration? = nil
    ) async throws(KafkaError) -> R.Response {
        try await submit(request, version: version, timeout: timeout).value()
    }

    // Those of the hot path have no type parameters: what depends on them would be looked up for each request.

    /// Writes a Produce request now, see ``submit(_:version:timeout:answered:)``.
    package func produce(
        _ request: ProduceRequest, version: Int16,
        answered: @escaping @Sendable (Result<ProduceResponse, KafkaError>) -> Void
    ) throws(KafkaError) {
        try submit(request, version: version, answered: answered)
    }

    /// Writes a Fetch request and waits for its answer.
    package func fetch(_ request: FetchRequest, version: Int16) async throws(KafkaError) -> FetchResponse {
        try await send(request, version: version)
    }

    /// Writes a request that the broker does not answer: Produce with `acks` 0.
    public func submitWithoutReply<R: KafkaRequest>(_ request: R, version: Int16? = nil) throws(KafkaError) {
        try write(request, version: try chosen(version, R.self), timeout: .zero, reply: nil)
    }

    private nonisolated func chosen<R: KafkaRequest>(_ version: Int16?, _: R.Type) throws(KafkaError) -> Int16 {
        if let version { return version }
        return try self.version(of: R.self)
    }

    private func write<R: KafkaRequest>(
        _ request: R, version: Int16, timeout: Duration, reply: ConnectionHandler.Reply?
    ) throws(KafkaError) {
        do {
            try handler.value.send(R.apiKey, timeout: timeout, reply: reply) { correlationID throws(WireError) in
                try request.encodeFrame(version: version, correlationID: correlationID, clientID: settings.clientID)
            }
        } catch {
            throw self.error(error, R.apiKey)
        }
    }

    private nonisolated var name: BrokerName { BrokerName(id: broker, address: address) }

    private nonisolated func error(_ reason: KafkaError.Reason, _ api: ApiKey) -> KafkaError {
        KafkaError(reason, during: .request(api), cluster: settings.name, broker: name)
    }
}

extension KafkaResponse {
    /// No other client minds bytes behind an answer, so there are brokers that write some (librdkafka's mock, in Metadata).
    private static func decodeGenerously(_ frame: ByteBuffer, version: Int16) throws(WireError) -> Self {
        do throws(WireError) {
            return try decodeFrame(frame, version: version)
        } catch {
            guard case .trailingBytes(_, let count) = error,
                let message = frame.getSlice(at: frame.readerIndex, length: frame.readableBytes - count)
            else { throw error }
            return try decodeFrame(message, version: version)
        }
    }

    /// The answer in `frame`, and for the connection the reason why its bytes make no sense.
    static func understand(
        _ frame: Result<ByteBuffer, KafkaError.Reason>, version: Int16
    ) -> (Result<Self, KafkaError.Reason>, WireError?) {
        switch frame {
        case .failure(let reason): return (.failure(reason), nil)
        case .success(let bytes):
            do throws(WireError) {
                return (.success(try decodeGenerously(bytes, version: version)), nil)
            } catch {
                return (.failure(.wire(error)), error)
            }
        }
    }
}
