import KafkaClient
import KafkaWire
import NIOCore
import Testing

/// The life of a fetch session (KIP-227), with answers as brokers give them.
@Suite struct FetchSessionTests {
    static let orders = KafkaUUID(high: 1, low: 1)
    static let recreatedOrders = KafkaUUID(high: 1, low: 2)
    static let users = KafkaUUID(high: 2, low: 2)

    static func position(_ partition: Int32, _ offset: Int64 = 0, id: KafkaUUID = orders) -> FetchPosition {
        FetchPosition(
            topic: id == users ? "users" : "orders", topicID: id, partition: partition, fetchOffset: offset,
            maxBytes: 100)
    }

    static func session(_ partitions: Range<Int32> = 0..<3) -> FetchSession {
        var session = FetchSession(origin: .init(cluster: "east"))
        for partition in partitions { session.want(position(partition)) }
        return session
    }

    /// An answer that speaks of `partitions`, each with one byte of records.
    static func answer(
        session: Int32, _ partitions: [Int32] = [], id: KafkaUUID = orders, error: ErrorCode = .none
    ) -> FetchResponse {
        var response = FetchResponse()
        response.sessionID = session
        response.errorCode = error
        guard !partitions.isEmpty else { return response }
        var topic = FetchResponse.FetchableTopicResponse()
        topic.topic = "orders"
        topic.topicID = id
        topic.partitions = partitions.map { index in
            var data = FetchResponse.PartitionData()
            data.partitionIndex = index
            data.highWatermark = 10
            data.records = RecordBytes(ByteBuffer(bytes: [1]))
            return data
        }
        response.responses = [topic]
        return response
    }

    /// A session that the broker has agreed to, with three partitions.
    static func running() throws -> FetchSession {
        var session = session()
        _ = session.request(version: 13)
        _ = try session.accept(answer(session: 77, [0, 1, 2]))
        return session
    }

    /// What a request says: id, epoch, positions as `partition@offset`, forgotten partitions.
    static func text(_ request: FetchRequest) -> String {
        let wanted = request.topics.flatMap { topic in topic.partitions.map { "\($0.partition)@\($0.fetchOffset)" } }
        let forgotten = request.forgottenTopicsData.flatMap { topic in topic.partitions.map { "-\($0)" } }
        return ["\(request.sessionID)/\(request.sessionEpoch)", (wanted + forgotten).joined(separator: " ")]
            .joined(separator: " ").trimmingSuffix()
    }

    /// Takes the next request and compares it.
    func expect(
        _ session: inout FetchSession, version: Int16, _ text: String, _ location: SourceLocation = #_sourceLocation
    ) {
        let request = session.request(version: version)
        #expect(Self.text(request) == text, sourceLocation: location)
    }

    @Test func `the first request says everything and asks for a session`() throws {
        var session = Self.session()

        let request = session.request(version: 13)

        #expect(Self.text(request) == "0/0 0@0 1@0 2@0")
        #expect(request.topics.map(\.topicID) == [Self.orders])
        #expect(request.topics[0].partitions[0].partitionMaxBytes == 100)
        #expect(request.isolationLevel == 1)
        #expect(request.replicaID == -1)
    }

    @Test func `within a session only changes are sent`() throws {
        var session = try Self.running()

        expect(&session, version: 13, "77/1")
        _ = try session.accept(Self.answer(session: 77))
        session.want(Self.position(1, 5))
        session.want(Self.position(3))
        session.remove(TopicPartition("orders", 0))
        expect(&session, version: 13, "77/2 1@5 3@0 -0")
        _ = try session.accept(Self.answer(session: 77, [3]))
        expect(&session, version: 13, "77/3")
    }

    @Test func `a wish that is taken back is not sent`() throws {
        var session = try Self.running()

        session.want(Self.position(1, 5))
        session.want(Self.position(1, 0))
        session.want(Self.position(9))
        session.remove(TopicPartition("orders", 9))

        expect(&session, version: 13, "77/1")
    }

    @Test func `a partition that pauses and goes on is asked for, not forgotten`() throws {
        var session = try Self.running()

        session.remove(TopicPartition("orders", 1))
        session.want(Self.position(1, 4))

        expect(&session, version: 13, "77/1 1@4")
    }

    @Test func `a partition that was forgotten is asked for again`() throws {
        var session = try Self.running()

        session.remove(TopicPartition("orders", 1))
        expect(&session, version: 13, "77/1 -1")
        _ = try session.accept(Self.answer(session: 77))
        session.want(Self.position(1, 4))

        expect(&session, version: 13, "77/2 1@4")
        #expect(session.count == 3)
    }

