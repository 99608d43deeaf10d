import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Nodes that come and go, and partitions that move between them.
@Suite(.timeLimit(.minutes(1))) struct ClusterTests {
    private static func partition(_ cluster: EmbeddedCluster, _ index: Int = 0) async throws
        -> ClusterSnapshot.Partition
    {
        try #require(await cluster.snapshot().topics.first { $0.name == "t" }?.partitions[index])
    }

    /// Connects to the node that leads partition 0 of "t".
    private static func atLeader<Value: Sendable>(
        of cluster: EmbeddedCluster, _ body: (RawConnection) async throws -> Value
    ) async throws -> Value {
        let leader = try #require(await cluster.leader(topic: "t", partition: 0))
        return try await RawConnection.open(port: cluster.ports[Int(leader) - 1], body)
    }

    private static func elect(_ connection: RawConnection, type: Int8) async throws -> ErrorCode {
        var wanted = ElectLeadersRequest.TopicPartitions()
        wanted.topic = "t"
        wanted.partitions = [0]
        var request = ElectLeadersRequest()
        request.electionType = type
        request.topicPartitions = [wanted]
        let response = try await connection.send(request)
        return try #require(response.replicaElectionResults.first?.partitionResult.first).errorCode
    }

    /// Three nodes with one partition that all hold; the first replica leads.
    private static func withReplicas<Value: Sendable>(
        configs: [String: String] = [:], _ body: (EmbeddedCluster, [Int32]) async throws -> Value
    ) async throws -> Value {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                _ = try await connection.createTopic("t", replicas: 3, configs: configs)
            }
            return try await body(cluster, try await partition(cluster).replicas)
        }
    }

    @Test func `node ids begin where they are asked to`() async throws {
        try await withCluster(nodes: 3, firstNodeID: 0, properties: ["broker.rack": "a,b,c"]) { cluster in
            try await RawConnection.open(port: cluster.ports[2]) { connection async throws in
                _ = try await connection.createTopic("t", partitions: 3, replicas: 3)
                let metadata = try await connection.metadata(["t"])
                #expect(metadata.brokers.map(\.nodeID) == [0, 1, 2])
                #expect(metadata.brokers.map { Int($0.port) } == cluster.ports)
                #expect(metadata.brokers.map(\.rack) == ["a", "b", "c"])
                #expect(metadata.controllerID == 0)
                #expect(metadata.topics.first?.partitions.allSatisfy { Set($0.replicaNodes) == [0, 1, 2] } == true)

                try await cluster.stop(node: 0)
                let after = try await connection.metadata(["t"])
                #expect(after.brokers.map(\.nodeID) == [1, 2])
                #expect(after.topics.first?.partitions.allSatisfy { $0.leaderID != 0 } == true)
                try await cluster.start(node: 0)
            }
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                #expect(try await connection.metadata().brokers.map(\.nodeID) == [0, 1, 2])
            }
        }
    }

    @Test func `the last in-sync replica keeps the partition for itself while it is away`() async throws {
        try await Self.withReplicas { cluster, replicas in
            try await cluster.stop(node: replicas[0])
            try await cluster.stop(node: replicas[1])
            try await cluster.stop(node: replicas[2])
            try await cluster.start(node: replicas[0])

            let waiting = try await Self.partition(cluster)
            #expect(waiting.leader == -1)
            #expect(waiting.isr == [replicas[2]])

            try await cluster.start(node: replicas[2])
            let back = try await Self.partition(cluster)
            #expect(back.leader == replicas[2])
            #expect(Set(back.isr) == [replicas[0], replicas[2]])
        }
    }

    @Test func `an unclean election loses what was written after the new leader left`() async throws {
        try await Self.withReplicas { cluster, replicas in
            _ = try await Self.atLeader(of: cluster) { try await $0.produce(["both have"], to: "t") }
            try await cluster.stop(node: replicas[0])
            _ = try await Self.atLeader(of: cluster) { try await $0.produce(["missed"], to: "t") }
            try await cluster.stop(node: replicas[1])
            try await cluster.stop(node: replicas[2])
            try await cluster.start(node: replicas[0])

            try await RawConnection.open(port: cluster.ports[Int(replicas[0]) - 1]) { connection async throws in
                #expect(try await Self.elect(connection, type: 0) == .preferredLeaderNotAvailable)
                #expect(try await Self.elect(connection, type: 1) == .none)
                #expect(try await Self.elect(connection, type: 1) == .electionNotNeeded)
                #expect(try await connection.fetch("t").values() == ["both have"])
            }
            try await cluster.start(node: replicas[2])
            #expect(Set(try await Self.partition(cluster).isr) == [replicas[0], replicas[2]])
        }
    }

    @Test func `a topic that allows it elects uncleanly by itself`() async throws {
        try await Self.withReplicas(configs: ["unclean.leader.election.enable": "true"]) { cluster, replicas in
            for node in replicas { try await cluster.stop(node: node) }
            try await cluster.start(node: replicas[0])

            #expect(try await Self.partition(cluster).leader == replicas[0])
        }
    }

    @Test func `acks of all need min insync replicas, acks of one do not`() async throws {
        try await Self.withReplicas(configs: ["min.insync.replicas": "2"]) { cluster, replicas in
            try await cluster.stop(node: replicas[2])
            #expect(try await Self.atLeader(of: cluster) { try await $0.produce(["a"], to: "t").errorCode } == .none)
            try await cluster.stop(node: replicas[1])
            try await Self.atLeader(of: cluster) { connection async throws in
                #expect(try await connection.produce(["b"], to: "t").errorCode == .notEnoughReplicas)
                #expect(try await connection.produce(["b"], to: "t", acks: 1).errorCode == .none)
            }
        }
    }

    @Test func `a controlled stop hands its partitions over and loses nobody`() async throws {
        try await Self.withReplicas { cluster, replicas in
            try await cluster.stop(node: replicas[0], isControlled: true)

            let moved = try await Self.partition(cluster)
            #expect(moved.leader == replicas[1])
            #expect(moved.leaderEpoch == 1)
            #expect(await cluster.snapshot().nodes[Int(replicas[0]) - 1].state == .stopped)
        }
    }

    @Test func `a reassignment moves the replicas, with a new epoch when one goes`() async throws {
        try await withCluster(nodes: 3) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                _ = try await connection.createTopic("t")
                let before = try await Self.partition(cluster)
                let other = before.leader % 3 + 1

                func reassign(_ replicas: [Int32]?, partition: Int32 = 0) async throws -> ErrorCode {
                    var wanted = AlterPartitionReassignmentsRequest.ReassignablePartition()
                    wanted.partitionIndex = partition
                    wanted.replicas = replicas
                    var topic = AlterPartitionReassignmentsRequest.ReassignableTopic()
                    topic.name = "t"
                    topic.partitions = [wanted]
                    var request = AlterPartitionReassignmentsRequest()
                    request.topics = [topic]
                    return try #require(
                        try await connection.send(request).responses.first?.partitions.first
                    ).errorCode
                }
                #expect(try await reassign([before.leader, other]) == .none)
                let grown = try await Self.partition(cluster)
                #expect(grown.replicas == [before.leader, other])
                #expect(grown.isr == [before.leader, other])
                #expect(grown.leaderEpoch == before.leaderEpoch)

                #expect(try await reassign([other]) == .none)
                let moved = try await Self.partition(cluster)
                #expect(moved.leader == other)
                #expect(moved.leaderEpoch == before.leaderEpoch + 1)

                #expect(try await reassign(nil) == .noReassignmentInProgress)
                #expect(try await reassign([]) == .invalidReplicaAssignment)
                #expect(try await reassign([1, 1]) == .invalidReplicaAssignment)
                #expect(try await reassign([9]) == .invalidReplicaAssignment)
                #expect(try await reassign([1], partition: 4) == .unknownTopicOrPartition)
                let list = try await connection.send(ListPartitionReassignmentsRequest())
                #expect(list.errorCode == .none)
                #expect(list.topics.isEmpty)
            }
        }
    }

    @Test func `replicas lie in different racks`() async throws {
        try await withCluster(nodes: 4, properties: ["broker.rack": "a,a,b,b"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection async throws in
                _ = try await connection.createTopic("t", partitions: 8, replicas: 2)
                let described = try await connection.metadata(["t"])
                let racks = Dictionary(uniqueKeysWithValues: described.brokers.map { ($0.nodeID, $0.rack ?? "") })
                for partition in try #require(described.topics.first).partitions {
                    #expect(Set(partition.replicaNodes.map { racks[$0] }).count == 2)
                }
            }
        }
    }
}
