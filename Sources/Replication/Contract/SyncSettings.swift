/// Metadata that a flow keeps in step besides records, with the rules and the interval.
public struct SyncSettings: Hashable, Sendable {
    public var topicConfigs = true
    public var partitions = true
    public var acls = true
    public var groupOffsets = true
    /// Settings of groups. Off unless asked for: a standby's consumers may need others.
    public var groupConfigs = false
    public var newTopics = true
    /// Client quotas of users and client ids. Off unless asked for: they bind more than the flow's topics.
    public var quotas = false
    /// Settings of topics and groups that are never copied: expressions over whole names.
    public var configExclude = ConfigFilter.standard
    public var replicationFactor = ReplicationFactor.source
    public var deleteTopics = TopicDeletion.never
    public var aclMode = AclMode.topics
    /// Names on the target of principals of the source; others keep their names.
    public var principals: [String: String] = [:]
    /// Time between two looks at the clusters' metadata.
    public var interval: Duration = .seconds(5)

    public init() {}
}

/// Number of replicas of a topic that the flow creates on the target.
public enum ReplicationFactor: Hashable, Sendable {
    /// As many replicas as at the source, or as the target has brokers if those are fewer.
    case source
    /// The default of the target's brokers (`default.replication.factor`; Kafka 2.4).
    case broker
    case number(Int16)
}

/// Treatment of a topic on the target whose source is deleted.
public enum TopicDeletion: Hashable, Sendable {
    case never
    /// Deleted this long after the source was first missed, if the flow itself created it.
    case after(Duration)
}

/// Access rules that are copied.
public enum AclMode: String, Hashable, Sendable, CaseIterable {
    /// The rules that MirrorMaker 2 and MSK Replicator copy: rules for single topics, nothing that allows to write.
    case topics
    /// Prefixed patterns, groups and transactional ids too, with principals renamed.
    case full
}
