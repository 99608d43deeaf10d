/// The way to reach a cluster, and the patience for it.
public struct ClusterSettings: Sendable {
    /// The alias under which the configuration knows the cluster; every error carries it.
    public var name: String
    /// The addresses to ask for the cluster's brokers, and to ask again when none of those can be reached (KIP-899).
    public var bootstrapServers: [HostAndPort]
    public var security: SecuritySettings
    /// The software that talks to the cluster.
    public var identity = ClientIdentity()
    /// The client id of every request, which brokers write to their logs and count quotas by.
    public var clientID = "swift-kafka-client"
    /// The time that an answer may take once the request is written, unless a request says otherwise.
    public var requestTimeout: Duration = .seconds(30)
    /// The time until a connection has to be usable: name, TCP, TLS, versions and authentication together.
    public var connectTimeout: Duration = .seconds(10)
    /// The time during which an operation of several requests retries.
    public var operationTimeout: Duration = .seconds(60)
    /// The time that an operation waits for a topic that nobody knows: word of a new topic takes a moment to spread.
    public var unknownTopicPatience: Duration = .seconds(5)
    /// The largest answer accepted, in bytes. More closes the connection.
    public var maximumFrameBytes = 128 << 20
    /// Two refreshes of metadata are at least this far apart, whoever asks.
    public var metadataMinimumAge: Duration = .milliseconds(100)
    /// The time without an answer to questions for metadata after which all that is known of the brokers is forgotten,
    /// and the bootstrap servers are asked; Kafka's `metadata.recovery.rebootstrap.trigger.ms` (KIP-1102).
    public var rebootstrapTrigger: Duration = .seconds(300)
    /// The time that a partition is read from a replica before its leader is asked again; Kafka takes
    /// `metadata.max.age.ms` for it.
    public var metadataMaximumAge: Duration = .seconds(300)
    /// Pauses between attempts to connect to one broker, as Kafka's own clients make them.
    public var reconnectBackoff = Backoff(initial: .milliseconds(50), maximum: .seconds(1))
    /// Pauses between attempts of one operation, as Kafka's own clients make them.
    public var retryBackoff = Backoff(initial: .milliseconds(100), maximum: .seconds(1))
    /// The rack that fetches name, so that brokers may point to a replica nearby (KIP-392).
    public var rackID: String?

    /// The cluster's id, where it is known beforehand: each new connection is asked for it. Otherwise the first that
    /// answers is the cluster from then on, as far as metadata tells.
    public var clusterID: String?
    /// Another cluster may take the place of the one that answered first: for those who only tell what is there.
    public var mayBecomeAnother = false

    public init(name: String, bootstrapServers: [HostAndPort], security: SecuritySettings = .plaintext) {
        self.name = name
        self.bootstrapServers = bootstrapServers
        self.security = security
    }
}
