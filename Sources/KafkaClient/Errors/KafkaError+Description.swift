import KafkaWire
internal import PlainText

extension KafkaError: CustomStringConvertible {
    /// `west: Produce to orders-3 at broker 2 (b2:9092): NOT_ENOUGH_REPLICAS (19); …`
    public var description: String { cluster.isEmpty ? withoutCluster : "\(cluster): \(withoutCluster)" }

    /// The description, for a sentence that has named the cluster.
    public var withoutCluster: String {
        var text = "\(operation)"
        if let topic {
            text += " of \(topic.printable())"
            if let partition { text += "-\(partition)" }
        }
        if let group { text += " for group \"\(group.printable())\"" }
        if let broker { text += " at \(broker)" }
        text += ": \(reasonText)"
        if let advice = addressAdvice { text += "; \(advice)" }
        return text
    }

    /// An address that the cluster itself names, and that leads nowhere from here.
    private var addressAdvice: String? {
        guard operation == .connect, let broker, broker.id != nil, case .connection(let failure) = reason,
            failure.isOfAddress
        else { return nil }
        return "the cluster advertises \(broker.address) for this broker: start it, open the way there, or correct its "
            + "advertised.listeners"
    }

    var reasonText: String { reason.words }

    /// Advice to the operator about a code whose name does not say it.
    fileprivate static let advice: [ErrorCode: String] = [
        .topicAuthorizationFailed: "grant this principal access to the topic",
        .groupAuthorizationFailed: "grant this principal access to the group",
        .clusterAuthorizationFailed: "grant this principal the operation on the cluster resource",
        .transactionalIDAuthorizationFailed: "grant this principal access to the transactional id",
        .messageTooLarge: "raise max.message.bytes of the topic",
        .recordListTooLarge: "raise segment.bytes of the topic",
        .notEnoughReplicas: "fewer replicas are in sync than min.insync.replicas asks for; bring brokers back",
        .notEnoughReplicasAfterAppend:
            "fewer replicas are in sync than min.insync.replicas asks for; bring brokers back",
        .unknownTopicOrPartition: "the topic does not exist here, or this principal may not describe it",
        .leaderNotAvailable: "the partition has no leader; bring the brokers back that hold its replicas",
        .offsetOutOfRange: "the range has expired or the log was truncated",
        .invalidTimestamp:
            "the record's time lies outside of what the topic allows (message.timestamp.before.max.ms, after.max.ms)",
        .invalidReplicationFactor: "the cluster has fewer brokers than replicas were asked for",
        .unsupportedSaslMechanism: "choose a mechanism that the listener offers",
        .saslAuthenticationFailed: "check user name and password",
        .policyViolation: "a policy of the cluster forbids it",
        .invalidRecord: "a compacted topic takes no records without a key",
        .producerFenced: "another instance took over",
    ]
}

extension KafkaError.Reason {
    /// The reason, without the place.
    public var words: String {
        switch self {
        case .broker(let code, let message):
            var text = "\(code)"
            if let message, !message.isEmpty { text += ", \"\(message.printable())\"" }
            if let advice = KafkaError.advice[code] { text += "; \(advice)" }
            return text
        case .connection(let failure): return "\(failure)"
        case .authentication(let why): return "not authenticated: \(why)"
        case .credentialsUnavailable(let why): return "no credentials to authenticate with: \(why)"
        case .wire(let error): return "bytes that cannot be understood (\(error)); is a Kafka broker listening there?"
        case .timedOut(let duration): return "no answer within \(duration)"
        case .unsupported(_, let needed, let offered?):
            return "the broker speaks versions \(offered.text), but \(needed.text) is needed; upgrade the broker"
        case .unsupported(_, let needed, nil):
            return "the broker does not know this request (versions \(needed.text) would do); upgrade the broker"
        case .unexpectedAnswer(let what): return "the answer cannot be true: \(what)"
        case .configuration(let what): return what
        case .foreignCluster(let known, let found):
            return "another cluster answers there than before (cluster id \(found), it was \(known)): nothing is read "
                + "from it or changed on it. Correct the addresses, or restart if the cluster was replaced on purpose"
        case .closed: return "the client is closed"
        case .cancelled: return "cancelled"
        }
    }

    /// The reason why there are no credentials.
    init(credentials error: any Error) {
        switch error {
        case let failure as CredentialFailure: self = failure.reason
        case let reason as KafkaError.Reason: self = reason
        default: self = .credentialsUnavailable("\(error)")
        }
    }
}

extension ClosedRange<Int16> {
    fileprivate var text: String { lowerBound == upperBound ? "\(lowerBound)" : "\(lowerBound)-\(upperBound)" }
}
