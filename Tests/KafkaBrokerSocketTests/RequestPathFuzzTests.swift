import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Damaged requests of every kind, sent to a broker that has a topic to lose. `REPLICATOR_FUZZ_INPUTS` says how many,
/// `REPLICATOR_FUZZ_SEED` the first of them; input number n is made from seed n alone.
@Suite(.printsSeed, .timeLimit(.minutes(10))) struct RequestPathFuzzTests {
    private static let seeds: Range<UInt64> = {
        let environment = ProcessInfo.processInfo.environment
        let first = environment["REPLICATOR_FUZZ_SEED"].flatMap(UInt64.init) ?? 0
        return first..<first + (environment["REPLICATOR_FUZZ_INPUTS"].flatMap(UInt64.init) ?? 4_000)
    }()
    /// Connections stay open for as long, so that requests which wait are met by others.
    private static let openAtOnce = 40
    private static let kept = (0..<20).map { "value \($0)" }

    @Test func `whatever is sent, other clients are served, and the log stays what it was`() async throws {
        let directory = NSTemporaryDirectory() + "request-path-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withCluster(nodes: 2, dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                try await Self.prepare(healthy, cluster)
                var open: [RawConnection] = []
                for seed in Self.seeds {
                    if seed % 1_000 == 0 { print("fuzzing requests from seed \(seed)") }
                    var random = seeded(seed)
                    let hostile = try await RawConnection.connect(port: cluster.ports[Int(random.next() % 2)])
                    try? await hostile.write(try Self.damagedFrame(using: &random))
                    open.append(hostile)
                    if open.count == Self.openAtOnce { await open.removeFirst().close() }
                    if seed % 500 == 0 { try await Self.checkIsSound(healthy, "at seed \(seed)") }
                }
                for connection in open { await connection.close() }
                try await Self.checkIsSound(healthy, "at the end")
            }
        }
        // What is on the disk reads the same.
        try await withCluster(nodes: 2, dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await Self.checkIsSound(connection, "after a restart")
            }
        }
    }

    private static func prepare(_ connection: RawConnection, _ cluster: EmbeddedCluster) async throws {
        for topic in ["kept", "t"] {
            try await connection.createTopic(topic, partitions: 2, replicas: 2)
            for partition in 0..<2 { try await cluster.moveLeader(topic: topic, partition: Int32(partition), to: 1) }
        }
        for value in kept { _ = try await connection.produce([value], to: "kept") }
        // A group and a transaction for the damaged requests to meet.
        var coordinator = FindCoordinatorRequest()
        coordinator.coordinatorKeys = ["g"]
        _ = try await connection.send(coordinator)
    }

    private static func checkIsSound(_ connection: RawConnection, _ when: String) async throws {
        #expect(try await connection.metadata(["kept"]).topics.first?.partitions.count == 2, "\(when)")
        let held = try await connection.fetch("kept")
        #expect(held.errorCode == .none, "\(when)")
        #expect(try held.values() == kept, "\(when)")
    }

    /// A request with a few things wrong: one that a client might send about topic "t", or one of random values.
    private static func damagedFrame(using random: inout SeededGenerator) throws -> ByteBuffer {
        let isPlausible = random.next() % 2 == 0
        let request = try isPlausible ? plausible.randomElement(using: &random)!() : nil
        var bytes: [UInt8]
        if let request {
            bytes = try encode(request, using: &random)
        } else {
            bytes = try encodeSample(of: ApiKey.definedRequests.randomElement(using: &random)!, using: &random)
        }
        for _ in 0..<Int(random.next() % 4) { damage(&bytes, using: &random) }
        var frame = ByteBuffer()
        // Now and then the length is a lie too.
        let announced = random.next() % 16 == 0 ? Int32(truncatingIfNeeded: random.next()) : Int32(bytes.count)
        frame.writeInteger(announced)
        frame.writeBytes(bytes)
        return frame
    }

    private static func encode<Request: KafkaRequest>(
        _ request: Request, using random: inout SeededGenerator
    ) throws -> [UInt8] {
        let version = Int16.random(in: Request.versions.range, using: &random)
        // A value that an older version cannot carry: the newest can.
        let newest = Request.versions.range.upperBound
        let older = try? request.encodeFrame(version: version, correlationID: 1, clientID: "fuzz")
        let pieces = try older ?? request.encodeFrame(version: newest, correlationID: 1, clientID: "fuzz")
        return Array(pieces.flatMap { Array($0.readableBytesView) }.dropFirst(4))
    }

    private static func encodeSample<Request: KafkaRequest>(
        of type: Request.Type, using random: inout SeededGenerator
    ) throws -> [UInt8] {
        let version = Int16.random(in: Request.versions.range, using: &random)
        let request = try Request.sample(version: version, from: &random)
        let pieces = try request.encodeFrame(version: version, correlationID: 1, clientID: "fuzz")
        return Array(pieces.flatMap { Array($0.readableBytesView) }.dropFirst(4))
    }

    private static func damage(_ bytes: inout [UInt8], using random: inout SeededGenerator) {
        let at = Int.random(in: 0...bytes.count, using: &random)
        let length = Int.random(in: 0...min(8, bytes.count - at), using: &random)
        switch random.next() % 6 {
        case 0 where at < bytes.count: bytes[at] ^= 1 << UInt8(random.next() % 8)
        case 1 where at < bytes.count: bytes[at] = UInt8(truncatingIfNeeded: random.next())
        case 2: bytes.removeSubrange(at..<at + length)
        case 3: bytes.insert(contentsOf: bytes[at..<at + length], at: at)
        case 4: bytes.removeSubrange(at...)
        default:
            let lies: [[UInt8]] = [
                [0x7F, 0xFF, 0xFF, 0xFF], [0xFF, 0xFF, 0xFF, 0xFF], [0x80, 0, 0, 0], [0xFF], [0], [1],
            ]
            let lie = lies.randomElement(using: &random)!
            bytes.replaceSubrange(at..<min(at + lie.count, bytes.count), with: lie)
        }
    }
}

