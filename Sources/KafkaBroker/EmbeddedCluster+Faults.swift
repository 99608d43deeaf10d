public import KafkaWire

/// Faults on demand: what happens to clusters in real life, at the moment a test wants it.
extension EmbeddedCluster {
    /// Takes a node away; its partitions get other leaders where another in-sync replica is live.
    ///
    /// - Parameter isControlled: the node hands its partitions over before its connections are cut, as Kafka's controlled
    ///   shutdown does; otherwise connections break first, as in a crash.
    public func stop(node id: Int32, isControlled: Bool = false) async throws {
        try await onLoop { cluster in
            try cluster.nodeForFault(id).isLive = false
            if isControlled { try cluster.reelect() }
        }
        await closeListener(of: id)
        try await onLoop { try $0.reelect() }
    }

    /// Brings a stopped node back, on the port it had. It is a follower until it is elected again.
    public func start(node id: Int32) async throws {
        let isLive = try await onLoop { try $0.nodeForFault(id).isLive }
        guard !isLive else { return }
        try await openListener(of: id)
        try await onLoop { cluster in
            let node = try cluster.nodeForFault(id)
            node.isLive = true
            node.thaw()
            try cluster.reelect()
        }
    }

    /// Lets a node fall silent: it accepts connections and requests and answers nothing, until ``thaw(node:)``.
    public func freeze(node id: Int32) async throws {
        try await onLoop { cluster in
            let node = try cluster.nodeForFault(id)
            guard node.isLive else { throw BrokerError.notPossible("node \(id) is stopped") }
            node.freeze()
        }
    }

    /// The frozen node continues where it was.
    public func thaw(node id: Int32) async throws {
        try await onLoop { try $0.nodeForFault(id).thaw() }
    }

    /// Cuts the connections of all nodes, or of one; clients may connect again at once. Returns how many there were.
    @discardableResult
    public func cutConnections(node id: Int32? = nil) async throws -> Int {
        try await onLoop { cluster in
            let nodes = try id.map { [try cluster.nodeForFault($0)] } ?? cluster.nodes
            let count = nodes.reduce(0) { $0 + $1.connections.count }
            for node in nodes { node.closeConnections() }
            return count
        }
    }

    /// Makes a live in-sync replica the leader of a partition, with a new leader epoch.
    public func moveLeader(topic: String, partition: Int32, to node: Int32) async throws {
        try await onLoop { try $0.moveLeader(of: $0.partitionForFault(topic, partition), to: node) }
    }

    /// The node that leads a partition; nil without such a partition or leader.
    public func leader(topic: String, partition: Int32) async -> Int32? {
        await onLoop { $0.partition(topic, partition)?.leader }.flatMap { $0 < 0 ? nil : $0 }
    }

    /// Shortens a partition's log: records from `offset` on are lost, under a new leader epoch, as after an unclean
    /// election. A batch that spans `offset` goes whole.
    ///
    /// - Parameter keepsEpoch: no new epoch begins, as when a disk is restored from an older copy.
    /// - Returns: the log's end after that.
    @discardableResult
    public func truncate(
        topic: String, partition: Int32, to offset: Int64, keepsEpoch: Bool = false
    ) async throws -> Int64 {
        try await onLoop {
            try $0.truncate($0.partitionForFault(topic, partition), to: offset, keepsEpoch: keepsEpoch)
        }
    }

    /// Removes the records of a partition below `offset`, as retention would.
    ///
    /// - Returns: the log's start after that.
    @discardableResult
    public func expire(topic: String, partition: Int32, before offset: Int64) async throws -> Int64 {
        try await onLoop { try $0.expire($0.partitionForFault(topic, partition), before: offset) }
    }

    /// Removes the records before the first one that is not older than `timestamp` (milliseconds since 1970).
    ///
    /// - Returns: the log's start after that.
    @discardableResult
    public func expire(topic: String, partition: Int32, olderThan timestamp: Int64) async throws -> Int64 {
        try await onLoop { try $0.expire($0.partitionForFault(topic, partition), olderThan: timestamp) }
    }

