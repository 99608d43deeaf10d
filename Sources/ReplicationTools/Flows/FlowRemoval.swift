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
    /// - Throws: ``FlowIsShared`` when it has instances; ``FlowIsRunning`` when it has recorded something within ``quietTime``; ``UnknownWhetherFlowRuns``;
    ///   ``UnknownWhetherFlowIsShared``;
    ///   ``KafkaError``.
    public func examine(_ flow: String) async throws -> KnownFlow? {
        let catalog = FlowCatalog(cluster, eventLoop: eventLoop, logger: logger, wallClock: wallClock)
        let known: KnownFlow?
        var last: Int64?
        do {
            known = try await catalog.flow(flow)
            if let known {
                do throws(KafkaError) {
                    last = try await catalog.lastRecorded(known.progressTopic)
                } catch {
                    throw UnknownWhetherFlowRuns(
                        flow: flow, cluster: cluster.name, topic: known.progressTopic, reason: "\(error)")
                }
            }
        } catch {
            await catalog.close()
            throw error
        }
        await catalog.close()
        if known != nil { try await checkInstances(of: flow) }
        if let last {
            // A record's timestamp may be any number.
            let age = max(0, wallClock().saturatingSubtracting(last))
            guard age >= Self.quietTime else {
                throw FlowIsRunning(flow: flow, cluster: cluster.name, milliseconds: age)
            }
        }
        return known
    }

    private func checkInstances(of flow: String) async throws {
        let client = ClusterClient(cluster, eventLoop: eventLoop, logger: logger)
        do {
            try await InstanceGroup(flow: flow).checkIsEmpty(on: client, wallClock: wallClock)
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }

    /// Deletes the flow's topics and its group, and waits until the cluster no longer shows them.
    ///
    /// - Returns: the topics that were deleted. A group that cannot be deleted goes by itself: it holds no offsets.
    /// - Throws: ``KafkaError`` of the first one that could not be.
    public func remove(_ flow: String) async throws(KafkaError) -> [String] {
        let client = ClusterClient(cluster, eventLoop: eventLoop, logger: logger)
        let outcome: Result<[String], KafkaError>
        do throws(KafkaError) {
            outcome = .success(try await remove(flow, with: client))
        } catch {
            outcome = .failure(error)
        }
        await client.close()
        return try outcome.get()
    }

    private func remove(_ flow: String, with client: ClusterClient) async throws(KafkaError) -> [String] {
        let outcomes = await client.deleteTopics([ProgressTopic.name(flow: flow), ProbeTopic.name(flow: flow)])
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
        _ = await client.deleteGroups([InstanceGroup(flow: flow).name])
        try await awaitEnd(of: deleted, client)
        return deleted
    }

    /// A cluster says yes to a deletion before it has done it.
    private func awaitEnd(of topics: [String], _ client: ClusterClient) async throws(KafkaError) {
        guard !topics.isEmpty else { return }
        var left: [String] = []
        for attempt in 0..<Self.looks {
            let metadata = try await client.metadata(.named(topics))
            left = topics.filter { metadata.topics[$0]?.partitions.isEmpty == false }
            guard !left.isEmpty else { return }
            guard (try? await Task.sleep(for: .milliseconds(50 * (attempt + 1)))) != nil else { break }
        }
        guard let topic = left.first else { return }
        throw KafkaError(
            .unexpectedAnswer("the cluster has accepted the deletion, and still shows the topic"),
            during: .request(.deleteTopics), cluster: cluster.name, topic: topic)
    }

    /// Looks for a topic that is being deleted: about 10 s in all.
    private static let looks = 20
}

/// A flow with instances that are members of its group.
public struct FlowIsShared: Error, Hashable, Sendable, CustomStringConvertible {
    public var flow: String
    public var cluster: String
    public var group: String

    public var description: String {
        "flow \"\(flow)\" runs: its group \(group) on cluster \(cluster) has members. Stop every instance of it, and try "
            + "again; one that was killed is a member until its session has ended"
    }
}

/// A flow of which nobody can tell whether instances run it.
public struct UnknownWhetherFlowIsShared: Error, Hashable, Sendable, CustomStringConvertible {
    public var flow: String
    public var cluster: String
    public var group: String
    public var reason: String

    public var description: String {
        "cannot tell whether an instance of flow \"\(flow)\" runs, since its group \(group) on cluster \(cluster), or what the "
            + "flow recorded there, cannot be looked at: \(reason). Nothing was changed for it; try again when the cluster answers"
    }
}

/// A flow whose memory cannot be read, so that nobody can tell when it last recorded something.
public struct UnknownWhetherFlowRuns: Error, Hashable, Sendable, CustomStringConvertible {
    public var flow: String
    public var cluster: String
    public var topic: String
    public var reason: String

    public var description: String {
        "cannot tell whether flow \"\(flow)\" runs, since what it recorded on cluster \(cluster) cannot be read: "
            + "\(reason). If no process runs it, delete the topic \(topic) there yourself"
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
