package import NIOSSL
internal import Synchronization

/// Rights at the HTTP endpoints, and the encryption of connections. Can be changed while the server runs.
package final class HTTPAccess: Sendable {
    /// The part that comes from the configuration and its files.
    package struct Rules: Sendable {
        package var hosts: RequestGuard
        /// Nil for no authentication: whoever reaches the endpoints may do everything.
        package var credentials: Credentials?
        /// Nil for connections in the clear.
        package var tls: NIOSSLContext?

        package init(hosts: RequestGuard, credentials: Credentials? = nil, tls: NIOSSLContext? = nil) {
            self.hosts = hosts
            self.credentials = credentials
            self.tls = tls
        }
    }

    /// Outcome of looking at a request's credentials.
    package enum Decision: Sendable, Equatable {
        case allowed(Right)
        /// No credentials, and none are not enough: here are the schemes to answer with.
        case unknown(challenges: [String])
        /// Wrong credentials.
        case wrong(challenges: [String], isNews: Bool)
        /// The address has shown wrong ones too often.
        case wait(Duration)
        /// Right ones, which may not do this.
        case forbidden
    }

    private struct State {
        var rules: Rules
        var attempts = FailedAttempts()
    }

    private let state: Mutex<State>

    package init(_ rules: Rules) {
        state = Mutex(State(rules: rules))
    }

    /// From the next request on; TLS from the next connection on.
    package func replace(_ rules: Rules) {
        state.withLock { $0.rules = rules }
    }

    var hosts: RequestGuard { state.withLock { $0.rules.hosts } }
    var tls: NIOSSLContext? { state.withLock { $0.rules.tls } }

    /// The name under which the page learns what it may offer to a person who has this right.
    ///
    /// - Returns: `act`, `read`, or `sign-in` for those who could act once they have said who they are.
    package func offer(to right: Right, isAnonymous: Bool) -> String {
        if right == .act { return "act" }
        let hasUsers = state.withLock { $0.rules.credentials?.hasUsers ?? false }
        return isAnonymous && hasUsers ? "sign-in" : "read"
    }

    /// - Parameter needed: the right that the request takes; with ``Right/none`` no credentials will do as well.
    package func decide(
        authorization: String?, needed: Right, from address: ClientAddress, at now: ContinuousClock.Instant = .now
    ) -> Decision {
        state.withLock { state in
            guard let credentials = state.rules.credentials else { return .allowed(.act) }
            guard let authorization else {
                guard credentials.anonymous >= needed else { return .unknown(challenges: credentials.challenges) }
                return .allowed(credentials.anonymous)
            }
            if let wait = state.attempts.wait(address, at: now) { return .wait(wait) }
            guard let right = credentials.right(of: authorization) else {
                let isNews = state.attempts.failed(address, at: now)
                return .wrong(challenges: credentials.challenges, isNews: isNews)
            }
            return right >= needed ? .allowed(right) : .forbidden
        }
    }
}
