internal import KafkaClient
internal import PlainText
public import Replication

/// Reason for which a failover cannot start or continue.
public enum FailoverError: Error, Sendable, CustomStringConvertible {
    /// There are obstacles: each in words, with what mends it. Nothing was changed.
    case notReady(flow: String, obstacles: [String])
    case otherKind(flow: String, recorded: FailoverKind, wanted: FailoverKind, isFinished: Bool)
    /// Another failover, or a migration, of the flow is at work.
    case busy(flow: String, owner: String)
    /// Records keep coming to the source.
    case stillWritten(cluster: String, partitions: [String], isFenced: Bool, opposite: String?)
    /// Records were written to the source after the target had taken over.
    case writtenSince(cluster: String, partitions: [String])
    case openTransactions(cluster: String, partitions: [String])
    /// The fence would keep out the flow that brings records back.
    case shutsOutOpposite(cluster: String, opposite: String, topics: [String])
    case cannotFence(cluster: String, reason: String)
    case doesNotMove(flow: String, partitions: [String])
    case partitionsFailed([String])
    case groupsStillRead(cluster: String, groups: [String])
    case groupsNotInStep(target: String, groups: [String])
    case recordsDiffer([String])
    /// Offsets are kept, and the opposite flow cannot continue with what the source holds; why, for each partition.
    case cannotComeBack([String])
    /// Offsets are kept, and the flow that brings records back may have written.
    case oppositeHasBegun(flow: String, opposite: String)
    /// There is no failover of which a tail could be listed.
    case noTail(flow: String)
    case nothingToUndo(flow: String)
    case interrupted
    case flow(FlowError)

    public var description: String {
        switch self {
        case .notReady(let flow, let obstacles):
            "flow \"\(flow)\" cannot be failed over:\n"
                + obstacles.map { "  - \($0.printable())" }.joined(separator: "\n")
        case .otherKind(let flow, let recorded, let wanted, true):
            "flow \"\(flow)\" has been failed over already, \(recorded.rawValue), so there is nothing "
                + "\(wanted.rawValue) to do: to come back, fail the opposite flow over; to begin again, --undo this one"
        case .otherKind(let flow, let recorded, let wanted, false):
            "an \(recorded.rawValue) failover of flow \"\(flow)\" has been begun: continue with --\(recorded.rawValue), or "
                + "undo it with --undo before a \(wanted.rawValue) one"
        case .busy(let flow, let owner):
            "flow \"\(flow)\" is held by \(owner) at the moment: wait for it, or stop it and try again in 20 s"
        case .stillWritten(let cluster, let partitions, let isFenced, let opposite):
            "\(cluster) is still written to: \(Self.list(partitions)). "
                + (isFenced
                    ? "The fence does not hold them off: they write as another principal, or as a super user; name them with "
                        + "--fence, or stop them"
                    : "Stop the producers, or have them kept out with --fence PRINCIPAL")
                + (opposite.map {
                    ". If these are copies that flow \"\($0)\" brings, the producers are on the other side: then it is "
                        + "\"\($0)\" that has to be failed over"
                } ?? "")
        case .writtenSince(let cluster, let partitions):
            "\(cluster) has been written to since it was left: \(Self.list(partitions)). A producer has not moved (--tail "
                + "FILE shows what it wrote), or everybody has come back without failing the opposite flow over: then "
                + "undo this failover with --undo, and begin again"
        case .openTransactions(let cluster, let partitions):
            "transactions are open on \(cluster): \(Self.list(partitions)). Let their producers end them, or wait until "
                + "their time-outs abort them, and run this again"
        case .shutsOutOpposite(let cluster, let opposite, let topics):
            "the fence would keep flow \"\(opposite)\" itself from writing to \(cluster) (\(Self.list(topics))), and so "
                + "from bringing anything back. It has been taken away again: name the producers one by one with "
                + "--fence, or make the replicator's user a super user"
        case .cannotFence(let cluster, let reason):
            "producers cannot be kept out of \(cluster): \(reason). Stop them yourself, and run this without --fence"
        case .doesNotMove(let flow, let partitions):
            "flow \"\(flow)\" makes no progress: \(Self.list(partitions, "; ")). Look at `replicator status` and "
                + "`replicator doctor`, and run this again; if the source is lost, use --unplanned"
        case .partitionsFailed(let partitions):
            "partitions have stopped: \(partitions.joined(separator: "; "))"
        case .groupsStillRead(let cluster, let groups):
            "consumers still read on \(cluster): \(groups.joined(separator: "; ")). Stop them, and run this again"
        case .groupsNotInStep(let target, let groups):
            "the positions of groups on \(target) are not those of the source: \(groups.joined(separator: "; ")). Stop their consumers "
                + "on \(target), set them with `replicator offsets`, leave them out with consumerGroups.deny, or continue "
                + "without them with --leave-groups"
        case .recordsDiffer(let partitions):
            "the copies are not equal: \(partitions.joined(separator: "; ")). `replicator verify` compares everything; "
                + "--undo undoes the failover"
        case .cannotComeBack(let partitions):
            "the way back cannot continue at equal ends: \(Self.list(partitions, "; ")). Find out who has written there, and run "
                + "this again; continue without a way back with --one-way, or undo the failover with --undo"
        case .oppositeHasBegun(let flow, let opposite):
            "flow \"\(opposite)\" may bring records back already, and with offsets: preserve only one of the two writes: to come "
                + "back to flow \"\(flow)\", fail \"\(opposite)\" over"
        case .noTail(let flow):
            "flow \"\(flow)\" has not been failed over: there is no moment from which on records would count as left "
                + "behind"
        case .nothingToUndo(let flow): "flow \"\(flow)\" has no failover that could be undone"
        case .interrupted: "interrupted; run it again to continue"
        case .flow(let error): "\(error)"
        }
    }

    /// The first few, and how many more.
    private static func list(_ items: [String], _ separator: String = ", ") -> String {
        let shown = items.prefix(10).joined(separator: separator)
        return items.count > 10 ? "\(shown) and \(items.count - 10) more" : shown
    }
}

extension FailoverError {
    /// Tells whether it is about a cluster that does not answer.
    static func kafka(_ error: KafkaError) -> FailoverError { .flow(.kafka(error)) }
}
