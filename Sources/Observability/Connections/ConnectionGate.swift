internal import CoreMetrics
internal import Logging
internal import NIOCore
internal import Synchronization

/// Counts an HTTP server's connections and lets no more in than there may be.
final class ConnectionGate: Sendable {
    /// Reasons for turning a connection away.
    enum Refusal: String, Error, CaseIterable {
        /// The limit of all connections is reached.
        case connections
        /// The limit of one address's connections is reached.
        case address
        /// Too few descriptors are left.
        case descriptors
    }

    private struct State {
        var open = 0
        var answerBytes = 0
        var byAddress: [ClientAddress: Int] = [:]
        /// Time at which a connection was last turned away, by reason.
        var lastRefusals: [Refusal: ContinuousClock.Instant] = [:]
    }

    private let limits: ConnectionLimits
    private let hasDescriptors: @Sendable () -> Bool
    private let registry: MetricsRegistry
    private let logger: Logger
    private let state = Mutex(State())

    /// A reason is said again when nothing was turned away for it for so long.
    private static let silence: Duration = .seconds(60)

    init(
        _ limits: ConnectionLimits, registry: MetricsRegistry, logger: Logger,
        hasDescriptors: @escaping @Sendable () -> Bool
    ) {
        self.limits = limits
        self.registry = registry
        self.logger = logger
        self.hasDescriptors = hasDescriptors
        // There from the start, so that a rate can be taken.
        for refusal in Refusal.allCases { count(refusal, by: 0) }
    }

    /// Lets a connection in: ``left(_:)`` has to be told when it ends.
    func admit(_ address: ClientAddress, at now: ContinuousClock.Instant = .now) throws(Refusal) {
        let isScarce = !hasDescriptors()
        let (refusal, isNews): (Refusal?, Bool) = state.withLock { state in
            let refusal: Refusal?
            if isScarce {
                refusal = .descriptors
            } else if state.open >= limits.connections {
                refusal = .connections
            } else if state.byAddress[address, default: 0] >= limits.connectionsPerAddress {
                refusal = .address
            } else {
                refusal = nil
            }
            guard let refusal else {
                state.open += 1
                state.byAddress[address, default: 0] += 1
                return (nil, false)
            }
            let last = state.lastRefusals.updateValue(now, forKey: refusal)
            return (refusal, last.map { now - $0 > Self.silence } ?? true)
        }
        guard let refusal else { return }
        count(refusal, by: 1)
        if isNews { logger.warning("\(message(refusal, address))") }
        throw refusal
    }

    func left(_ address: ClientAddress) {
        state.withLock { state in
            state.open -= 1
            let remaining = state.byAddress[address, default: 1] - 1
            state.byAddress[address] = remaining > 0 ? remaining : nil
        }
    }

    /// True if so many bytes of answers wait for their clients that no more are to be made.
    var isClogged: Bool { state.withLock { $0.answerBytes > limits.answerBytes } }

    /// A part of an answer is on its way, or, with a negative number, taken or given up.
    func answering(bytes: Int) {
        state.withLock { $0.answerBytes += bytes }
    }

    private func count(_ refusal: Refusal, by number: Int64) {
        registry.makeCounter(
            label: "replicator_http_refused_connections_total", dimensions: [("reason", refusal.rawValue)]
        ).increment(by: number)
    }

    private func message(_ refusal: Refusal, _ address: ClientAddress) -> String {
        switch refusal {
        case .connections:
            "HTTP connections are refused: there are \(limits.connections) already, as many as there may be"
        case .address:
            "HTTP connections from \(address) are refused: there are \(limits.connectionsPerAddress) already, as many "
                + "as one address may have"
        case .descriptors:
            "HTTP connections are refused: the process has nearly as many files and connections open as it may, and the "
                + "rest is kept for Kafka; raise the limit (LimitNOFILE= of the systemd unit, ulimit -n)"
        }
    }
}
