import KafkaClient
import Replication
import Testing

@Suite struct SyncTopicPlanTests {
    private func planner(_ edit: (inout SyncSettings) -> Void = { _ in }) -> TopicPlanner {
        let everything = NameSelection(allow: [], deny: [])
        var settings = FlowSettings(
            name: "f", source: ClusterSettings(name: "east", bootstrapServers: []),
            target: ClusterSettings(name: "west", bootstrapServers: []), topics: everything,
            consumerGroups: everything, naming: .identical, targetAlias: "west")
        edit(&settings.sync)
        return TopicPlanner(settings)
    }

    private func topic(_ name: String, partitions: Int32, replicas: Int32 = 3) -> TopicMetadata {
        TopicMetadata(
            name: name,
            partitions: Dictionary(
                uniqueKeysWithValues: (0..<partitions).map {
                    ($0, PartitionMetadata(leader: 1, replicas: Array(1...replicas)))
                }))
    }

    private func cluster(brokers: Int32 = 3, _ topics: TopicMetadata...) -> ClusterMetadata {
        var metadata = ClusterMetadata()
        for id in 1...brokers {
            metadata.brokers[id] = BrokerEndpoint(id: id, address: HostAndPort(host: "b", port: Int(id)))
        }
        for topic in topics { metadata.topics[topic.name] = topic }
        return metadata
    }

    private func selected(_ topic: TopicMetadata) -> SelectedTopic {
        SelectedTopic(source: topic, targetName: topic.name)
    }

    @Test(arguments: [
        (ReplicationFactor.source, 3, 3), (.source, 2, 2), (.broker, 3, -1), (.number(5), 3, 5),
    ])
    func `a copy has the replicas that the setting says, and the source's at most as many as brokers`(
        factor: ReplicationFactor, brokers: Int32, expected: Int16
    ) {
        let planner = planner { $0.replicationFactor = factor }
        let action = planner.creation(
            of: selected(topic("orders", partitions: 4)), configs: [:], on: cluster(brokers: brokers))

        #expect(
            action == .createTopic(NewTopic("orders", partitions: 4, replicationFactor: expected), source: "orders"))
    }

    @Test func `fewer partitions grow, more are named`() {
        let less = planner().partitions([selected(topic("t", partitions: 3))], on: cluster(topic("t", partitions: 2)))
        let more = planner().partitions([selected(topic("t", partitions: 3))], on: cluster(topic("t", partitions: 5)))
        let same = planner().partitions([selected(topic("t", partitions: 3))], on: cluster(topic("t", partitions: 3)))

        #expect(less.actions == [.addPartitions(topic: "t", from: 2, to: 3)])
        #expect(more.isEmpty && more.notes.map(\.kind) == [.partitionCount])
        #expect(same.isEmpty && same.notes.isEmpty)
    }

    @Test func `without sync of partitions the difference is named`() {
        let planner = planner { $0.partitions = false }
        let plan = planner.partitions([selected(topic("t", partitions: 3))], on: cluster(topic("t", partitions: 2)))

        #expect(plan.isEmpty)
        #expect(plan.notes.map(\.kind) == [.partitionCount])
    }

    /// A flow that remembers `t` as its own, missed since `missing`; `t` is gone at `now`.
    private func deletions(
        _ planner: TopicPlanner, created: Bool = true, missing: Int64? = nil, now: Int64, isBack: Bool = false
    ) -> SyncPlan {
        var ledger = LedgerState()
        ledger.apply(.config(source: "t", key: "k", value: "v"))
        if created { ledger.apply(.created(source: "t", configs: [:])) }
        ledger.apply(.missing(source: "t", since: missing))
        return planner.deletions(
            gone: isBack ? [:] : ["t": "t"], present: isBack ? ["t"] : [], ledger: ledger,
            target: cluster(topic("t", partitions: 1)), now: now)
    }

    @Test func `by default a copy outlives its source`() {
        let plan = deletions(planner(), missing: 0, now: .max / 2)

        #expect(plan.isEmpty)
        #expect(plan.notes.map(\.kind) == [.sourceDeleted])
    }

    @Test func `a copy is deleted once the source has been gone for long enough`() {
        let planner = planner { $0.deleteTopics = .after(.seconds(60)) }

        #expect(deletions(planner, now: 1_000).bookkeeping == [.missing(source: "t", since: 1_000)])
        #expect(deletions(planner, missing: 1_000, now: 60_999).isEmpty)
        #expect(deletions(planner, missing: 1_000, now: 61_000).actions == [.deleteTopic(topic: "t", source: "t")])
    }

    @Test func `a source that comes back is not missed any more`() {
        let planner = planner { $0.deleteTopics = .after(.seconds(60)) }
        let plan = deletions(planner, missing: 1_000, now: 99_000, isBack: true)

        #expect(plan.isEmpty)
        #expect(plan.bookkeeping == [.missing(source: "t", since: nil)])
    }

    @Test func `a topic that the flow did not create is never deleted`() {
        let plan = deletions(
            planner { $0.deleteTopics = .after(.zero) }, created: false, missing: 1, now: 99_000)

        #expect(plan.isEmpty)
        #expect(plan.notes.map(\.kind) == [.sourceDeleted])
    }
}
