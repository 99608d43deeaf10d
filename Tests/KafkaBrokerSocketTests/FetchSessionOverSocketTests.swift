import ClusterTestSupport
import KafkaBroker
import KafkaWire
import Testing

/// Fetch sessions (KIP-227) as a client sees them.
@Suite(.timeLimit(.minutes(1))) struct FetchSessionOverSocketTests {
    /// Partitions 0 and 1 of `t`, in a session's first request.
    private var opening: FetchRequest {
        var request = FetchRequest.plain("t")
        var second = request.topics[0].partitions[0]
        second.partition = 1
        request.topics[0].partitions.append(second)
        request.sessionEpoch = 0
        return request
    }

    private func following(_ sessionID: Int32, _ epoch: Int32) -> FetchRequest {
        var request = FetchRequest()
        request.sessionID = sessionID
        request.sessionEpoch = epoch
        return request
    }

    private func withTopic(
        properties: [String: String] = [:], _ body: (RawConnection) async throws -> Void
    ) async throws {
        try await withCluster(properties: properties) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t", partitions: 2)
                try await body(connection)
            }
        }
    }

    @Test func `a session tells only what is new`() async throws {
        try await withTopic { connection in
            let first = try await connection.send(opening, version: 12)
            #expect(first.sessionID != 0)
            #expect(first.responses.flatMap(\.partitions).map(\.partitionIndex) == [0, 1])

            let quiet = try await connection.send(following(first.sessionID, 1), version: 12)
            #expect(quiet.responses.isEmpty)
            #expect(quiet.sessionID == first.sessionID)

            _ = try await connection.produce(["a"], to: "t", partition: 1)
            let news = try await connection.send(following(first.sessionID, 2), version: 12)
            #expect(news.responses.flatMap(\.partitions).map(\.partitionIndex) == [1])

            var moved = following(first.sessionID, 3)
            moved.topics = FetchRequest.plain("t", 1, 1).topics
            #expect(try await connection.send(moved, version: 12).responses.isEmpty, "the client has read it")
        }
    }

    @Test func `a partition with data goes behind the others`() async throws {
        try await withTopic { connection in
            _ = try await connection.produce(["a"], to: "t", partition: 0)
            _ = try await connection.produce(["b"], to: "t", partition: 1)
            var request = opening
            request.maxBytes = 1

            let first = try await connection.send(request, version: 12)
            var next = following(first.sessionID, 1)
            next.maxBytes = 1
            let second = try await connection.send(next, version: 12)

            func withData(_ response: FetchResponse) -> [Int32] {
                response.responses.flatMap(\.partitions).filter { $0.records?.readableBytes ?? 0 > 0 }
                    .map(\.partitionIndex)
            }
            #expect(withData(first) == [0])
            #expect(withData(second) == [1])
        }
    }

    @Test func `forgotten partitions are no longer told`() async throws {
        try await withTopic { connection in
            let first = try await connection.send(opening, version: 12)
            var request = following(first.sessionID, 1)
            var forgotten = FetchRequest.ForgottenTopic()
            forgotten.topic = "t"
            forgotten.partitions = [1]
            request.forgottenTopicsData = [forgotten]
            _ = try await connection.send(request, version: 12)
            _ = try await connection.produce(["a"], to: "t", partition: 1)

            #expect(try await connection.send(following(first.sessionID, 2), version: 12).responses.isEmpty)
        }
    }

    @Test func `wrong epochs and unknown sessions are refused`() async throws {
        try await withTopic { connection in
            let id = try await connection.send(opening, version: 12).sessionID

            #expect(try await connection.send(following(id, 5), version: 12).errorCode == .invalidFetchSessionEpoch)
            let other = id == 1 ? Int32(2) : id - 1
            #expect(try await connection.send(following(other, 1), version: 12).errorCode == .fetchSessionIDNotFound)
            #expect(try await connection.send(following(id, 1), version: 13).errorCode == .fetchSessionTopicIDError)
        }
    }

    @Test func `the last epoch closes a session`() async throws {
        try await withTopic { connection in
            let id = try await connection.send(opening, version: 12).sessionID
            var last = opening
            last.sessionID = id
            last.sessionEpoch = -1

            #expect(try await connection.send(last, version: 12).sessionID == 0)
            #expect(try await connection.send(following(id, 1), version: 12).errorCode == .fetchSessionIDNotFound)
        }
    }

    @Test func `without room for sessions clients fetch without one`() async throws {
        try await withTopic(properties: ["max.incremental.fetch.session.cache.slots": "1"]) { connection in
            let first = try await connection.send(opening, version: 12)
            let second = try await connection.send(opening, version: 12)

            #expect(first.sessionID != 0)
            #expect(second.sessionID == 0)
            #expect(second.responses.flatMap(\.partitions).count == 2)
        }
    }
}
