import NIOCore

/// Ends connections that do not prove who they are in time, however busy they look, and those that fall silent.
final class ConnectionTimeouts {
    /// Told why; says whether the connection is closed (not while a request of it is being answered).
    typealias Expired = (_ reason: String) -> Bool

    private let loop: NIOIsolatedEventLoop
    private let idleTimeout: Int64
    private let expired: Expired
    private var lastActivity = Clock().steadyTime()
    private var login: Scheduled<Void>?
    private var idle: Scheduled<Void>?

    /// Begins to count. Where nobody has to prove anything only silence counts.
    init(_ authentication: ConnectionAuthentication, _ loop: any EventLoop, expired: @escaping Expired) {
        self.loop = loop.assumeIsolated()
        self.expired = expired
        let listener = authentication.listener
        idleTimeout = listener.idleTimeout
        if !authentication.isAuthenticated {
            login = self.loop.scheduleTask(in: .milliseconds(listener.loginTimeout)) {
                _ = expired("not authenticated in time")
            }
        }
        watch(after: idleTimeout)
    }

    /// The connection has yet to prove who it is.
    var isLoginDue: Bool { login != nil }

    func isAuthenticated() {
        login?.cancel()
        login = nil
    }

    func sawActivity() {
        lastActivity = Clock().steadyTime()
    }

    func cancel() {
        isAuthenticated()
        idle?.cancel()
        idle = nil
    }

    /// One timer per connection, set again when it finds that something happened.
    private func watch(after milliseconds: Int64) {
        idle = loop.scheduleTask(in: .milliseconds(max(milliseconds, 1))) { [weak self] in
            guard let self else { return }
            let silent = Clock().steadyTime() - lastActivity
            if silent < idleTimeout {
                watch(after: idleTimeout - silent)
            } else if !expired("nothing received for \(idleTimeout) ms") {
                lastActivity = Clock().steadyTime()
                watch(after: idleTimeout)
            }
        }
    }
}
