/// Where a consumer group stands on both clusters, for `replicator offsets`.
public struct OffsetReport: Sendable, Codable {
    public var flow: String
    public var group: String
    public var targetGroup: String
    /// The group could not be asked about.
    public var failure: String?
    public var partitions: [Partition]

    public struct Partition: Sendable, Codable {
        public var topic: String
        public var partition: Int32
        public var targetTopic: String
        /// The next offset that the group reads at the source.
        public var sourceOffset: Int64
        /// The same place on the target; nil when it is not known.
        public var translatedOffset: Int64?
        /// What the group has committed on the target; nil when nothing.
        public var targetOffset: Int64?
        /// Source offsets from the group's position to the end; nil when the end is not known.
        public var sourceLag: Int64?
        /// Target offsets from the translated position to the end; nil when either is not known.
        public var targetLag: Int64?
        /// Source offsets before the group's position that have not passed yet.
        public var aheadBy: Int64
        /// Whether the next record is the same on both sides in key, value and timestamp; nil when there is none to
        /// compare.
        public var isSameRecord: Bool?
        /// `synced`, `pending` (to be committed), `further`, `activeMembers` or `refused`.
        public var state: String
        /// Why it is refused, or how the records differ.
        public var reason: String?
    }

    /// Whether every position has an exact counterpart, and no record differs from its copy.
    public var isExact: Bool {
        failure == nil && partitions.allSatisfy { $0.state != "refused" && $0.isSameRecord != false && $0.aheadBy == 0 }
    }
}
