/// A flow that has left its memory on a cluster, whether or not a configuration still names it.
public struct KnownFlow: Sendable, Hashable, Encodable {
    /// Name of the cluster in the configuration: the flow's target.
    public var cluster: String
    public var flow: String
    /// The topic that holds its memory.
    public var progressTopic: String
    /// Cluster ids as recorded at the first start; nil when that is not recorded.
    public var sourceClusterID: String?
    public var targetClusterID: String?
    /// `identical`, or `prefix` with alias and separator.
    public var naming: String?
    public var startFrom: String?
    /// Source topics and partitions with recorded progress.
    public var topics = 0
    public var partitions = 0
    /// Time of the newest record of its memory, in milliseconds since 1970; nil when there is none.
    public var lastRecorded: Int64?
    /// Producer ids that it has registered: its copies carry them.
    public var producerIDs = 0
    /// Access rules and quotas that it put on the cluster.
    public var accessRules = 0
    public var quotas = 0
    /// Reason why its memory cannot be read; nil when it was read.
    public var problem: String?

    public init(cluster: String, flow: String, progressTopic: String) {
        self.cluster = cluster
        self.flow = flow
        self.progressTopic = progressTopic
    }
}
