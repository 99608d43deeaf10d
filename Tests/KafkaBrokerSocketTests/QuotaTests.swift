import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import Testing

/// Quotas: set and described as Kafka does, and felt by those who exceed them.
@Suite(.timeLimit(.minutes(1))) struct QuotaTests {
    private static func entry(
        _ entity: [(String, String?)], _ values: [(String, Double?)]
    ) -> AlterClientQuotasRequest.EntryData {
        var entry = AlterClientQuotasRequest.EntryData()
        entry.entity = entity.map { type, name in
            var part = AlterClientQuotasRequest.EntityData()
            part.entityType = type
            part.entityName = name
            return part
        }
        entry.ops = values.map { key, value in
            var operation = AlterClientQuotasRequest.OpData()
            operation.key = key
            operation.value = value ?? 0
            operation.remove = value == nil
            return operation
        }
        return entry
    }

    @discardableResult
    private static func alter(
        _ connection: RawConnection, _ entries: AlterClientQuotasRequest.EntryData..., isRehearsal: Bool = false
    ) async throws -> [ErrorCode] {
        var request = AlterClientQuotasRequest()
        request.entries = entries
        request.validateOnly = isRehearsal
        return try await connection.send(request).entries.map(\.errorCode)
    }

    /// What a filter finds, as `type=name …: key=value …`.
    private static func describe(
        _ connection: RawConnection, _ components: [(String, Int8, String?)] = [], isStrict: Bool = false
    ) async throws -> [String] {
        var request = DescribeClientQuotasRequest()
        request.strict = isStrict
        request.components = components.map { type, match, name in
            var component = DescribeClientQuotasRequest.ComponentData()
            component.entityType = type
            component.matchType = match
            component.match = name
            return component
        }
        let response = try await connection.send(request)
        guard response.errorCode == .none else { return ["\(response.errorCode.rawValue)"] }
        return (response.entries ?? []).map { entry in
            let entity = entry.entity.map { "\($0.entityType)=\($0.entityName ?? "*")" }.joined(separator: " ")
            return "\(entity): " + entry.values.map { "\($0.key)=\($0.value)" }.joined(separator: " ")
        }
    }

    @Test func `quotas are set, described, removed, and outlive a restart`() async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "quotas-\(UUID())").path()
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let codes = try await Self.alter(
                    connection,
                    Self.entry([("user", "a")], [("producer_byte_rate", 1000), ("consumer_byte_rate", 2000)]),
                    Self.entry([("user", nil)], [("request_percentage", 12.5)]),
                    Self.entry([("user", "a"), ("client-id", "c")], [("controller_mutation_rate", 0.5)]),
                    Self.entry([("client-id", nil)], [("producer_byte_rate", 5)]))
                #expect(codes == [.none, .none, .none, .none])
                try await Self.alter(connection, Self.entry([("user", "a")], [("consumer_byte_rate", nil)]))
                try await Self.alter(
                    connection, Self.entry([("user", "z")], [("consumer_byte_rate", 1)]), isRehearsal: true)
            }
        }
        try await withCluster(dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let all = try await Self.describe(connection)
                #expect(
                    all == [
                        "client-id=*: producer_byte_rate=5.0", "user=*: request_percentage=12.5",
                        "user=a: producer_byte_rate=1000.0", "user=a client-id=c: controller_mutation_rate=0.5",
                    ])
                #expect(try await Self.describe(connection, [("user", 0, "a")]).count == 2)
                #expect(
                    try await Self.describe(connection, [("user", 0, "a")], isStrict: true)
                        == ["user=a: producer_byte_rate=1000.0"])
                #expect(try await Self.describe(connection, [("user", 1, nil)]) == ["user=*: request_percentage=12.5"])
                #expect(try await Self.describe(connection, [("user", 2, nil)]).count == 3)
                #expect(try await Self.describe(connection, [("client-id", 2, nil)], isStrict: true).count == 1)
                #expect(try await Self.describe(connection, [("user", 0, nil)]) == ["42"])
                #expect(try await Self.describe(connection, [("user", 1, nil), ("user", 2, nil)]) == ["42"])
                #expect(try await Self.describe(connection, [("host", 1, nil)]) == ["35"])
            }
        }
    }

    @Test func `what is no quota is refused`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                let codes = try await Self.alter(
                    connection, Self.entry([], [("producer_byte_rate", 1)]),
                    Self.entry([("host", "h")], [("producer_byte_rate", 1)]),
                    Self.entry([("user", "a"), ("user", "b")], [("producer_byte_rate", 1)]),
                    Self.entry([("user", "a")], [("producer_byte_rates", 1)]),
                    Self.entry([("user", "a")], [("producer_byte_rate", 0)]),
                    Self.entry([("user", "a")], [("producer_byte_rate", 1.5)]),
                    Self.entry([("user", "a")], [("request_percentage", .nan)]),
                    Self.entry([("user", "a")], [("request_percentage", -1)]))
                #expect(codes == Array(repeating: .invalidRequest, count: 8))
                #expect(try await Self.describe(connection).isEmpty)
            }
        }
    }

    @Test func `a producer over its quota is told to wait, and its connection does`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                // 11 samples of a second: some 10 × 100,000 bytes go before the limit is felt.
                try await Self.alter(connection, Self.entry([("client-id", "slow")], [("producer_byte_rate", 100_000)]))
                let big = String(repeating: "x", count: 700_000)
                let request = try ProduceRequest(.batch([big]), to: "t")
                let first = try await connection.send(request, version: 9, clientID: "slow")
                #expect(first.throttleTimeMs == 0)
                let second = try await connection.send(request, version: 9, clientID: "slow")
                #expect(second.responses[0].partitionResponses[0].errorCode == .none)
                // 1,400,000 bytes against 1,000,000 in ten seconds: four seconds.
                #expect((3500...4500).contains(second.throttleTimeMs), "\(second.throttleTimeMs)")
                let clock = ContinuousClock()
                let began = clock.now
                _ = try await connection.metadata()
                #expect(clock.now - began > .milliseconds(2000))
                let other = try await connection.send(request, version: 9, clientID: "other")
                #expect(other.throttleTimeMs == 0)
            }
        }
    }

    @Test func `a consumer over its quota gets an empty answer, and the records later`() async throws {
        try await withCluster(properties: ["quota.window.num": "2"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                for _ in 0..<2 {
                    let code = try await connection.produce([String(repeating: "x", count: 100_000)], to: "t").errorCode
                    try #require(code == .none)
                }
                try await Self.alter(connection, Self.entry([("user", nil)], [("consumer_byte_rate", 150_000)]))
                let first = try await connection.send(FetchRequest.plain("t"), version: 12)
                #expect(first.throttleTimeMs == 0)
                #expect(try first.responses.first?.partitions.first?.values().count == 1)
                // 200,000 bytes in the first second where 150,000 are permitted: a third of a second too much.
                let throttled = try await connection.send(FetchRequest.plain("t", 0, 1), version: 12)
                #expect((200...500).contains(throttled.throttleTimeMs), "\(throttled.throttleTimeMs)")
                #expect(throttled.responses.isEmpty)
                var later = throttled
                while later.throttleTimeMs > 0 {
                    later = try await connection.send(FetchRequest.plain("t", 0, 1), version: 12)
                }
                #expect(try later.responses.first?.partitions.first?.values().count == 1)
            }
        }
    }

    @Test func `a client that keeps the thread busy is slowed down, by at most a second`() async throws {
        try await withCluster { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 500)
                try await Self.alter(connection, Self.entry([("user", nil)], [("request_percentage", 0.0001)]))
                let answer = try await connection.metadata()
                #expect((1...1000).contains(answer.throttleTimeMs))
                try await Self.alter(connection, Self.entry([("user", nil)], [("request_percentage", nil)]))
                #expect(try await connection.metadata().throttleTimeMs == 0)
            }
        }
    }

    @Test func `changes beyond the mutation quota are refused, or made and waited for`() async throws {
        try await withCluster(properties: ["quota.window.num": "2"]) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await Self.alter(connection, Self.entry([("user", nil)], [("controller_mutation_rate", 2)]))
                func create(_ name: String, _ partitions: Int32, version: Int16) async throws -> (ErrorCode?, Int32) {
                    var topic = CreateTopicsRequest.CreatableTopic()
                    topic.name = name
                    topic.numPartitions = partitions
                    topic.replicationFactor = 1
                    var request = CreateTopicsRequest()
                    request.topics = [topic]
                    let answer = try await connection.send(request, version: version)
                    return (answer.topics.first?.errorCode, answer.throttleTimeMs)
                }
                // The store holds 4: the first request overdraws it by 1, which takes half a second to come in.
                let first = try await create("a", 5, version: 5)
                #expect(first.0 == ErrorCode.none)
                #expect((400...500).contains(first.1), "\(first.1)")
                let second = try await create("b", 50, version: 7)
                #expect(second.0 == ErrorCode.none)
                let third = try await RawConnection.open(port: cluster.ports[0]) { other in
                    var topic = CreateTopicsRequest.CreatableTopic()
                    topic.name = "c"
                    topic.numPartitions = 1
                    topic.replicationFactor = 1
                    var request = CreateTopicsRequest()
                    request.topics = [topic]
                    return try await other.send(request, version: 7)
                }
                #expect(third.topics.first?.errorCode == .throttlingQuotaExceeded)
                #expect(third.throttleTimeMs > 1000)
                await connection.close()
            }
        }
    }
}
