import ForeignErrors
import Logging
import NIOCore

/// A credential that is fetched over the network, shared by all connections of a client. Whoever asks while it is
/// being fetched waits for the same answer. Lives on one event loop.
final class RenewedCredential<Value: Sendable> {
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let now: @Sendable () -> Double
    private let expiry: (Value) -> Double?
    private let fetch: (_ host: String) -> EventLoopFuture<Value>
    private var renewal = CredentialRenewal<Value>()
    private var waiting: [EventLoopPromise<Value>] = []
    /// The log has heard that it cannot be renewed.
    private var isFailing = false
    private var random = SystemRandomNumberGenerator()

    init(
        on eventLoop: any EventLoop, logger: Logger, now: @escaping @Sendable () -> Double,
        expiry: @escaping (Value) -> Double?, fetch: @escaping (_ host: String) -> EventLoopFuture<Value>
    ) {
        self.eventLoop = eventLoop
        self.logger = logger
        self.now = now
        self.expiry = expiry
        self.fetch = fetch
    }

    /// On the event loop.
    ///
    /// - Parameter host: on whose behalf it is fetched, should it need to be.
    /// - Returns: fails with ``CredentialFailure``.
    func value(for host: String) -> EventLoopFuture<Value> {
        switch renewal.step(at: now()) {
        case .use(let value): return eventLoop.makeSucceededFuture(value)
        case .wait(let cause): return eventLoop.makeFailedFuture(cause)
        case .renew: break
        }
        let promise = eventLoop.makePromise(of: Value.self)
        waiting.append(promise)
        if waiting.count == 1 { fetch(host).assumeIsolated().whenComplete { self.fetched($0) } }
        return promise.futureResult
    }

    /// The broker did not take the present one.
    func refused() {
        renewal.refused(at: now())
    }

    private func fetched(_ result: Result<Value, any Error>) {
        let waiters = waiting
        waiting = []
        switch result {
        case .success(let value):
            if isFailing { logger.info("credentials are renewed again") }
            isFailing = false
            renewal.renewed(value, expiry: expiry(value), at: now(), using: &random)
            for waiter in waiters { waiter.succeed(value) }
        case .failure(let error):
            let cause = error as? CredentialFailure ?? .unavailable(ForeignError.words(error))
            let old = renewal.failed(cause, at: now(), using: &random)
            if old != nil, !isFailing {
                isFailing = true
                logger.warning(
                    "credentials could not be renewed; the present ones are used as long as they hold",
                    metadata: ["reason": "\(cause.reason.words)"])
            }
            for waiter in waiters {
                if let old { waiter.succeed(old) } else { waiter.fail(cause) }
            }
        }
    }
}
