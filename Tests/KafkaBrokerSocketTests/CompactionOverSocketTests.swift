import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

@Suite(.timeLimit(.minutes(3))) struct CompactionOverSocketTests {
    @Test func `a broker compacts by itself, and goes on over the holes`() async throws {
        let settings = ["log.cleaner.backoff.ms": "20"]
        try await withCluster(properties: settings, dataDirectory: try TemporaryDirectory().path) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic(
                    "t",
                    configs: [
                        "cleanup.policy": "compact", "segment.bytes": "500", "min.cleanable.dirty.ratio": "0.01",
                    ])
                for number in 0..<60 {
                    var builder = RecordBatchBuilder()
                    builder.append(
                        timestamp: 1000, key: ByteBuffer(string: "k\(number % 3)"),
                        value: ByteBuffer(string: "v\(number)"))
                    let request = ProduceRequest(RecordBytes(try builder.finish().bytes), to: "t")
                    _ = try await connection.send(request, version: 9)
                }

                var left = try await connection.fetch("t").values()
                while left.count > 20 { left = try await connection.fetch("t").values() }

                #expect(Set(left.suffix(3)) == ["v57", "v58", "v59"])
                #expect(try await connection.offset("t", at: -1).offset == 60)
                #expect(try await connection.offset("t", at: -2).offset == 0)
                try await cluster.compact(topic: "t", partition: 0)
                #expect(try await connection.fetch("t").values() == ["v57", "v58", "v59"])
                #expect(try await connection.fetch("t", from: 30).values() == ["v57", "v58", "v59"])
                #expect(try await connection.produce(["x"], to: "t").errorCode == .invalidRecord, "without a key")
            }
        }
    }

    @Test func `only a compacted topic is compacted`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                _ = try await connection.createTopic("t")
            }
            await #expect(throws: BrokerError.self) { try await cluster.compact(topic: "t", partition: 0) }
            await #expect(throws: BrokerError.self) { try await cluster.compact(topic: "none", partition: 0) }
        }
    }
}
