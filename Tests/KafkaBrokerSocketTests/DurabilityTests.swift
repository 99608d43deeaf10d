import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// What a data directory brings back.
@Suite(.timeLimit(.minutes(1))) struct DurabilityTests {
    @Test func `topics, records, settings, offsets and ids survive a restart`() async throws {
        let directory = try TemporaryDirectory().path
        var clusterID = ""
        var topicID = KafkaUUID.zero
        var producerID: Int64 = -1
        try await withCluster(nodes: 2, dataDirectory: directory) { cluster in
            clusterID = cluster.clusterID
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let created = try await connection.createTopic(
                    "t", partitions: 1, replicas: 2, configs: ["retention.ms": "-1"])
                topicID = created.topicID
                try await connection.createTopic("gone")
                var delete = DeleteTopicsRequest()
                delete.topicNames = ["gone"]
                _ = try await connection.send(delete, version: 5)
                try await cluster.moveLeader(topic: "t", partition: 0, to: 1)
                _ = try await connection.produce(["a", "b"], to: "t")
                try await prepareGroups(connection)
                try await cluster.moveLeader(topic: "t", partition: 0, to: 2)
                var producer = InitProducerIdRequest()
                producer.transactionalID = nil
                producerID = try await connection.send(producer, version: 5).producerID
            }
        }

        try await withCluster(nodes: 2, dataDirectory: directory) { cluster in
            #expect(cluster.clusterID == clusterID)
            try await RawConnection.open(port: cluster.ports[0]) { one in
                try await RawConnection.open(port: cluster.ports[1]) { two in
                    let topics = try await one.metadata().topics.filter { !$0.isInternal }
                    #expect(topics.map(\.name) == ["t"])
                    #expect(topics.first?.topicID == topicID)
                    #expect(topics.first?.partitions.first?.leaderID == 2)
                    #expect(topics.first?.partitions.first?.leaderEpoch ?? 0 >= 2, "a restart begins a new epoch")
                    #expect(try await two.fetch("t").values() == ["a", "b"])
                    var producer = InitProducerIdRequest()
                    producer.transactionalID = nil
                    #expect(try await one.send(producer, version: 5).producerID > producerID)
                    #expect(try await committed(one, two) == 42)
                    #expect(try await retention("t", one) == "-1")
                }
            }
        }
    }

    @Test func `a data directory is not given to another cluster`() async throws {
        let directory = try TemporaryDirectory().path
        try await withCluster(dataDirectory: directory) { _ in }

        await #expect(throws: BrokerError.self) {
            _ = try await EmbeddedCluster.start(BrokerSettings(dataDirectory: directory, clusterID: "another"))
        }
    }

    private func prepareGroups(_ connection: RawConnection) async throws {
        var find = FindCoordinatorRequest()
        find.coordinatorKeys = ["g"]
        let coordinator = try #require(try await connection.send(find).coordinators.first)
        try await RawConnection.open(port: Int(coordinator.port)) { connection async throws in
            var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
            partition.committedOffset = 42
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = "t"
            topic.partitions = [partition]
            var request = OffsetCommitRequest()
            request.groupID = "g"
            request.topics = [topic]
            #expect(try await connection.send(request, version: 9).topics[0].partitions[0].errorCode == .none)
        }
    }

    private func committed(_ connections: RawConnection...) async throws -> Int64? {
        for connection in connections {
            var wanted = OffsetFetchRequest.OffsetFetchRequestGroup()
            wanted.groupID = "g"
            wanted.topics = nil
            var request = OffsetFetchRequest()
            request.groups = [wanted]
            let group = try await connection.send(request, version: 9).groups.first
            if group?.errorCode == ErrorCode.none { return group?.topics.first?.partitions.first?.committedOffset }
        }
        return nil
    }

    private func retention(_ topic: String, _ connection: RawConnection) async throws -> String? {
        var resource = DescribeConfigsRequest.DescribeConfigsResource()
        resource.resourceType = 2
        resource.resourceName = topic
        resource.configurationKeys = ["retention.ms"]
        var request = DescribeConfigsRequest()
        request.resources = [resource]
        return try await connection.send(request).results.first?.configs.first?.value
    }
}
