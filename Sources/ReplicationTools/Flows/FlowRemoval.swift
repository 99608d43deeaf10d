public import KafkaClient
internal import KafkaWire
public import Logging
public import NIOCore
internal import Replication

/// Removes what a flow has left on its target: its memory, and the topic of a probe that was interrupted.
///
/// Copies, group offsets, access rules and quotas stay: other programs may have come to depend on them. So do the
/// registrations of its producer ids, without which its copies would no longer be told from other records, and would
/// travel back.
public struct FlowRemoval: Sendable {
    /// A flow that has recorded something so recently is taken to be running, in milliseconds.
    public static let quietTime: Int64 = 20_000

    private let cluster: ClusterSettings
    private let eventLoop: any EventLoop
    private let logger: Logger
    private let wallClock: @Sendable () -> Int64

    /// - Parameter wallClock: milliseconds since 1970.
    public init(
        on cluster: ClusterSettings, eventLoop: any EventLoop, logger: Logger,
        wallClock: @escaping @Sendable () -> Int64
    ) {
        self.cluster = cluster
        self.eventLoop = eventLoop
        self.logger = logger
        self.wallClock = wallClock
    }

    /// Describes the flow, and makes sure that it may be removed.
    ///
    /// - Returns: nil when the cluster does not know it.
    /// - Throws: ``FlowIsRunning`` when it has recorded something within ``quietTime``; ``KafkaError``.
    public func examine(_ flow: String) async throws -> KnownFlow? {
        let catalog = FlowCatalog(cluster, eventLoop: eventLoop, logger: logger, wallClock: wallClock)
        let known: KnownFlow?
        do {
            known = try await catalog.flow(flow)
        } catch {
            await catalog.close()
            throw error
        }
        await catalog.close()
        if let last = known?.lastRecorded, wallClock() - last < Self.quietTime {
            throw FlowIsRunning(flow: flow, cluster: cluster.name, milliseconds: max(0, wallClock() - last))
        }
        return known
    }

    /// Deletes the flow's topics.
    ///
    /// - Returns: the topics that were deleted.
    /// - Throws: ``KafkaError`` of the first one that could not be.
    public func remove(_ flow: String) async throws(KafkaError) -> [String] {
        let client = ClusterClient(cluster, eventLoop: eventLoop, logger: logger)
        let outcomes = await client.deleteTopics([ProgressTopic.name(flow: flow), ProbeTopic.name(flow: flow)])
        await client.close()
        var deleted: [String] = []
        for (topic, outcome) in outcomes.sorted(by: { $0.key < $1.key }) {
            do throws(KafkaError) {
                try outcome.get()
                deleted.append(topic)
            } catch {
                // No probe was interrupted, or an earlier attempt has deleted the topic.
                guard error.code == .unknownTopicOrPartition else { throw error }
            }
        }
        return deleted
    }
}

/// A flow that has recorded something within the last seconds.
public struct FlowIsRunning: Error, Hashable, Sendable, CustomStringConvertible {
    public var flow: String
    public var cluster: String
    /// Time since its newest record.
    public var milliseconds: Int64

    public var description: String {
        "flow \"\(flow)\" recorded progress on cluster \(cluster) \(milliseconds) ms ago, so it seems to run: stop it, and "
            + "try again \(FlowRemoval.quietTime / 1_000) s later"
    }
}
