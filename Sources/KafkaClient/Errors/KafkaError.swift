public import KafkaWire

/// A request to a cluster that failed: what was tried, where, and the reason.
///
/// `reason` is for decisions, the description is for people: it names the cluster, broker, topic and partition as
/// far as they are known and says what can be done.
public struct KafkaError: Error, Hashable, Sendable {
    public enum Reason: Error, Hashable {
        /// The broker answered with an error code, and perhaps its own words.
        case broker(ErrorCode, message: String?)
        /// No connection could be made, or it was lost before the answer came.
        case connection(ConnectionFailure)
        /// The broker did not accept who we say we are, or could not prove that it knows our password.
        case authentication(String)
        /// The credentials for the broker cannot be had at the moment: the token endpoint does not answer, a file
        /// with a password is being replaced.
        case credentialsUnavailable(String)
        /// Bytes that could not be understood; the connection they came over is closed.
        case wire(WireError)
        /// No answer in time. Whether the broker did what was asked is not known.
        case timedOut(after: Duration)
        /// The broker does not speak a version of the request that we need; `offered` nil means not at all.
        case unsupported(ApiKey, needed: ClosedRange<Int16>, offered: ClosedRange<Int16>?)
        /// An answer that is well formed but cannot be true, such as one that leaves out what was asked for.
        case unexpectedAnswer(String)
        /// The settings cannot work: a missing file, SASL without credentials.
        case configuration(String)
        /// Another cluster answers under the addresses of the one that answered before.
        case foreignCluster(known: String, found: String)
        /// The client was closed.
        case closed
        /// The task that waited was cancelled.
        case cancelled
    }

    public var reason: Reason
    /// The operation that failed.
    public var operation: Operation
    /// The cluster's name in the configuration.
    public var cluster: String
    public var broker: BrokerName?
    /// Topic, group or other resource that the error is about.
    public var topic: String?
    public var partition: Int32?
    public var group: String?

    public init(
        _ reason: Reason, during operation: Operation, cluster: String, broker: BrokerName? = nil,
        topic: String? = nil, partition: Int32? = nil, group: String? = nil
    ) {
        self.reason = reason
        self.operation = operation
        self.cluster = cluster
        self.broker = broker
        self.topic = topic
        self.partition = partition
        self.group = group
    }

    /// The broker's error code, when it sent one.
    // Inlined into an async function with typed throws it makes the optimizer of Swift 6.3.1 fail its own checks.
    @inline(never)
    public var code: ErrorCode? {
        if case .broker(let code, _) = reason { code } else { nil }
    }

    /// True if a cluster did not let us in, or we did not trust it: TLS, SASL, or credentials that cannot be had.
    public var isAuthenticationFailure: Bool { Self.isAuthenticationFailure(reason, during: operation) }

    static func isAuthenticationFailure(_ reason: Reason, during operation: Operation) -> Bool {
        switch reason {
        case .authentication, .credentialsUnavailable, .connection(.tls): true
        case .broker(let code, _):
            operation == .authenticate
                || [.saslAuthenticationFailed, .illegalSaslState, .unsupportedSaslMechanism].contains(code)
        case .configuration: operation == .connect || operation == .authenticate
        case .connection, .wire, .timedOut, .unsupported, .unexpectedAnswer, .foreignCluster, .closed, .cancelled: false
        }
    }

    /// True if another cluster answered than before.
    public var isForeignCluster: Bool { if case .foreignCluster = reason { true } else { false } }

    /// True if the broker has no version of the request that we could use.
    public var isUnsupported: Bool { if case .unsupported = reason { true } else { false } }

    /// The same error, about this topic and partition.
    public func about(topic: String, partition: Int32? = nil) -> KafkaError {
        var copy = self
        copy.topic = topic
        copy.partition = partition ?? self.partition
        return copy
    }
}

/// The operation during which an error occurred.
public enum Operation: Hashable, Sendable {
    case connect
    case authenticate
    case request(ApiKey)
}

extension Operation: CustomStringConvertible {
    public var description: String {
        switch self {
        case .connect: "connecting"
        case .authenticate: "authenticating"
        case .request(let api): "\(api)"
        }
    }
}

/// A broker as errors and logs name it: its id where known, and its address.
public struct BrokerName: Hashable, Sendable, CustomStringConvertible {
    public var id: Int32?
    public var address: HostAndPort

    public init(id: Int32?, address: HostAndPort) {
        self.id = id
        self.address = address
    }

    public var description: String { id.map { "broker \($0) (\(address))" } ?? "\(address)" }
}
