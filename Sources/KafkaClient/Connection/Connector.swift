import KafkaWire
import Logging
import NIOCore
import NIOPosix
import NIOSSL

/// Makes connections that are ready for requests: credentials, name, TCP, TLS, versions, authentication, in that order.
actor Connector {
    private let settings: ClusterSettings
    private let eventLoop: any EventLoop
    private let logger: Logger
    private var tls: TLSContexts
    /// Made at the first need, since it lives on the event loop.
    private var credentials: NIOLoopBound<CredentialSource>?
    private let authFailures: AuthFailureCounter

    nonisolated var unownedExecutor: UnownedSerialExecutor { eventLoop.executor.asUnownedSerialExecutor() }

    init(_ settings: ClusterSettings, eventLoop: any EventLoop, logger: Logger) {
        self.settings = settings
        self.eventLoop = eventLoop
        self.logger = logger
        tls = TLSContexts(settings.security.tls ?? TLSSettings(), logger: logger)
        authFailures = AuthFailureCounter(settings)
    }

    /// - Parameters:
    ///   - broker: the id of the broker at `address`, where it is known.
    ///   - patience: in place of `connectTimeout`, where it is shorter.
    func connect(
        to address: HostAndPort, broker: Int32?, within patience: Duration? = nil
    ) async throws(KafkaError) -> BrokerConnection {
        if let flaw = address.flaw {
            throw KafkaError(
                .connection(.impossibleAddress(flaw)), during: .connect, cluster: settings.name,
                broker: BrokerName(id: broker, address: address))
        }
        let deadline = NIODeadline.now() + TimeAmount(min(settings.connectTimeout, patience ?? settings.connectTimeout))
        do {
            // Before there is a connection: it must not wait for a token, and need not be made when there is none.
            let exchange = try await exchangeIfNeeded(for: address, deadline)
            do {
                return try await connect(to: address, broker, exchange, versionsVersion: 3, deadline: deadline)
            } catch let failure
                where failure.operation == .request(.apiVersions)
                && failure.reason == .connection(.closedByBroker)
            {
                // Brokers that do not know the version may just hang up; all know version 0.
                return try await connect(to: address, broker, exchange, versionsVersion: 0, deadline: deadline)
            }
        } catch {
            var operation = error.operation
            if case .connection(.tls) = error.reason {
                tls.distrust()
                // It shows when the first request is sent, which has nothing to do with it.
                operation = .connect
            }
            authFailures.count(error.reason, during: operation)
            throw KafkaError(
                error.reason, during: operation, cluster: settings.name,
                broker: BrokerName(id: broker, address: address))
        }
    }

    private struct Failure: Error {
        var reason: KafkaError.Reason
        var operation: Operation

        init(_ reason: KafkaError.Reason, during operation: Operation) {
            self.reason = reason
            self.operation = operation
        }
    }

    private func connect(
        to address: HostAndPort, _ broker: Int32?, _ exchange: SASLExchange?, versionsVersion: Int16,
        deadline: NIODeadline
    ) async throws(Failure) -> BrokerConnection {
        let handler = try await open(address, deadline)
        do {
            let versions = try await negotiate(handler.value, from: versionsVersion, deadline)
            if let exchange { try await authenticate(handler.value, address, exchange, versions, deadline) }
            logger.debug("connected", metadata: ["broker": "\(BrokerName(id: broker, address: address))"])
            return BrokerConnection(
                handler: handler, eventLoop: eventLoop, versions: versions, broker: broker, address: address,
                settings: settings)
        } catch {
            handler.value.close(because: .closed)
            throw error
        }
    }

    // TCP and TLS

    private func open(
        _ address: HostAndPort, _ deadline: NIODeadline
    ) async throws(Failure) -> NIOLoopBound<ConnectionHandler> {
        let tlsContext = try tlsContextIfNeeded()
        guard DescriptorReserve.claim() else {
            throw Failure(.connection(.descriptorsExhausted(limit: DescriptorReserve.limit)), during: .connect)
        }
        defer { DescriptorReserve.release() }
        let serverName = settings.security.tls?.serverName ?? (address.isIPAddress ? nil : address.host)
        let maximumFrameBytes = settings.maximumFrameBytes
        let remaining = max(.milliseconds(1), deadline - .now())
        do {
            return try await ClientBootstrap(group: eventLoop)
                .connectTimeout(remaining)
                .channelOption(.tcpOption(.tcp_nodelay), value: 1)
                .channelOption(.socketOption(.so_keepalive), value: 1)
                .connect(host: address.host, port: address.port) { channel in
                    channel.eventLoop.makeCompletedFuture {
                        if let tlsContext {
                            try channel.pipeline.syncOperations.addHandler(
                                NIOSSLClientHandler(context: tlsContext, serverHostname: serverName))
                        }
                        let handler = ConnectionHandler(maximumFrameBytes: maximumFrameBytes)
                        try channel.pipeline.syncOperations.addHandler(handler)
                        let bound = NIOLoopBound(handler, eventLoop: channel.eventLoop)
                        try channel.setReads(into: tlsContext == nil ? bound : nil)
                        return bound
                    }
                }
        } catch {
            switch ConnectionFailure(describing: error) {
            case .connectTimedOut:
                throw Failure(.connection(.connectTimedOut(after: settings.connectTimeout)), during: .connect)
            case let failure: throw Failure(.connection(failure), during: .connect)
            }
        }
    }

    /// Makes a TCP connection and closes it again.
    ///
    /// - Returns: why that is not possible; nil when it is.
    func obstacle(at address: HostAndPort, patience: Duration) async -> KafkaError.Reason? {
        if let flaw = address.flaw { return .connection(.impossibleAddress(flaw)) }
        // Without a descriptor to spare nothing is found out.
        guard DescriptorReserve.claim() else { return nil }
        defer { DescriptorReserve.release() }
        do {
            let channel = try await ClientBootstrap(group: eventLoop).connectTimeout(TimeAmount(patience))
                .connect(host: address.host, port: address.port).get()
            try? await channel.close()
            return nil
        } catch {
            switch ConnectionFailure(describing: error) {
            case .connectTimedOut: return .connection(.connectTimedOut(after: patience))
            case let failure: return .connection(failure)
            }
        }
    }

    private func tlsContextIfNeeded() throws(Failure) -> NIOSSLContext? {
        guard settings.security.protocol.usesTLS else { return nil }
        do { return try tls.next() } catch { throw Failure(error, during: .connect) }
    }

    // Versions

    /// Asks what the broker speaks (KIP-35, KIP-511).
    private func negotiate(
        _ handler: ConnectionHandler, from first: Int16, _ deadline: NIODeadline
    ) async throws(Failure) -> NegotiatedVersions {
        var version = first
        while true {
            let response = try await askVersions(handler, version, deadline)
            switch response.errorCode {
            case .none:
                return NegotiatedVersions(response)
            case .unsupportedVersion where version > 0:
                // The answer names what would do; very old brokers name nothing.
                let named = response.apiKeys.first { $0.apiKey == ApiKey.apiVersions.rawValue }?.maxVersion ?? 0
                version = max(0, min(named, version - 1))
            case let code:
                throw Failure(.broker(code, message: nil), during: .request(.apiVersions))
            }
        }
    }

    private func askVersions(
        _ handler: ConnectionHandler, _ version: Int16, _ deadline: NIODeadline
    ) async throws(Failure) -> ApiVersionsResponse {
        let operation = Operation.request(.apiVersions)
        let slot = Promise<ApiVersionsResponse, KafkaError>()
        let error = KafkaError(.cancelled, during: operation, cluster: settings.name)
        let timeout = Duration(max(.milliseconds(1), deadline - .now()))
        let connectTimeout = settings.connectTimeout
        do {
            var request = ApiVersionsRequest()
            request.clientSoftwareName = settings.identity.name
            request.clientSoftwareVersion = settings.identity.version
            let clientID = settings.clientID
            try handler.send(.apiVersions, timeout: timeout) { answer in
                var (result, wireError) = ApiVersionsResponse.understandAnyVersion(answer, version: version)
                if case .failure(let reason) = result {
                    result = .failure(reason.whileConnecting(within: connectTimeout))
                }
                slot.set(
                    result.mapError { reason in
                        var error = error
                        error.reason = reason
                        return error
                    })
                return wireError
            } encode: { correlationID throws(WireError) in
                try request.encodeFrame(version: version, correlationID: correlationID, clientID: clientID)
            }
        } catch {
            throw Failure(error, during: operation)
        }
        do { return try await slot.value(cancelled: error) } catch {
            throw Failure(error.reason, during: operation)
        }
    }

    // Authentication

    /// Fresh credentials; nil when the protocol asks for none.
    private func exchangeIfNeeded(
        for address: HostAndPort, _ deadline: NIODeadline
    ) async throws(Failure) -> SASLExchange? {
        guard settings.security.protocol.usesSASL else { return nil }
        guard let sasl = settings.security.sasl else {
            throw Failure(
                .configuration(
                    "\(settings.security.protocol.rawValue) needs sasl settings: mechanism, username, password"),
                during: .authenticate)
        }
        let source = source(sasl)
        let slot = Promise<SASLExchange, KafkaError>()
        let cancelled = KafkaError(.cancelled, during: .authenticate, cluster: settings.name)
        var late = cancelled
        late.reason = .credentialsUnavailable("they did not come within \(settings.connectTimeout)")
        // Some take several requests, each with a time-out of its own.
        let timer = eventLoop.scheduleTask(deadline: deadline) { [late] in _ = slot.set(.failure(late)) }
        source.exchange(for: address.host).whenComplete { result in
            timer.cancel()
            slot.set(
                result.mapError { error in
                    var failure = cancelled
                    failure.reason = KafkaError.Reason(credentials: error)
                    return failure
                })
        }
        do { return try await slot.value(cancelled: cancelled) } catch {
            throw Failure(error.reason, during: .authenticate)
        }
    }

    private func source(_ sasl: SASLSettings) -> CredentialSource {
        if let credentials { return credentials.value }
        // Before time is up for the whole, so that it is known who did not answer.
        let source = CredentialSource(
            sasl, identity: settings.identity, on: eventLoop, logger: logger,
            timeout: min(settings.connectTimeout * 4 / 5, .seconds(10)))
        credentials = NIOLoopBound(source, eventLoop: eventLoop)
        return source
    }

    private func authenticate(
        _ handler: ConnectionHandler, _ address: HostAndPort, _ exchange: SASLExchange,
        _ versions: NegotiatedVersions, _ deadline: NIODeadline
    ) async throws(Failure) {
        let slot = Promise<Duration?, KafkaError>()
        let error = KafkaError(.cancelled, during: .authenticate, cluster: settings.name)
        Authentication.begin(
            on: handler, exchange, clientID: settings.clientID, versions: versions,
            timeout: Duration(max(.milliseconds(1), deadline - .now()))
        ) { result in
            slot.set(
                result.mapError { reason in
                    var error = error
                    error.reason = reason
                    return error
                })
        }
        do {
            guard let lifetime = try await slot.value(cancelled: error), let credentials else { return }
            let authFailures = authFailures
            Reauthentication(
                credentials.value, host: address.host, settings: settings, versions: versions, logger: logger
            ) { reason in
                authFailures.count(reason, during: .authenticate)
            }.schedule(on: handler, lifetime: lifetime)
        } catch {
            credentials?.value.failed(error.reason)
            throw Failure(error.reason, during: .authenticate)
        }
    }
}

