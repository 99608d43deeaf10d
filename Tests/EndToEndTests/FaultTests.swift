import Foundation
import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct FaultTests {
    /// Produces while `faults` strike, and expects every record on the target exactly once, in order.
    private func survives(
        nodes: Int = 3, _ faults: (Replicated) async throws -> Void
    ) async throws {
        try await Replicated.run(nodes: nodes) { world in
            try await world.createTopic("orders", partitions: 2)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                for round in 0..<20 {
                    if round % 5 == 1 { try await faults(world) }
                    for partition in 0..<2 {
                        try await world.produce(
                            round * 25..<(round + 1) * 25, to: "orders", partition: Int32(partition))
                    }
                }
                try await world.caughtUp(flow, records: 1_000)
            }
            for partition in 0..<2 {
                #expect(
                    try await world.targetValues("east.orders", partition: Int32(partition)) == expectedValues(0..<500))
            }
        }
    }

    @Test(arguments: [ErrorCode.notLeaderOrFollower, .notEnoughReplicas, .requestTimedOut, .kafkaStorageError])
    func `errors of the target delay and do not lose, double or reorder`(code: ErrorCode) async throws {
        try await survives { $0.target.intercept(.produce, times: 2, .error(code)) }
    }

    @Test(arguments: [ErrorCode.notLeaderOrFollower, .unknownLeaderEpoch, .offsetNotAvailable, .fetchSessionIDNotFound])
    func `errors of the source delay and do not lose, double or reorder`(code: ErrorCode) async throws {
        try await survives { $0.source.intercept(.fetch, times: 2, .error(code)) }
    }

    @Test func `a start amid answers that time heals goes on`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            world.source.intercept(.metadata, times: 4, .error(.leaderNotAvailable))
            world.target.intercept(.metadata, times: 4, .error(.leaderNotAvailable))
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 100) }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<100))
        }
    }

    @Test func `connections that break do not lose, double or reorder`() async throws {
        try await survives {
            $0.target.intercept(.produce, times: 2, .disconnect)
            $0.target.intercept(.produce, times: 2, .disconnectAfterHandling)
            $0.source.intercept(.fetch, times: 2, .disconnect)
        }
    }

    @Test func `leaders that move do not lose, double or reorder`() async throws {
        var next: Int32 = 0
        try await survives { world in
            next = next % 3 + 1
            try await world.target.moveLeader(topic: "east.orders", partition: 0, to: next)
            try await world.source.moveLeader(topic: "orders", partition: 1, to: next)
        }
    }

    @Test func `one cluster on both ends is found out before anything is written`() async throws {
        try await Replicated.run { world in
            let flow = try world.flow(from: ("east", world.source), to: ("alias", world.source))

            let error = await #expect(throws: FlowError.self) { try await flow.prepare() }
            #expect(error?.description.contains("are the same cluster") == true)
            #expect(try await world.sourceClient.metadata(.all).topics.isEmpty)
        }
    }

    @Test func `a missing permission concerns its topic alone, is named, and is tried again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.createTopic("secret")
            try await world.produce(0..<5, to: "secret")
            world.target.intercept(
                .createTopics, times: 3, topic: "east.secret", .error(.topicAuthorizationFailed))
            let flow = try world.flow { $0.sync.topicConfigs = false }
            // Together the request names both: the first attempt of a flow is refused for both.
            try await world.running(flow) {
                try await eventually("the topic to wait") {
                    await flow.status().waiting?.contains { $0.topic == "secret" } == true
                }
                let waiting = await flow.status().waiting?.first { $0.topic == "secret" }
                #expect(waiting?.targetTopic == "east.secret")
                #expect(waiting?.reason.hasPrefix("west: cannot create topic east.secret: ") == true)
                #expect(waiting?.reason.contains("TOPIC_AUTHORIZATION_FAILED") == true)
                #expect(await flow.status().state == .running)
                try await world.caughtUp(flow, records: 15)
                #expect(await flow.status().waiting == nil)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<10))
            #expect(try await world.targetValues("east.secret") == expectedValues(0..<5))
        }
    }

    @Test func `progress that cannot be read is reported with the cluster that keeps it, first and once`() async throws
    {
        try await Replicated.run { world in
            let flow = try world.flow()
            world.target.intercept(.listOffsets, times: 1, .error(.topicAuthorizationFailed))

            let error = await #expect(throws: FlowError.self) { try await flow.prepare() }
            let text = error?.description ?? ""
            #expect(
                text.hasPrefix(
                    "west: cannot read the progress kept in topic __replicator.east-to-west.progress: ListOffsets "),
                "\(text)")
            #expect(text.contains("TOPIC_AUTHORIZATION_FAILED"), "\(text)")
            #expect(text.components(separatedBy: "west: ").count == 2, "\(text)")
        }
    }

    @Test func `a flow does not go on under another naming`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let first = try world.flow()
            try await world.running(first) {
                try await eventually("the flow to run") { await first.status().state == .running }
            }
            let second = try world.flow { $0.naming = .identical }

            let error = await #expect(throws: FlowError.self) { try await second.prepare() }
            #expect(
                error?.description.contains("was started before with naming prefix east., now it is identical") == true)
        }
    }

    @Test func `a target that stands still stops the fetches, not the flow`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow {
                $0.bufferBytes = 4 << 20; $0.shards = 1
            }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.target.freeze(node: 1)
                for round in 0..<200 { try await world.produce(round * 1_000..<(round + 1) * 1_000, to: "orders") }
                try await world.target.thaw(node: 1)
                try await world.caughtUp(flow, records: 200_000)
            }
            #expect(try await world.targetValues("east.orders").count == 200_000)
        }
    }

    @Test(arguments: [CompressionChoice.keep, .codec(.lz4)])
    func `a batch damaged at the source stops its partition in front of it, and no other`(
        compression: CompressionChoice
    ) async throws {
        let directory = FileManager.default.temporaryDirectory.appending(path: "damaged-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await Replicated.run(sourceDirectory: directory) { world in
            try await world.createTopic("orders", partitions: 2)
            for start in [0, 10, 20] {
                for partition in 0..<2 {
                    try await world.produce(start..<start + 10, to: "orders", partition: Int32(partition))
                }
            }
            try Self.damage(batch: 1, inLogOf: "orders-0", under: directory)
            let flow = try world.flow { $0.compression = compression }
            try await world.running(flow) {
                try await eventually("one partition to stop and the other to be copied") {
                    let partitions = await flow.status().partitions
                    return partitions.contains { $0.partition == 0 && $0.state == .failed }
                        && partitions.contains { $0.partition == 1 && $0.sourceOffset == 30 }
                }
                let stopped = try #require(await flow.status().partitions.first { $0.partition == 0 })
                #expect(stopped.sourceOffset == 10)
                #expect(stopped.reason?.contains("the record data at the source is corrupt") == true)
            }
            let copied = try await world.targetValues("east.orders", partition: 0)
            let whole = try await world.targetValues("east.orders", partition: 1)

            #expect(copied == expectedValues(0..<10))
            #expect(whole == expectedValues(0..<30))
        }
    }

    /// Changes the last byte of the n-th batch of a log on disk.
    private static func damage(batch: Int, inLogOf partition: String, under directory: String) throws {
        let files = FileManager.default.enumerator(atPath: directory)?.compactMap { $0 as? String } ?? []
        let name = try #require(files.first { $0.hasSuffix("\(partition)/00000000000000000000.log") })
        let path = "\(directory)/\(name)"
        var reader = LogEntryReader(ByteBuffer(bytes: try Data(contentsOf: URL(filePath: path))))
        var end: UInt64 = 0
        for _ in 0...batch { end += UInt64(try #require(try reader.next()).bytes.readableBytes) }
        let file = try FileHandle(forUpdating: URL(filePath: path))
        try file.seek(toOffset: end - 1)
        let last = try #require(try file.read(upToCount: 1)?.first)
        try file.seek(toOffset: end - 1)
        try file.write(contentsOf: Data([last ^ 0xFF]))
        try file.close()
    }
}
