import Observability
import Replication
import ReplicatorDaemon
import Testing

/// A flow as several instances tell of it.
@Suite struct SharedStatusTests {
    private let ids = ["a", "b", "c"]

    /// The part of an instance.
    private func part(
        of id: String, _ partitions: PartitionFacts..., state: String = "running", tasks: [String] = [],
        bytesPerSecond: Double = 0, isUp: Bool = true, edit: (inout FlowStatus) -> Void = { _ in }
    ) throws -> StatusDocument {
        var status = try FlowStatus.of(state: state)
        for facts in partitions { status.partitions += try FlowStatus.of(facts).partitions }
        status.tasks = tasks
        status.instances = ids.map {
            FlowStatus.Instance(
                instance: $0, address: "http://\($0):1", isSelf: $0 == id, since: 5, partitions: nil, tasks: nil)
        }
        edit(&status)
        var flow = FlowDocument(
            status, sample: FlowSample(status, since: nil, seconds: 0) { _ in TopicMeasurement(bytes: 0, records: 0) })
        flow.rates.bytesPerSecond = bytesPerSecond
        var health = ClusterHealth(name: "west")
        health.isUp = isUp
        health.error = isUp ? nil : "refused"
        return StatusDocument(
            version: "1", instance: id, startedAt: 0, time: 10,
            clusters: [StatusDocument.Cluster(health, throttleSeconds: 0, authErrors: 0)], flows: [flow],
            lastReload: nil)
    }

    private func joined(
        _ own: StatusDocument, _ others: StatusDocument..., silent: [String: String] = [:],
        listing: PartitionSelection = .all
    ) throws -> (document: StatusDocument, flow: FlowDocument) {
        var answers = Dictionary(uniqueKeysWithValues: others.map { ($0.instance ?? "", InstanceAnswer.document($0)) })
        for (id, reason) in silent { answers[id] = .silent(reason: reason, since: 7) }
        let document = own.joined(with: answers, listing: listing)
        return (document, try #require(document.flows.first))
    }

    @Test func `partitions, rates and counts are those of all, each partition with its instance`() throws {
        let (document, flow) = try joined(
            try part(of: "a", PartitionFacts(partition: 2, lag: 1), bytesPerSecond: 10),
            try part(of: "b", PartitionFacts(partition: 0, lag: 2), bytesPerSecond: 20),
            try part(of: "c", PartitionFacts(topic: "users", lag: 4), bytesPerSecond: 30))

        #expect(flow.status.partitions.map { "\($0.topic)-\($0.partition)" } == ["orders-0", "orders-2", "users-0"])
        #expect(flow.status.partitions.map(\.instance) == ["b", "a", "c"])
        #expect(flow.rates.bytesPerSecond == 60)
        #expect(flow.rates.lag == 7)
        #expect(flow.rates.topics.map(\.topic) == ["orders", "users"])
        #expect(flow.rates.topics.map(\.partitions) == [2, 1])
        #expect(flow.rates.topics.map(\.lag) == [3, 4])
        #expect(flow.verdict.counts.partitions == 3)
        #expect(flow.verdict.counts.topics == 2)
        #expect(flow.status.instances?.map(\.partitions) == [nil, 1, 1])
        #expect(flow.verdict.condition == .running)
        #expect(document.isReady)
    }

    @Test func `what is wrong with any of them is wrong with the flow, and is told with its instance`() throws {
        let (document, flow) = try joined(
            try part(of: "a", PartitionFacts(partition: 0)),
            try part(of: "b", PartitionFacts(partition: 1, state: "failed", reason: "full"), isUp: false),
            try part(of: "c", PartitionFacts(partition: 2)))

        #expect(!document.isReady)
        #expect(
            document.obstacles == [
                "instance b: cluster west cannot be reached: refused",
                "instance b: flow there: orders-1 has stopped: full",
            ])
        #expect(flow.verdict.condition == .partlyFailed)
        #expect(flow.rates.topics.map(\.state) == ["failed"])
    }