// Requests that a client might send

extension RequestPathFuzzTests {
    /// None of them names the topic that has to stay.
    private static let plausible: [@Sendable () throws -> any KafkaRequest] = [
        { ProduceRequest(try .batch(["x", "y"]), to: "t") },
        { ProduceRequest(try .batch(["x"], producerID: 1, epoch: 0, sequence: 0), to: "t", 1, acks: 1) },
        { FetchRequest.plain("t") { $0.maxWaitMs = 10 } },
        { FetchRequest.plain("t") { $0.sessionEpoch = 0 } },
        { try JoinGroupRequest(group: "g") },
        {
            var request = SyncGroupRequest()
            request.groupID = "g"
            request.generationID = 1
            return request
        },
        {
            var request = OffsetCommitRequest()
            request.groupID = "g"
            request.generationIDOrMemberEpoch = -1
            var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
            partition.committedOffset = 3
            var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
            topic.name = "t"
            topic.partitions = [partition]
            request.topics = [topic]
            return request
        },
        {
            var request = InitProducerIdRequest()
            request.transactionalID = "x"
            request.transactionTimeoutMs = 1000
            return request
        },
        {
            var topic = CreateTopicsRequest.CreatableTopic()
            topic.name = "made"
            // Assigned by hand, since a damaged number would have thousands of partitions made, one by one.
            var assignment = CreateTopicsRequest.CreatableReplicaAssignment()
            assignment.brokerIDs = [1]
            topic.numPartitions = -1
            topic.replicationFactor = -1
            topic.assignments = [assignment]
            var request = CreateTopicsRequest()
            request.topics = [topic]
            return request
        },
        {
            var request = DeleteTopicsRequest()
            var topic = DeleteTopicsRequest.DeleteTopicState()
            topic.name = "made"
            request.topics = [topic]
            return request
        },
    ]
}

extension JoinGroupRequest {
    fileprivate init(group: String) throws {
        self.init()
        groupID = group
        sessionTimeoutMs = 10_000
        rebalanceTimeoutMs = 10_000
        protocolType = "consumer"
        protocols = [JoinGroupRequestProtocol(name: "range", metadata: ByteBuffer(bytes: [0, 0, 0, 0, 0, 0]))]
    }
}
