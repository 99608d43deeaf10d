import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Limits on what the connections of a node hold together: their number, what arrives and what is not taken up.
@Suite(.timeLimit(.minutes(1))) struct ConnectionLimitTests {
    @Test func `a connection too many from one address is closed, and there is room when another leaves`() async throws
    {
        try await withCluster(properties: ["max.connections.per.ip": "2"]) { cluster in
            let port = cluster.ports[0]
            let first = try await RawConnection.connect(port: port)
            try await RawConnection.open(port: port) { second in
                #expect(try await first.metadata().brokers.count == 1)
                #expect(try await second.metadata().brokers.count == 1)

                try await RawConnection.open(port: port) { try await $0.waitUntilClosed() }

                await first.close()
                try await waitForConnections(1, cluster)
                try await RawConnection.open(port: port) { _ = try await $0.metadata() }
            }
        }
    }

    @Test func `an address may have a number of its own`() async throws {
        let properties = ["max.connections.per.ip": "1", "max.connections.per.ip.overrides": "10.0.0.1:9, 127.0.0.1:2"]
        try await withCluster(properties: properties) { cluster in
            let port = cluster.ports[0]
            try await RawConnection.open(port: port) { first in
                try await RawConnection.open(port: port) { second in
                    try await RawConnection.open(port: port) { try await $0.waitUntilClosed() }
                    #expect(try await first.metadata().brokers.count == 1)
                    #expect(try await second.metadata().brokers.count == 1)
                }
            }
        }
    }

    @Test func `above max connections others wait until one leaves`() async throws {
        try await withCluster(properties: ["max.connections": "2"]) { cluster in
            let port = cluster.ports[0]
            let first = try await RawConnection.connect(port: port)
            try await RawConnection.open(port: port) { second in
                _ = try await first.metadata()
                _ = try await second.metadata()
                try await RawConnection.open(port: port) { waiting in
                    let answer = try await waiting.begin(MetadataRequest())
                    // Both go on while it waits.
                    for _ in 0..<20 { _ = try await second.metadata() }
                    #expect(await cluster.snapshot().nodes.first?.connections == 2)

                    await first.close()

                    #expect(try await answer.get().brokers.count == 1)
                }
            }
        }
    }

    @Test func `the limit can be changed while it runs`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.setBroker("max.connections.per.ip", to: "1")
                try await RawConnection.open(port: cluster.ports[0]) { try await $0.waitUntilClosed() }
                try await connection.setBroker("max.connections.per.ip", to: "2")
                try await RawConnection.open(port: cluster.ports[0]) { _ = try await $0.metadata() }
            }
        }
    }

    @Test func `unfinished requests that use up the memory go when others need it, and small requests always pass`()
        async throws
    {
        let properties = ["queued.max.request.bytes": "2000000", "socket.request.max.bytes": "2000000"]
        try await withCluster(properties: properties) { cluster in
            let port = cluster.ports[0]
            var unfinished: [RawConnection] = []
            for _ in 0..<3 {
                let connection = try await RawConnection.connect(port: port)
                var bytes = ByteBuffer(integer: Int32(1_900_000))
                bytes.writeRepeatingByte(0, count: 1_000_000)
                try await connection.write(bytes)
                unfinished.append(connection)
            }
            try await RawConnection.open(port: port) { healthy in
                try await healthy.createTopic("t")
                #expect(try await healthy.produce(["small"], to: "t").errorCode == .none)
                let large = String(repeating: "x", count: 900_000)

                #expect(try await healthy.produce([large], to: "t").errorCode == .none)

                #expect(await cluster.snapshot().nodes.first?.connections ?? 0 < 4)
            }
            for connection in unfinished { await connection.close() }
        }
    }

    @Test func `memory below one request is refused at the start`() async throws {
        await #expect(throws: BrokerError.self) {
            try await withCluster(properties: ["queued.max.request.bytes": "1000"]) { _ in }
        }
        await #expect(throws: BrokerError.self) {
            try await withCluster(properties: ["max.connections.per.ip.overrides": "127.0.0.1"]) { _ in }
        }
    }

    @Test func `a partition named twice in a look-up is refused, the others are answered`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 2)
                var request = ListOffsetsRequest()
                request.replicaID = -1
                var topic = ListOffsetsRequest.ListOffsetsTopic()
                topic.name = "t"
                topic.partitions = [Int32(0), 1, 0].map { index in
                    var partition = ListOffsetsRequest.ListOffsetsPartition()
                    partition.partitionIndex = index
                    partition.timestamp = -1
                    return partition
                }
                request.topics = [topic]

                let answer = try await connection.send(request)

                #expect(answer.topics.first?.partitions.map(\.errorCode) == [.none, .none, .invalidRequest])
            }
        }
    }

    @Test func `a topic that a request names a thousand times is described once`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 100)

                #expect(try await connection.metadata(Array(repeating: "t", count: 1000)).topics.count == 1)

                var resource = DescribeConfigsRequest.DescribeConfigsResource()
                resource.resourceType = 2
                resource.resourceName = "t"
                var configs = DescribeConfigsRequest()
                configs.resources = Array(repeating: resource, count: 1000)
                #expect(try await connection.send(configs).results.count == 1)

                var groups = DescribeGroupsRequest()
                groups.groups = Array(repeating: "g", count: 1000)
                #expect(try await connection.send(groups).groups.count == 1)
            }
        }
    }

    @Test func `a request of more elements than anybody needs ends its connection`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                var request = DescribeGroupsRequest()
                request.groups = Array(repeating: "", count: 1 << 19)
                #expect(try await healthy.send(request).groups.count == 1)

                try await RawConnection.open(port: cluster.ports[0]) { hostile in
                    request.groups.append("")
                    _ = try await hostile.begin(request)
                    try await hostile.waitUntilClosed()
                }
                #expect(try await healthy.metadata().brokers.count == 1)
            }
        }
    }

    /// Returns when the node has so many connections.
    private func waitForConnections(_ count: Int, _ cluster: EmbeddedCluster) async throws {
        while await cluster.snapshot().nodes.first?.connections != count { await Task.yield() }
    }
}

extension RawConnection {
    fileprivate func setBroker(_ key: String, to value: String) async throws {
        var config = IncrementalAlterConfigsRequest.AlterableConfig()
        config.name = key
        config.value = value
        var resource = IncrementalAlterConfigsRequest.AlterConfigsResource()
        resource.resourceType = 4
        resource.configs = [config]
        var request = IncrementalAlterConfigsRequest()
        request.resources = [resource]
        #expect(try await send(request).responses.map(\.errorCode) == [.none])
    }
}
