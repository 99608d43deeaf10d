public import KafkaClient
public import KafkaWire

/// Everything that defines one flow: from which cluster, to which, what, and how.
public struct FlowSettings: Sendable {
    public var name: String
    public var source: ClusterSettings
    public var target: ClusterSettings
    public var topics: NameSelection
    public var consumerGroups: NameSelection
    /// Put before a group's name on the target.
    public var groupPrefix = ""
    public var naming: TopicNaming
    /// Name of the target in prefixed topic names; a topic that carries it is on its way back.
    public var targetAlias: String
    public var loopPrevention: LoopPrevention = .headers
    public var startFrom: StartPosition = .latest
    public var compression: CompressionChoice = .keep
    public var delivery: DeliveryGuarantee = .exactlyOnce
    public var offsets: OffsetChoice = .translate
    /// With ``OffsetChoice/preserve``.
    public var holes: HoleChoice = .markers
    /// The flow of the same configuration that keeps offsets the other way, under the same names: this one begins when that
    /// one has been failed over. Nil for none.
    public var beginsBehind: String?
    public var policies = FlowPolicies()
    /// Treatment of records that another replicator has marked with a loop header of its own.
    public var onForeignLoopHeader = ForeignLoopHeaderPolicy.stop
    public var sync = SyncSettings()
    public var limits = LimitSettings()
    /// Bytes of fetched records that may be held at once, over all shards. At least 4 MiB.
    public var bufferBytes = 32 << 20
    /// Independent slices of the flow, each on one thread; nil for one per core.
    public var shards: Int?
    /// This process among those that share the flow; nil for one with an id of its own that nobody else has.
    public var instance: InstanceSettings?
    /// Time for the last round of consumer group synchronization once the flow has stopped.
    package var lastGroupRoundTimeout: Duration = .seconds(10)

    public init(
        name: String, source: ClusterSettings, target: ClusterSettings, topics: NameSelection,
        consumerGroups: NameSelection, naming: TopicNaming, targetAlias: String
    ) {
        self.name = name
        self.source = source
        self.target = target
        self.topics = topics
        self.consumerGroups = consumerGroups
        self.naming = naming
        self.targetAlias = targetAlias
    }
}

/// Sign by which a record that came from the target is recognised on its way back.
public enum LoopPrevention: String, Hashable, Sendable, CaseIterable {
    /// One header per record tells where it came from.
    case headers
    /// The batch's producer id tells; nothing is added to the record.
    case producerIds
}

/// Start of the replication of a topic that existed when the flow first started. Topics that appear later always
/// begin at their earliest offset.
public enum StartPosition: Hashable, Sendable {
    case earliest
    case latest
    /// The first record at or after this time, in milliseconds since 1970.
    case timestamp(Int64)
}

public enum CompressionChoice: Hashable, Sendable {
    /// Batches keep the codec they have.
    case keep
    case codec(CompressionCodec)
}

public enum DeliveryGuarantee: String, Hashable, Sendable, CaseIterable {
    case exactlyOnce
    case atLeastOnce
}

/// Offsets of the copies.
public enum OffsetChoice: String, Hashable, Sendable, CaseIterable {
    /// Offsets that the target gives; positions of groups are translated.
    case translate
    /// Offsets of the source. Those without a copy are filled with markers that no consumer sees.
    case preserve
}

/// Contents of long holes in copies that keep their source's offsets, where the target's topic is compacted. Short holes, and
/// those of other topics, are always filled with markers.
public enum HoleChoice: String, Hashable, Sendable, CaseIterable {
    /// Nobody sees them; each takes 78 bytes.
    case markers
    /// Empty records under a reserved key, which consumers see until the cleaner takes them.
    case filler
}

/// Reaction of a partition to something that cannot be put right.
public enum LossPolicy: String, Hashable, Sendable, CaseIterable {
    /// It stops, says why, and waits for a person; the others continue.
    case stop
    /// It counts and reports the lost records, and continues behind them.
    case `continue`
}

/// A flow's policies. Nothing is lost without a person's leave: each begins as `stop`.
public struct FlowPolicies: Hashable, Sendable {
    /// Records were deleted at the source before they were read.
    public var expired = LossPolicy.stop
    /// The source's log was cut behind what had been read.
    public var truncated = LossPolicy.stop
    /// A topic was deleted and created again, at the source or on the target.
    public var recreated = LossPolicy.stop
    /// The target refuses a record for good, or it is corrupt at the source.
    public var quarantined = LossPolicy.stop

    public init() {}
}

/// Treatment of `__mskmr`, the loop header of Amazon MSK Replicator: only it can tell what the header says.
public enum ForeignLoopHeaderPolicy: String, Hashable, Sendable, CaseIterable {
    case stop
    /// Copied like any other record.
    case ignore
}

/// Limits on the speed of a flow.
public struct LimitSettings: Hashable, Sendable {
    /// Bytes read from the source per second, over all partitions; nil for as many as both clusters can take.
    public var bytesPerSecond: Int?

    public init(bytesPerSecond: Int? = nil) {
        self.bytesPerSecond = bytesPerSecond
    }
}
