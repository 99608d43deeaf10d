internal import PlainText

/// Reason for which a migration cannot start or continue.
public enum MigrationError: Error, Hashable, Sendable, CustomStringConvertible {
    case partitionsFailed([String])
    /// Nothing has moved for so long, and something is left to copy.
    case doesNotMove(seconds: Int, [String])
    case flowEnded(String)
    /// The flow selects no topic of the source; sentences about those that it is asked for and never copies.
    case nothingSelected(flow: String, source: String, excluded: [String])
    /// The same flow has gone the other way: source and target have changed places.
    case swapped(flow: String, source: String, target: String)
    /// Partitions of the target hold records that this flow has not brought.
    case targetNotEmpty(flow: String, target: String, [String])
    /// Topics whose copies would lose records for their age while the source still has them.
    case targetKeepsLess(target: String, [String])
    /// Other instances run the flow, and have parts of it.
    case isShared(flow: String, group: String, target: String)
    /// A cluster has not answered for so long.
    case clusterLost(cluster: String, seconds: Int, reason: String)

    public var description: String {
        switch self {
        case .partitionsFailed(let partitions):
            "cannot continue: \(partitions.joined(separator: "; "))"
        case .doesNotMove(let seconds, let partitions):
            "nothing has moved for \(seconds) s: \(partitions.prefix(10).joined(separator: "; "))"
                + (partitions.count > 10 ? " and \(partitions.count - 10) more" : "")
                + "; what is copied is kept: see replicator doctor, and run migrate again to continue where it stopped, with "
                + "a longer --patience where it only takes longer"
        case .flowEnded(let why): "the flow ended before everything was copied: \(why)"
        case .nothingSelected(let flow, _, let excluded) where !excluded.isEmpty:
            "there is nothing to migrate with flow \"\(flow)\": \(excluded.prefix(5).joined(separator: "; "))"
        case .nothingSelected(let flow, let source, _):
            "there is nothing to migrate: flow \"\(flow)\" selects none of the topics on \(source); "
                + "see its topics.allow, and whether source and target have changed places"
        case .swapped(let flow, let source, let target):
            "\(source) holds the progress of flow \"\(flow)\" from \(target): source and target have changed places; "
                + "exchange them, or give the way back a name of its own"
        case .targetNotEmpty(let flow, let target, let partitions):
            "\(target) holds records already that this flow has not brought, which would stay among the copies: "
                + "\(partitions.joined(separator: ", ")). If another program has copied them, "
                + "`replicator adopt --flow \(flow.shellQuoted)` lets the flow continue behind its copies; or delete those topics "
                + "there, or leave them out of topics.allow"
        case .targetKeepsLess(let target, let topics):
            "\(target) would delete copies of records that the source still has: \(topics.joined(separator: "; "))"
        case .isShared(let flow, let group, let target):
            "flow \"\(flow)\" runs elsewhere: its group \(group) on \(target) has members, which keep parts of it. Stop them, "
                + "and run migrate again; one that was killed is a member until its session has ended"
        case .clusterLost(let cluster, let seconds, let reason):
            "\(cluster) has not answered for \(seconds) s: \(reason); what is copied is kept: once it answers, run "
                + "migrate again to continue where it stopped"
        }
    }
}