extension ApiVersionsResponse {
    /// A broker that does not know the version asked with answers error 35 in the form of version 0.
    fileprivate static func understandAnyVersion(
        _ frame: Result<ByteBuffer, KafkaError.Reason>, version: Int16
    ) -> (Result<Self, KafkaError.Reason>, WireError?) {
        guard case .success(let bytes) = frame,
            bytes.getInteger(at: bytes.readerIndex, as: Int16.self) == ErrorCode.unsupportedVersion.rawValue
        else { return understand(frame, version: version) }
        let (named, malformed) = understand(frame, version: 0)
        guard malformed != nil else { return (named, nil) }
        // Some put the error into another form; what they would speak instead is then not known.
        var unnamed = ApiVersionsResponse()
        unnamed.errorCode = .unsupportedVersion
        return (.success(unnamed), nil)
    }
}

extension KafkaError.Reason {
    /// Failures before the first answer say something about the listener.
    fileprivate func whileConnecting(within timeout: Duration) -> KafkaError.Reason {
        switch self {
        case .timedOut: .connection(.connectTimedOut(after: timeout))
        case .wire(.frameTooLarge(let announced, _)) where announced >> 16 == 0x1503:
            // A TLS alert, read as a length.
            .connection(.tls("the listener speaks TLS, and this cluster is configured without; use SSL or SASL_SSL"))
        default: self
        }
    }
}

extension Channel {
    /// Sets how the socket is read: into the frames of `handler`, or, where TLS has to take the bytes first, in pieces.
    fileprivate func setReads(into handler: NIOLoopBound<ConnectionHandler>?) throws {
        guard let options = syncOptions else { return }
        if let handler {
            try options.setOption(.maxMessagesPerRead, value: 1)
            try options.setOption(.recvAllocator, value: ReadsIntoPlace(handler: handler))
        } else {
            // Larger reads leave the processor's cache before they are decrypted: 64 KiB measured best.
            try options.setOption(.maxMessagesPerRead, value: 16)
            let pieces = AdaptiveRecvByteBufferAllocator(minimum: 16 << 10, initial: 64 << 10, maximum: 64 << 10)
            try options.setOption(.recvAllocator, value: pieces)
        }
    }
}

extension HostAndPort {
    /// An address rather than a name. TLS must not send those as a server name. Only of one without ``flaw``.
    var isIPAddress: Bool { (try? SocketAddress(ipAddress: host, port: port)) != nil }
}
