/// The state of a connection's authentication, which decides what it may ask for.
///
/// Decides only: times come in, and the caller closes the connection when told.
final class ConnectionAuthentication {
    /// The principal of a connection, and when it expires.
    private struct Session {
        let principal: Principal
        let mechanism: SASLMechanism?
        /// Steady milliseconds; nil for ever.
        let end: Int64?
    }

    private struct Exchange {
        let mechanism: SASLMechanism
        var machine: any SASLExchange
        /// Tokens come in SaslAuthenticate requests; after the handshake's version 0 they come bare.
        let isFramed: Bool
        /// The session that is being renewed.
        let previous: Session?
    }

    private enum Stage {
        /// TLS or SASL has not begun.
        case unknown
        case exchanging(Exchange)
        case authenticated(Session)
        case failed
    }

    /// The decision about a request.
    enum Admission: Equatable {
        case handle
        /// The connection is not authenticated, or no longer.
        case close(String)
    }

    let listener: SecuredListener
    private var stage: Stage

    init(_ listener: SecuredListener) {
        self.listener = listener
        let isOpen = listener.definition.securityProtocol == .plaintext
        stage = isOpen ? .authenticated(Session(principal: .anonymous, mechanism: nil, end: nil)) : .unknown
    }

    /// The connection's principal; anonymous before that is known.
    var principal: Principal {
        switch stage {
        case .authenticated(let session): session.principal
        case .exchanging(let exchange): exchange.previous?.principal ?? .anonymous
        case .unknown, .failed: .anonymous
        }
    }

    var isAuthenticated: Bool {
        switch stage {
        case .authenticated: true
        case .exchanging(let exchange): exchange.previous != nil
        case .unknown, .failed: false
        }
    }

    /// The next frame is a bare SASL token.
    var expectsBareToken: Bool {
        if case .exchanging(let exchange) = stage { !exchange.isFramed } else { false }
    }

    /// TLS is up: without SASL the certificate says who the client is. Nil closes the connection.
    func transportIsReady(_ principal: Principal?) {
        guard listener.sasl == nil else { return }
        stage = principal.map { .authenticated(Session(principal: $0, mechanism: nil, end: nil)) } ?? .failed
    }

    /// Decides about a request that is to be handled now. Before authentication only what leads to it may.
    ///
    /// - Parameter now: steady milliseconds.
    func admission(of api: RequestKind, now: Int64) -> Admission {
        switch stage {
        case .unknown where listener.sasl == nil: .close("TLS is not up")
        case .unknown: api == .versions || api == .handshake ? .handle : .close("authentication is due")
        case .exchanging: api == .versions || api == .authenticate ? .handle : .close("authentication is under way")
        case .authenticated(let session):
            if let end = session.end, now >= end, api != .handshake {
                .close("the session has expired")
            } else {
                .handle
            }
        case .failed: .close("authentication failed")
        }
    }

    /// Requests as authentication tells them apart.
    enum RequestKind {
        case versions, handshake, authenticate, other
    }

    /// The reason why a handshake is refused.
    enum HandshakeRefusal: Error {
        case unsupportedMechanism
        /// Not on such a listener, or not now.
        case illegalState
    }

    /// Begins an exchange.
    ///
    /// A session without end is not renewed, and one with an end only by the mechanism it was begun with (KIP-368).
    func begin(
        _ name: String, isFramed: Bool, make: (SASLMechanism, SASLListener.Verifier) -> any SASLExchange
    ) throws(HandshakeRefusal) {
        guard let sasl = listener.sasl else { throw .illegalState }
        var previous: Session?
        switch stage {
        case .unknown: break
        case .authenticated(let session) where session.end != nil: previous = session
        case .authenticated, .exchanging, .failed: throw .illegalState
        }
        guard let mechanism = SASLMechanism(rawValue: name), let verifier = sasl.verifiers[mechanism],
            previous == nil || previous?.mechanism == mechanism
        else { throw .unsupportedMechanism }
        stage = .exchanging(
            Exchange(
                mechanism: mechanism, machine: make(mechanism, verifier), isFramed: isFramed, previous: previous))
    }

    /// The outcome of a token.
    enum Outcome {
        case challenge([UInt8])
        /// - lifetime: how long the session lasts, in milliseconds; 0 for ever.
        case success([UInt8], lifetime: Int64)
    }

    /// Takes the client's next token; nil when none is due. After a failure nothing is admitted any more.
    ///
    /// - Parameters:
    ///   - now: steady milliseconds.
    ///   - wallTime: milliseconds since 1970, which credentials end by.
    func take(_ token: [UInt8], now: Int64, wallTime: Int64) throws(SASLFailure) -> Outcome? {
        guard case .exchanging(var exchange) = stage else { return nil }
        stage = .failed
        switch try exchange.machine.respond(to: token) {
        case .challenge(let bytes):
            stage = .exchanging(exchange)
            return .challenge(bytes)
        case .success(let bytes, let identity):
            if let before = exchange.previous?.principal, before != identity.principal {
                throw SASLFailure(
                    "Cannot change principals during re-authentication from \(before): \(identity.principal)",
                    reason: "re-authentication as another principal")
            }
            let lifetime = lifetime(of: identity, exchange.mechanism, wallTime)
            stage = .authenticated(
                Session(
                    principal: identity.principal, mechanism: exchange.mechanism, end: lifetime.map { now + $0 }))
            return .success(bytes, lifetime: lifetime ?? 0)
        }
    }

    /// The sooner of what the credential and `connections.max.reauth.ms` allow; nil for no limit.
    private func lifetime(of identity: SASLIdentity, _ mechanism: SASLMechanism, _ wallTime: Int64) -> Int64? {
        let limit = listener.sasl?.maxSessionLifetime[mechanism].flatMap { $0 > 0 ? $0 : nil }
        let left = identity.expiry.map { max($0 - wallTime, 0) }
        switch (limit, left) {
        case (let limit?, let left?): return min(limit, left)
        case (let limit?, nil): return limit
        case (nil, let left?): return left
        case (nil, nil): return nil
        }
    }
}