    @Test func `answers come back with the position that was asked for`() throws {
        var session = Self.session()
        session.want(Self.position(1, 7))
        _ = session.request(version: 13)
        session.want(Self.position(1, 20))
        session.remove(TopicPartition("orders", 2))

        let fetched = try session.accept(Self.answer(session: 77, [0, 1, 2]))

        #expect(fetched.map(\.partition) == [0, 1])
        #expect(fetched.map(\.fetchOffset) == [0, 7])
        #expect(fetched.map(\.highWatermark) == [10, 10])
        #expect(fetched[0].records?.readableBytes == 1)
        #expect(fetched[0].divergingEpoch == nil)
        #expect(fetched[0].currentLeader == nil)
        expect(&session, version: 13, "77/1 1@20 -2")
    }

    @Test func `a broker without sessions is told everything every time`() throws {
        var session = Self.session()
        for _ in 0..<2 {
            expect(&session, version: 13, "0/0 0@0 1@0 2@0")
            _ = try session.accept(Self.answer(session: 0, [0, 1, 2]))
        }
    }

    @Test func `without a session a broker that reads one partition at a time gets to all of them`() throws {
        var session = Self.session(0..<4)
        var served: [Int32] = []
        for _ in 0..<8 {
            let request = session.request(version: 13)
            let first = try #require(request.topics.first?.partitions.first?.partition)
            served.append(first)
            // The others are in tiered storage, and have to wait: the broker answers them without records.
            _ = try session.accept(Self.answer(session: 0, [first]))
            // What is full is left out for a while.
            session.remove(TopicPartition("orders", first))
            session.want(Self.position(first, 1))
        }

        #expect(served == [0, 1, 2, 3, 0, 1, 2, 3])
    }

    @Test func `a broker from before sessions gets none`() throws {
        var session = Self.session()
        for _ in 0..<2 {
            expect(&session, version: 6, "0/-1 0@0 1@0 2@0")
            _ = try session.accept(Self.answer(session: 0, [0, 1, 2]))
        }
    }

    @Test(arguments: [
        (ErrorCode.fetchSessionIDNotFound, "0/0"), (.invalidFetchSessionEpoch, "77/0"),
        (.fetchSessionTopicIDError, "77/0"),
        (.unknownServerError, "77/0"),
    ])
    func `an error of the session begins a new one`(code: ErrorCode, next: String) throws {
        var session = try Self.running()
        session.want(Self.position(1, 5))
        _ = session.request(version: 13)

        #expect(throws: KafkaError(.broker(code, message: nil), during: .request(.fetch), cluster: "east")) {
            _ = try session.accept(Self.answer(session: 77, error: code))
        }