    /// Deletes a topic and creates its namesake in one step: the same partitions and settings, no records, another id.
    ///
    /// - Returns: the new topic id, as Kafka prints it.
    @discardableResult
    public func recreateTopic(_ name: String) async throws -> String {
        try await onLoop { try $0.recreateTopic(name).id.description }
    }

    /// Lists a group as one of another type, as clusters do that have such: `streams` (KIP-1071) or `share` (KIP-932). One
    /// that does not exist is listed all the same, with members.
    ///
    /// - Parameter type: nil to list it as what it is.
    public func listGroup(_ group: String, as type: String?) async {
        await onLoop { $0.groups.listedTypes[ExactName(group)] = type }
    }

    /// Creates a group of Kafka Streams (KIP-1071) without members; who knows its id commits offsets for it. It is kept
    /// with the data, until it is deleted.
    public func createStreamsGroup(_ group: String) async throws {
        try await onLoop { cluster in
            _ = try cluster.offsetsTopic()
            _ = try cluster.createMemberlessGroup(group, .streams)
        }
    }

    /// Has WriteTxnMarkers refused with INVALID_TOPIC_EXCEPTION for one topic, there or not, as brokers do for topics that
    /// they keep without disks of their own; or has it taken again. Transactions of producers are not concerned.
    public func setMarkers(refused: Bool, topic: String) async {
        await onLoop { cluster in
            if refused { cluster.withoutMarkers.insert(topic) } else { cluster.withoutMarkers.remove(topic) }
        }
    }

    /// Sets the broker's wall clock forward or back by so many milliseconds, on top of earlier jumps. Time stamps,
    /// retention and the expiry of offsets, producers and transactions follow it; session time-outs, like those of
    /// Kafka, run on a clock that never jumps.
    public func jumpClock(byMilliseconds milliseconds: Int64) async throws {
        try await onLoop { try $0.jumpClock(by: milliseconds) }
    }

    /// Makes the disk that holds the logs slow, nearly full, or both; in force when this returns, until the next call.
    ///
    /// The nodes share the disk, and one thread: while it waits for the disk everything else waits too.
    /// - Parameters:
    ///   - delay: milliseconds that each read, write and flush takes longer, 0 to 10,000.
    ///   - bytesLeft: how many bytes can still be written; appends that need more are refused with KAFKA_STORAGE_ERROR.
    ///     Nil: as many as the disk really has.
    /// - Throws: `BrokerError.invalidSettings` for a value out of its range, `.notPossible` when everything is kept in memory.
    public func setDisk(delay milliseconds: Int = 0, bytesLeft: Int? = nil) throws(BrokerError) {
        guard (0...10_000).contains(milliseconds) else {
            throw .invalidSettings("an access to the disk takes 0 to 10000 ms longer, not \(milliseconds)")
        }
        guard bytesLeft ?? 0 >= 0 else { throw .invalidSettings("a disk has no less than 0 bytes left") }
        guard let disk else { throw .notPossible("everything is kept in memory: there is no disk") }
        disk.set(delay: UInt32(milliseconds), bytesLeft: bytesLeft)
    }

    /// Nodes, topics with their offsets and leaders, and groups, as they are now.
    public func snapshot() async -> ClusterSnapshot {
        await onLoop { $0.snapshot() }
    }

    /// Does `action` to the next `times` requests of this kind, to any node or to one, about anything or one topic; in
    /// force when this returns.
    public func intercept(
        _ api: ApiKey, times: Int = 1, node: Int32? = nil, topic: String? = nil, _ action: InterceptAction
    ) {
        interceptions.add(Interception(api: api, node: node, topic: topic, remaining: times, action: action))
    }

    /// The interceptions that have not happened, the oldest first.
    public var waitingInterceptions: [Interception] { interceptions.waiting }

    /// Forgets all interceptions that have not happened.
    public func removeInterceptions() {
        interceptions.removeAll()
    }
}
