import Foundation
import Observability
import Replication
import ReplicatorDaemon
import Testing

@Suite struct StatusDocumentTests {
    private func cluster(isUp: Bool?) -> StatusDocument.Cluster {
        var health = ClusterHealth(name: "east")
        health.isUp = isUp
        health.clusterID = "abc"
        health.brokers = 3
        health.seenAt = 7
        if isUp == false { health.error = "connection refused" }
        return StatusDocument.Cluster(health, throttleSeconds: 1.5, authErrors: 2)
    }

    private func document(
        _ status: FlowStatus, isUp: Bool? = true, lastReload: ReloadReport? = nil
    ) -> StatusDocument {
        let sample = FlowSample(status, since: nil, seconds: 0) { _ in
            TopicMeasurement(bytes: 0, records: 0, latency: (mean: 0.5, maximum: 2))
        }
        return StatusDocument(
            version: "1.2", startedAt: 10, time: 20, clusters: [cluster(isUp: isUp)],
            flows: [FlowDocument(status, sample: sample)], lastReload: lastReload)
    }

    @Test func `the document has these fields`() throws {
        let document = document(
            try .of(PartitionFacts(offset: 4, lag: 2)),
            lastReload: ReloadReport(time: 15, isApplied: true, messages: ["topics"]))

        #expect(
            document.json == """
                {"clusters":[{"authErrors":2,"brokers":3,"clusterID":"abc","isUp":true,"name":"east","seenAt":7,\
                "throttleSeconds":1.5}],"flows":[{"bytesPerSecond":0,"condition":"running",\
                "counts":{"failed":0,"lagUnknown":0,"partitions":1,"paused":0,"stuck":0,"topics":1,"waitingTopics":0},\
                "groups":[],"lag":2,"latencyMaximum":2,\
                "latencyMean":0.5,"name":"there","obstacles":[],"partitions":[{"bufferedBytes":0,"doubled":0,"foreign":0,"lag":2,\
                "partition":0,"readBytes":0,"skipped":{},"sourceEnd":6,"sourceOffset":4,"state":"active",\
                "targetOffset":4,"targetTopic":"east.orders","topic":"orders","written":4,"writtenBytes":0}],"paused":[],\
                "recordsPerSecond":0,"source":"east","state":"running","target":"west","topics":[{"bytesPerSecond":0,\
                "lag":2,"latencyMaximum":2,"latencyMean":0.5,"partitions":1,"recordsPerSecond":0,"state":"active",\
                "targetTopic":"east.orders","topic":"orders"}]}],"isReady":true,"lastReload":{"isApplied":true,\
                "messages":["topics"],"time":15},"obstacles":[],"startedAt":10,"time":20,"version":"1.2"}
                """)
    }

    @Test func `a command reads what the daemon writes`() throws {
        let document = document(try .of(PartitionFacts(state: "failed", reason: "full")), isUp: false)

        let read = try JSONDecoder().decode(StatusDocument.self, from: Data(document.json.utf8))

        #expect(read.json == document.json)
    }

    @Test func `a cluster that cannot be reached is an obstacle, one that was not asked yet is none`() throws {
        let status = try FlowStatus.of(PartitionFacts())

        #expect(document(status, isUp: false).obstacles == ["cluster east cannot be reached: connection refused"])
        #expect(document(status, isUp: nil).isReady)
    }

    @Test(arguments: ["starting", "draining", "stopped"])
    func `a flow that does not run is an obstacle`(state: String) throws {
        #expect(document(try .of(PartitionFacts(), state: state)).obstacles == ["flow there is \(state)"])
    }

    @Test func `partitions that have stopped or stand still are obstacles, with their reasons`() throws {
        let document = document(
            try .of(
                PartitionFacts(partition: 0, state: "failed", reason: "source log was truncated"),
                PartitionFacts(partition: 1, obstacle: "disk full", offset: 9, lag: 4, stuckForSeconds: 61),
                PartitionFacts(partition: 2, state: "paused", lag: 4)))

        #expect(
            document.obstacles == [
                "flow there: orders-0 has stopped: source log was truncated",
                "flow there: orders-1 has made no progress for 61 s at offset 9, 4 behind: disk full",
            ])
        #expect(!document.isReady)
    }

    @Test func `a lag that was never known is an obstacle, and is null in the document`() throws {
        let document = document(
            try .of(
                PartitionFacts(partition: 0, lag: 4),
                PartitionFacts(partition: 1, lag: nil, lagUnknown: "no leader"),
                PartitionFacts(partition: 2, lag: nil, lagUnknown: "no leader")))

        #expect(
            document.obstacles == [
                "flow there: the lag of 2 partitions of 1 topic is not known yet (orders-1, orders-2): no leader"
            ])
        #expect(document.json.contains(#""knownLag":4,"lag":null,"lagUnknownPartitions":2"#))
        #expect(document.flows[0].rates.lag == nil)
    }

    @Test func `topics that wait are obstacles, and are listed without partitions`() throws {
        var status = try FlowStatus.of(PartitionFacts())
        status.waiting = [
            FlowStatus.WaitingTopic(
                topic: "users", targetTopic: "east.users", partitions: 3, reason: "no right", since: 5)
        ]
        let document = document(status)

        #expect(document.obstacles == ["flow there: topic users is not replicated: no right"])
        #expect(document.flows[0].rates.topics.map(\.state) == ["active", "waiting"])
        #expect(document.flows[0].rates.topics.map(\.partitions) == [1, 0])
        #expect(document.flows[0].rates.topics.map(\.reason) == [nil, "no right"])
    }

    @Test func `a flow that waits says why`() throws {
        var status = try FlowStatus.of(state: "waiting")
        status.reason = "west: connection refused"

        #expect(document(status).obstacles == ["flow there is waiting: west: connection refused"])
        #expect(document(status).flows[0].rates.lag == nil)
    }

    @Test(arguments: [(0, 2_000), (20, 2_000), (30, 3_000), (40, 4_000), (1_000, 4_000), (3_000, 2_000), (9_000, 500)])
    func `whatever a poll takes, what is shown is at most five seconds old when the next begins`(
        poll: Int, pause: Int
    ) {
        #expect(Daemon.pause(afterPollOf: .milliseconds(poll)) == .milliseconds(pause))
    }

    @Test func `a listing of problems is bounded, and its counts and obstacles are those of all`() throws {
        var status = try FlowStatus.of()
        let one = try #require(try FlowStatus.of(PartitionFacts(lag: 4, stuckForSeconds: 61)).partitions.first)
        status.partitions = (0..<3_000).map { number in
            var partition = one
            partition.partition = Int32(number)
            if number == 2_999 { partition.state = .failed }
            return partition
        }
        status.waiting = (0..<3_000).map {
            FlowStatus.WaitingTopic(topic: "t\($0)", targetTopic: "t\($0)", partitions: 1, reason: "no right", since: 5)
        }
        let document = document(status)

        let flow = document.listing(.problems).flows[0]

        #expect(flow.status.partitions.count == StatusDocument.problemLimit)
        #expect(flow.status.partitions.first?.state == .failed)
        #expect(flow.status.waiting?.count == StatusDocument.problemLimit)
        #expect(flow.rates.topics.count == StatusDocument.topicLimit)
        #expect(flow.rates.topics.first?.topic == "orders")
        #expect(flow.verdict.counts.partitions == 3_000)
        #expect(flow.verdict.counts.topics == 3_001)
        #expect(flow.verdict.obstacles == document.obstacles)
        #expect(document.listing(.all).flows[0].rates.topics.count == 3_001)
    }

    @Test func `a document about one flow has the obstacles of all its partitions, whichever are listed`() throws {
        let document = document(try .of(PartitionFacts(lag: nil, lagUnknown: "no leader")))

        let listed = document.listing(.problems).about(flow: "there")

        #expect(listed.obstacles == ["flow there: the lag of orders-0 is not known yet: no leader"])
        #expect(!listed.isReady)
    }

    @Test func `a flow whose cluster is down is told as that`() throws {
        let stuck = try FlowStatus.of(PartitionFacts(lag: 4, stuckForSeconds: 61))

        #expect(document(stuck, isUp: false).flows[0].verdict.condition == .sourceDown)
        #expect(document(stuck).flows[0].verdict.condition == .stuck)
    }

    @Test func `a listing leaves partitions out, and what is told of all of them stays`() throws {
        let document = document(
            try .of(
                PartitionFacts(partition: 0, state: "failed"), PartitionFacts(partition: 1),
                PartitionFacts(topic: "users", partition: 0)))
        func listed(_ selection: PartitionSelection) -> [String] {
            let listing = document.listing(selection)
            #expect(listing.flows[0].rates.topics.map(\.partitions) == [2, 1])
            #expect(listing.obstacles == document.obstacles)
            return listing.flows[0].status.partitions.map { "\($0.topic)-\($0.partition)" }
        }

        #expect(listed(.all) == ["orders-0", "orders-1", "users-0"])
        #expect(listed(.problems) == ["orders-0"])
        #expect(listed(.topic("users")) == ["users-0"])
    }
}
