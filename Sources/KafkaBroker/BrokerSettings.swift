public import KafkaWire
public import Logging
public import NIOCore

/// The settings of an embedded cluster.
public struct BrokerSettings: Sendable {
    /// The address every node listens on and tells clients, unless it is a wildcard: then each client is told the
    /// address at which it came in.
    public var listenHost: String
    /// The first of `nodeCount` consecutive ports; 0 takes any free port for each node.
    public var port: Int
    /// Nodes get `nodeCount` ids from `firstNodeID` on.
    public var nodeCount: Int
    /// Nil takes the one in the data directory, or 1.
    public var firstNodeID: Int32?
    /// The folder for topics, records and group offsets; nil keeps everything in memory.
    public var dataDirectory: String?
    /// Broker settings under Kafka's own names, as in `server.properties`.
    public var properties: [String: String]
    /// The release of Apache Kafka whose versions and features are told and served, as far as they are implemented.
    public var release: BrokerRelease
    /// The newest version of an API that is served, below that of the release; -1 leaves the API out.
    public var newestVersions: [ApiKey: Int16]
    /// The cluster's id; nil takes the one in the data directory, or a new one.
    public var clusterID: String?
    public var logger: Logger
    /// Threads to run on; nil gives the cluster one of its own. A cluster always uses a single event loop.
    public var eventLoopGroup: (any EventLoopGroup)?

    public init(
        listenHost: String = "127.0.0.1", port: Int = 0, nodeCount: Int = 1, firstNodeID: Int32? = nil,
        dataDirectory: String? = nil,
        properties: [String: String] = [:], release: BrokerRelease = .newest, newestVersions: [ApiKey: Int16] = [:],
        clusterID: String? = nil, logger: Logger = Logger(label: "broker"), eventLoopGroup: (any EventLoopGroup)? = nil
    ) {
        self.listenHost = listenHost
        self.port = port
        self.nodeCount = nodeCount
        self.firstNodeID = firstNodeID
        self.dataDirectory = dataDirectory
        self.properties = properties
        self.release = release
        self.newestVersions = newestVersions
        self.clusterID = clusterID
        self.logger = logger
        self.eventLoopGroup = eventLoopGroup
    }
}

/// The reason why a cluster does not start, or a fault cannot be injected, in words for the person who asked.
public enum BrokerError: Error, Hashable, Sendable {
    /// The settings contradict themselves or name what does not exist.
    case invalidSettings(String)
    /// An address cannot be listened on.
    case cannotListen(host: String, port: Int, reason: String)
    /// The data directory cannot be read or written.
    case storage(String)
    /// There is no such node, topic or partition.
    case notFound(String)
    /// A node, topic or partition is not in a state for what was asked.
    case notPossible(String)
}

extension BrokerError: CustomStringConvertible {
    public var description: String {
        switch self {
        case .invalidSettings(let reason): reason
        case .cannotListen(let host, let port, let reason): "cannot listen on \(host):\(port): \(reason)"
        case .storage(let reason): reason
        case .notFound(let reason), .notPossible(let reason): reason
        }
    }
}
