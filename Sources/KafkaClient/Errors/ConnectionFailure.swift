/// The way in which a connection failed, or was lost.
public enum ConnectionFailure: Hashable, Sendable {
    /// The host has no address.
    case nameNotResolved(host: String, reason: String)
    /// Nothing listens there.
    case refused
    /// The network says that there is no way, in its words.
    case unreachable(String)
    /// Not usable within the time allowed.
    case connectTimedOut(after: Duration)
    /// TLS could not be agreed on, or the certificate was not accepted.
    case tls(String)
    /// The broker closed the connection.
    case closedByBroker
    /// The connection broke, in the system's words.
    case lost(String)
    /// The process has nearly as many files and connections open as it may.
    case descriptorsExhausted(limit: UInt64)
    /// Another request on this connection failed in a way that ended it.
    case abandoned(because: String)
    /// The cluster names an address for a broker that cannot be one, for this reason.
    case impossibleAddress(String)
    /// Metadata names no broker of this id.
    case unknownBroker(Int32)
    /// Neither a known broker nor a bootstrap server could be reached; each with its reason.
    case noBrokerReachable([String])
    /// The cluster has no coordinator, controller or leader at the moment.
    case nobodyInCharge(String)
}

extension ConnectionFailure {
    /// True if nobody answers under the address, whoever would.
    public var isOfAddress: Bool {
        switch self {
        case .nameNotResolved, .refused, .unreachable, .connectTimedOut: true
        case .tls, .closedByBroker, .lost, .descriptorsExhausted, .abandoned, .impossibleAddress, .unknownBroker,
            .noBrokerReachable, .nobodyInCharge:
            false
        }
    }
}

extension ConnectionFailure: CustomStringConvertible {
    public var description: String {
        switch self {
        case .nameNotResolved(let host, let reason):
            "host name \"\(host)\" cannot be resolved (\(reason)); check the spelling and DNS"
        case .refused:
            "connection refused: nothing listens there; check host, port and that the broker runs"
        case .unreachable(let reason):
            "\(reason); check routes and firewalls"
        case .connectTimedOut(let duration):
            "no connection within \(duration); check that the address is reachable from here and not dropped by a firewall"
        case .tls(let reason):
            "TLS failed: \(reason)"
        case .closedByBroker:
            "the broker closed the connection before it answered; "
                + "if this happens at once, check that securityProtocol fits the listener (TLS or not, SASL or not)"
        case .lost(let reason):
            "connection lost: \(reason)"
        case .descriptorsExhausted(let limit):
            "this process may have \(limit) files and connections open, and nearly has; "
                + "raise the limit (LimitNOFILE= of the systemd unit, ulimit -n)"
        case .abandoned(let cause):
            "the connection was closed because \(cause)"
        case .impossibleAddress(let flaw):
            "the cluster names an address that cannot be one: \(flaw); correct advertised.listeners of that broker"
        case .unknownBroker(let id):
            "metadata names no broker \(id); it may have left the cluster"
        case .noBrokerReachable(let reasons):
            "no broker can be reached: \(reasons.joined(separator: "; "))"
        case .nobodyInCharge(let what):
            "there is no \(what) at the moment"
        }
    }
}
