/// The way in which the members of a group share its partitions, and with it what is kept of the group.
public enum GroupKind: String, Hashable, Sendable, Codable, CaseIterable, CustomStringConvertible {
    /// JoinGroup and SyncGroup: the members divide the partitions among themselves.
    case classic
    /// The coordinator divides the partitions (KIP-848).
    case consumer
    /// The coordinator hands out records one by one, and keeps where each partition begins (KIP-932).
    case share
    /// The coordinator divides the tasks of a Kafka Streams application (KIP-1071).
    case streams
    /// The cluster does not tell, or names one that came later.
    case unknown

    public var description: String { rawValue }

    /// - Parameters:
    ///   - type: as ListGroups tells it since Kafka 3.8, in any case; empty before.
    ///   - protocolType: as ListGroups tells it.
    init(type: String, protocolType: String) {
        if let told = GroupKind(rawValue: type.lowercased()), told != .unknown {
            self = told
        } else if let told = GroupKind(rawValue: protocolType), told == .share || told == .streams {
            self = told
        } else {
            // Before there were types there was one.
            self = type.isEmpty ? .classic : .unknown
        }
    }
}
