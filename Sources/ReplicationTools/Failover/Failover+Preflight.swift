internal import KafkaClient
internal import KafkaWire
internal import Replication

// Checks before a failover.
extension Failover {
    func examine() async throws -> Ending {
        var obstacles: [String] = []
        let targetID = try await identity(of: target, &obstacles)
        let sourceID: String?
        if options.kind == .planned {
            sourceID = try await identity(of: source, &obstacles)
        } else {
            sourceID = await probeSource()
        }
        guard obstacles.isEmpty, let targetID else {
            throw FailoverError.notReady(flow: settings.name, obstacles: obstacles)
        }
        try await recall()
        obstacles += try await examineMemory(sourceID: sourceID, targetID: targetID)
        guard obstacles.isEmpty else { throw FailoverError.notReady(flow: settings.name, obstacles: obstacles) }
        if sourceFailure == nil { obstacles += try await examineOpposite() }
        if options.kind == .planned {
            obstacles += try await examineRights()
            obstacles += try await examineTopics()
        }
        guard obstacles.isEmpty else { throw FailoverError.notReady(flow: settings.name, obstacles: obstacles) }
        report.partitions = memory.passed.count
        return (.done, try await standing())
    }

    private func identity(of client: ClusterClient, _ obstacles: inout [String]) async throws -> String? {
        do throws(KafkaError) {
            return try await client.metadata(.none).clusterID ?? ""
        } catch {
            let remedy = client === source ? "; if it is lost, use --unplanned" : ""
            obstacles.append("\(client.settings.name) does not answer: \(error)\(remedy)")
            return nil
        }
    }

    private func probeSource() async -> String? {
        do throws(KafkaError) {
            let id = try await source.metadata(.none).clusterID ?? ""
            say(.note("\(settings.source.name) answers: a planned failover would leave nothing behind."))
            return id
        } catch {
            sourceFailure = error
            say(.note("\(settings.source.name) does not answer: \(error)"))
            return nil
        }
    }

    private func examineMemory(sourceID: String?, targetID: String) async throws -> [String] {
        let from = settings.source.name
        let to = settings.target.name
        if let sourceID, !sourceID.isEmpty, sourceID == targetID {
            return ["\(from) and \(to) are one cluster, \(targetID): correct bootstrapServers of one of them"]
        }
        guard let recorded = memory.flow.identity else {
            if sourceFailure == nil {
                var there = FlowMemory(flow: settings.name, on: source)
                try await there.refresh()
                if there.flow.identity != nil {
                    return [
                        "source and target are exchanged: what flow \(settings.name) remembers lies on \(from), which should "
                            + "be its source. Exchange bootstrapServers of \(from) and \(to), or name the opposite flow"
                    ]
                }
            }
            return [
                "the flow has never run: there is nothing on \(to) to continue from. Start it with `replicator run`"
            ]
        }
        let now = FlowIdentity(
            sourceClusterID: sourceID ?? recorded.sourceClusterID, targetClusterID: targetID,
            naming: settings.naming.recorded, startFrom: recorded.startFrom,
            offsets: settings.offsets)
        guard let difference = recorded.difference(from: now) else { return [] }
        return [
            "the flow has run with \(difference.what) \(difference.recorded), and now it is \(difference.configured): "
                + "are the bootstrapServers of \(from) and \(to) right?"
        ]
    }

    /// The way back must not be half gone already.
    private func examineOpposite() async throws -> [String] {
        guard let opposite else { return [] }
        guard opposite.offsets == .translate || settings.offsets == .preserve else {
            return [
                "flow \(opposite.name) has offsets: preserve, and the copies of flow \(settings.name) have other offsets than "
                    + "their sources: let it translate, or say --one-way"
            ]
        }
        var there = FlowMemory(flow: opposite.name, on: source)
        try await there.refresh()
        guard let record = there.failover, record.closed == nil, record.finished == nil else { return [] }
        return [
            "a failover of flow \(opposite.name) has been begun by \(record.owner) and has not ended: bring it to its "
                + "end, or undo it with --undo"
        ]
    }

    private func examineRights() async throws -> [String] {
        guard !options.fence.isEmpty else { return [] }
        let cluster = settings.source.name
        do throws(KafkaError) {
            _ = try await source.accessRules()
            if try await source.authorizedOperationsOnCluster()?.allows(.alter) == false {
                let missing = MissingPermission(.alter, on: .cluster, of: settings.source)
                return ["producers cannot be kept out of \(cluster): \(missing); \(missing.command)"]
            }
            return []
        } catch  where error.isNotOffered {
            return [
                "producers cannot be kept out of \(cluster): it has no authorizer. Stop them yourself, and leave "
                    + "--fence out"
            ]
        } catch  where error.isAuthorization {
            let missing = MissingPermission(.describe, on: .cluster, of: settings.source)
            return ["access rules of \(cluster) cannot be read: \(missing); \(missing.command)"]
        } catch {
            throw error
        }
    }

    /// Topics and partitions that waiting would not help.
    private func examineTopics() async throws(KafkaError) -> [String] {
        let accounts = try await AccountObserver(settings: settings, source: source, target: target)
            .accounts(memory.flow.checkpoints.recorded)
        let policies = settings.policies
        let left = accounts.filter { account in
            switch account.state {
            case .recreated, .copyGone: policies.recreated == .stop
            case .truncated: policies.truncated == .stop
            case .expired: policies.expired == .stop
            case .leaderless, .uncreatable, .withheld, .undecided, .unknown: true
            case .complete, .behind, .stopped, .openTransaction, .waiting, .excluded, .deleted: false
            }
        }
        return left.left.map { "\($0). Mend it, or leave it out with topics.deny" }
    }

    /// Describes the state of both clusters.
    private func standing() async throws -> String {
        let partitions = Self.count(memory.passed.count, "partition")
        let topics = Self.count(Set(memory.passed.keys.map(\.topic)).count, "topic")
        guard sourceFailure == nil else {
            return "\(settings.target.name) has \(partitions) of \(topics); \(settings.source.name) does not answer"
        }
        let behind = try await behind(try await committedEnds())
        let lag = behind.values.reduce(0, +)
        return "\(partitions) of \(topics), "
            + (lag == 0 ? "everything copied" : "\(Self.count(lag, "offset")) in \(behind.count) of them to be copied")
    }

    /// The source topics that the flow copies.
    func selectedTopics() async throws(KafkaError) -> [SelectedTopic] {
        MetadataObserver(settings: settings, source: source, target: target).select(try await source.metadata(.all))
    }

    func selectedPartitions() async throws(KafkaError) -> [TopicPartition] {
        try await selectedTopics().flatMap { topic in
            topic.source.partitions.keys.map { TopicPartition(topic.source.name, $0) }
        }
    }

    /// Present last stable offsets of the source's partitions.
    func committedEnds() async throws(KafkaError) -> [TopicPartition: Int64] {
        try await source.bounds(.latest, of: try await selectedPartitions(), isolation: .readCommitted)
    }

    /// Source offsets that have not passed yet, for the partitions that are behind.
    func behind(_ ends: [TopicPartition: Int64]) async throws(FlowError) -> [TopicPartition: Int64] {
        try await recall()
        let passed = memory.passed
        // One that is not known at all counts as behind, even while it is empty.
        return ends.filter { (passed[$0.key] ?? -1) < $0.value }.reduce(into: [:]) { behind, end in
            behind[end.key] = end.value - (passed[end.key] ?? 0)
        }
    }
}