        expect(&session, version: 13, "\(next) 0@0 1@5 2@0")
    }

    @Test func `a request that is not answered begins a new session and ends the old`() throws {
        var session = try Self.running()
        session.want(Self.position(1, 5))
        session.remove(TopicPartition("orders", 2))
        _ = session.request(version: 13)

        session.broken()

        expect(&session, version: 13, "77/0 0@0 1@5")
        _ = try session.accept(Self.answer(session: 78, [0, 1]))
        expect(&session, version: 13, "78/1")
    }

    @Test func `a broker that changes the session's id is told everything again`() throws {
        var session = try Self.running()
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 0))

        expect(&session, version: 13, "0/0 0@0 1@0 2@0")
    }

    @Test func `silence about a partition tells something within a session only`() throws {
        var session = Self.session()
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 77, [0, 1, 2]))
        #expect(!session.silenceTells, "a full answer names everything")
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 77))
        #expect(session.silenceTells)
        _ = session.request(version: 13)
        session.broken()
        #expect(!session.silenceTells)

        session = try Self.running()
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 78))
        #expect(!session.silenceTells, "it is another session")

        session = try Self.running()
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 77))
        _ = session.request(version: 13)
        #expect(throws: KafkaError.self) { try session.accept(Self.answer(session: 0, error: .fetchSessionIDNotFound)) }
        #expect(!session.silenceTells)
    }

    @Test func `a full answer that leaves partitions out does not count as a session`() throws {
        var session = Self.session()
        _ = session.request(version: 13)

        let fetched = try session.accept(Self.answer(session: 77, [0, 1]))

        #expect(fetched.count == 2)
        expect(&session, version: 13, "77/0 2@0 0@0 1@0")
    }

    @Test func `a topic recreated under its name is another topic`() throws {
        var session = try Self.running()

        session.want(Self.position(1, 0, id: Self.recreatedOrders))
        let request = session.request(version: 13)

        #expect(request.topics.map(\.topicID) == [Self.recreatedOrders])
        #expect(request.forgottenTopicsData.map(\.topicID) == [Self.orders])
        #expect(request.forgottenTopicsData.map(\.partitions) == [[1]])
        // What is still on its way for the old topic is not taken for the new one's.
        let old = try session.accept(Self.answer(session: 77, [1]))
        _ = session.request(version: 13)
        let new = try session.accept(Self.answer(session: 77, [1], id: Self.recreatedOrders))
        #expect(old.isEmpty)
        #expect(new.map(\.topicID) == [Self.recreatedOrders])
    }

    @Test func `by name a recreated topic's partition is not forgotten right after it was asked for`() throws {
        var session = Self.session()
        _ = session.request(version: 12)
        _ = try session.accept(Self.answer(session: 77, [0, 1, 2]))

        session.want(Self.position(1, 3, id: Self.recreatedOrders))

        expect(&session, version: 12, "77/1 1@3")
    }

    @Test func `one topic without an id keeps all requests at versions with names`() throws {
        var session = Self.session()
        #expect(session.versions == 4...17)

        session.want(FetchPosition(topic: "old", partition: 0, fetchOffset: 0))
        #expect(session.versions == 4...12)
        session.remove(TopicPartition("old", 0))
        #expect(session.versions == 4...17)
    }

    @Test func `going from ids to names begins a new session`() throws {
        var session = try Self.running()

        session.want(FetchPosition(topic: "old", partition: 0, fetchOffset: 8))
        let request = session.request(version: 12)

        #expect(Self.text(request) == "77/0 0@0 1@0 2@0 0@8")
        #expect(request.topics.map(\.topic) == ["orders", "old"])
    }

    @Test func `partitions gather under their topics`() throws {
        var session = try Self.running()
        session.want(Self.position(4))
        session.want(Self.position(0, id: Self.users))
        session.want(Self.position(5))
        session.want(Self.position(1, id: Self.users))

        let request = session.request(version: 13)

        #expect(request.topics.map(\.topicID) == [Self.orders, Self.users])
        #expect(request.topics.map { $0.partitions.map(\.partition) } == [[4, 5], [0, 1]])
    }

    @Test func `unknown partitions in an answer are passed over`() throws {
        var session = try Self.running()
        _ = session.request(version: 13)
        let unknownPartition = try session.accept(Self.answer(session: 77, [8]))
        _ = session.request(version: 13)
        let unknownTopic = try session.accept(Self.answer(session: 77, [1], id: Self.users))
        #expect(unknownPartition.isEmpty && unknownTopic.isEmpty)
    }

    @Test func `what an answer marks as absent is nil`() throws {
        var session = Self.session(0..<1)
        _ = session.request(version: 13)
        var response = Self.answer(session: 1, [0])
        response.responses[0].partitions[0].records = RecordBytes(ByteBuffer())
        response.responses[0].partitions[0].abortedTransactions = nil
        response.responses[0].partitions[0].errorCode = .notLeaderOrFollower
        response.responses[0].partitions[0].currentLeader.leaderID = 4
        response.responses[0].partitions[0].currentLeader.leaderEpoch = 9

        let fetched = try #require(try session.accept(response).first)

        #expect(fetched.records == nil)
        #expect(fetched.abortedTransactions.isEmpty)
        #expect(fetched.preferredReadReplica == nil)
        #expect(fetched.errorCode == .notLeaderOrFollower)
        #expect(fetched.currentLeader?.leaderID == 4)
    }

    @Test func `ten thousand idle partitions make an empty request`() throws {
        var session = Self.session(0..<10_000)
        _ = session.request(version: 13)
        _ = try session.accept(Self.answer(session: 5, Array(0..<10_000)))

        expect(&session, version: 13, "5/1")
        _ = try session.accept(Self.answer(session: 5, [1234]))
        session.want(Self.position(1234, 1))
        expect(&session, version: 13, "5/2 1234@1")
    }
}

extension String {
    fileprivate func trimmingSuffix() -> String { hasSuffix(" ") ? String(dropLast()) : self }
}