    @Test func `of an instance that is silent nothing is claimed`() throws {
        let (document, flow) = try joined(
            try part(of: "a", PartitionFacts(partition: 0, lag: 3)),
            try part(of: "b", PartitionFacts(partition: 1, lag: 4)), silent: ["c": "connection refused"])

        #expect(
            document.obstacles == ["flow there: nothing is known of the part of instance c: connection refused"])
        #expect(!document.isReady)
        #expect(flow.rates.lag == nil)
        #expect(flow.rates.knownLag == 7)
        #expect(flow.verdict.condition == .partlyUnknown)
        #expect(flow.status.instances?.map(\.reason) == [nil, nil, "connection refused"])
        #expect(flow.status.instances?.last?.since == 7)
    }

    @Test func `worse than not to know is to know of trouble`() throws {
        let (_, flow) = try joined(
            try part(of: "a", PartitionFacts(state: "failed", reason: "full"), PartitionFacts(partition: 1)),
            silent: ["b": "x", "c": "y"])
        #expect(flow.verdict.condition == .partlyFailed)
    }

    @Test func `an instance that has not begun keeps no lag from being known`() throws {
        let (_, flow) = try joined(
            try part(of: "a", PartitionFacts(lag: 3)), try part(of: "b", state: "starting"),
            try part(of: "c", state: "waiting"))

        #expect(flow.rates.lag == 3)
        #expect(flow.status.state == .running)
        #expect(
            flow.verdict.obstacles == [
                "instance b: flow there is starting", "instance c: flow there is waiting",
            ])
    }

    @Test func `where none has begun nothing is known`() throws {
        let (_, flow) = try joined(
            try part(of: "a", state: "starting"), try part(of: "b", state: "starting"),
            try part(of: "c", state: "starting"))
        #expect(flow.rates.lag == nil)
        #expect(flow.verdict.condition == .starting)
    }

    @Test func `a partition that changes hands counts once, for the one who took it over last`() throws {
        let (_, flow) = try joined(
            try part(of: "a", PartitionFacts(offset: 5)) { $0.partitions[0].instanceSince = 100 },
            try part(of: "b", PartitionFacts(offset: 4)) { $0.partitions[0].instanceSince = 200 }, try part(of: "c"))

        #expect(flow.status.partitions.map(\.instance) == ["b"])
        #expect(flow.verdict.counts.partitions == 1)
    }

    @Test func `groups and topics that wait are told by those whose task they are`() throws {
        let group = FlowStatus.WaitingTopic(topic: "users", targetTopic: "users", partitions: 1, reason: "no", since: 1)
        let (_, flow) = try joined(
            try part(of: "a") { $0.groupsReason = "an old reason" },
            try part(of: "b", tasks: ["topics"]) { $0.waiting = [group] },
            try part(of: "c", tasks: ["groups"]) { $0.groupsReason = "down" })

        #expect(flow.status.waiting == [group])
        #expect(flow.status.groupsReason == "down")
        #expect(flow.status.instances?.map(\.tasks) == [nil, ["topics"], ["groups"]])
    }

    @Test func `a reason of the flow as a whole is one that all have`() throws {
        func lost(_ status: inout FlowStatus) { status.reason = "the coordinator is away" }
        let one = try joined(try part(of: "a", edit: lost), try part(of: "b"), try part(of: "c")).flow
        let all = try joined(
            try part(of: "a", edit: lost), try part(of: "b", edit: lost), try part(of: "c", edit: lost))

        #expect(one.status.reason == nil)
        #expect(one.verdict.obstacles == ["flow there: the coordinator is away"])
        #expect(all.flow.status.reason == "the coordinator is away")
        #expect(all.flow.verdict.condition == .stuck)
    }

    @Test func `in a listing of problems the counts are still those of all`() throws {
        let parts = try (part(of: "a", PartitionFacts()), part(of: "b", PartitionFacts(partition: 1)), part(of: "c"))
        let (_, flow) = try joined(
            parts.0, parts.1.listing(.problems), parts.2.listing(.problems), listing: .problems)
        #expect(flow.verdict.counts.partitions == 2)
    }

    @Test func `an instance that does not know the flow is told as such`() throws {
        var stranger = try part(of: "c")
        stranger.flows = []
        let (document, _) = try joined(try part(of: "a"), try part(of: "b"), stranger)
        #expect(
            document.obstacles
                == ["flow there: nothing is known of the part of instance c: it does not know this flow"])
    }

    @Test func `numbers from elsewhere that cannot be do no harm`() throws {
        var liar = try part(of: "b", PartitionFacts(lag: .max))
        liar.flows[0].verdict.counts.partitions = .max
        liar.flows[0].rates.topics[0].partitions = .max
        let (_, flow) = try joined(
            try part(of: "a", PartitionFacts(partition: 1, lag: 9)), liar, try part(of: "c"), listing: .problems)
        #expect(flow.rates.lag == .max)
        #expect(flow.verdict.counts.partitions == .max)
    }

    @Test func `a membership that is lost is told where the flow itself says nothing`() throws {
        let document = try part(of: "a") {
            $0.membership = FlowStatus.Membership(
                instance: "a", generation: 4, state: .refused, reason: "no permission", since: 1)
        }
        #expect(document.obstacles == ["flow there: instance a is not admitted to its group: no permission"])
    }

    @Test func `a lone instance is told as ever`() throws {
        let document = try part(of: "a", PartitionFacts()) { $0.instances = $0.instances.map { [$0[0]] } }
        #expect(document.otherInstances.isEmpty)
        #expect(document.joined(with: [:], listing: .all).json == document.json)
    }
}
