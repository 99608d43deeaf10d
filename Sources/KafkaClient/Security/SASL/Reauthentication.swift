import KafkaWire
import Logging
import NIOCore

/// Renews a session that the broker limits in time, well before it ends (KIP-368).
///
/// The new handshake goes out behind the requests that are on their way, whose answers come first; requests made
/// meanwhile wait until it is done. None of them fails.
final class Reauthentication {
    private let source: CredentialSource
    private let host: String
    private let settings: ClusterSettings
    private let versions: NegotiatedVersions
    private let logger: Logger
    /// Told of each failure, before the connection closes.
    private let report: (KafkaError.Reason) -> Void
    /// The log has heard that the session cannot be renewed yet.
    private var isLate = false

    init(
        _ source: CredentialSource, host: String, settings: ClusterSettings, versions: NegotiatedVersions,
        logger: Logger, report: @escaping (KafkaError.Reason) -> Void
    ) {
        self.source = source
        self.host = host
        self.settings = settings
        self.versions = versions
        self.logger = logger
        self.report = report
    }

    /// Between 85 and 95 percent of the session's life, as Kafka's own clients do, so that many do not come at once.
    func schedule(on handler: ConnectionHandler, lifetime: Duration) {
        let end = NIODeadline.now() + TimeAmount(lifetime)
        handler.schedule(in: lifetime * Double.random(in: 0.85...0.95)) { self.fetchCredentials(handler, until: end) }
    }

    /// Requests continue as usual meanwhile: the session still holds.
    private func fetchCredentials(_ handler: ConnectionHandler, until end: NIODeadline) {
        source.exchange(for: host).assumeIsolated().whenComplete { result in
            guard handler.isOpen else { return }
            switch result {
            case .success(let exchange): self.authenticate(handler, exchange)
            case .failure(let error): self.failed(handler, KafkaError.Reason(credentials: error), until: end)
            }
        }
    }

    /// Credentials that cannot be had now may be had in time.
    private func failed(_ handler: ConnectionHandler, _ reason: KafkaError.Reason, until end: NIODeadline) {
        report(reason)
        let left = Duration(end - .now())
        guard case .credentialsUnavailable = reason, left > Self.tooLate else { return handler.close(because: reason) }
        if !isLate {
            isLate = true
            logger.warning(
                "the session cannot be renewed yet",
                metadata: ["reason": "\(reason.words)", "sessionEndsIn": "\(left)"])
        }
        handler.schedule(in: max(left / 2, Self.tooLate)) { self.fetchCredentials(handler, until: end) }
    }

    private static let tooLate: Duration = .milliseconds(100)

    private func authenticate(_ handler: ConnectionHandler, _ exchange: SASLExchange) {
        // Answers come in order: those that are waited for already may take their own time first.
        let timeout = settings.connectTimeout + handler.longestWait
        handler.holdRequests()
        Authentication.begin(
            on: handler, exchange, clientID: settings.clientID, versions: versions, timeout: timeout
        ) { result in
            switch result {
            case .failure(let reason):
                self.source.failed(reason)
                // A connection that went away by itself has told its own reason.
                if handler.isOpen { self.report(reason) }
                handler.close(because: reason)
            case .success(let lifetime):
                self.logger.log(
                    level: self.isLate ? .info : .debug, "the session was renewed",
                    metadata: ["lifetime": "\(lifetime ?? .zero)"])
                self.isLate = false
                handler.releaseRequests()
                if let lifetime { self.schedule(on: handler, lifetime: lifetime) }
            }
        }
    }
}
