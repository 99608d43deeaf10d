import ClusterTestSupport
import Foundation
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// Damaged requests of every kind, sent to a broker that has a topic to lose: as many, and from the seed, that
/// ``FuzzSeeds`` says; input number n is made from seed n alone.
@Suite(.printsSeed, .timeLimit(.minutes(FuzzSeeds.minutes))) struct RequestPathFuzzTests {
    /// Connections stay open for as long, so that requests which wait are met by others.
    private static let openAtOnce = 40
    private static let kept = (0..<20).map { "value \($0)" }
    /// The records' times are of long ago, and a run by hand sees retention come round.
    private static let properties = ["log.retention.ms": "-1"]

    @Test func `whatever is sent, other clients are served, and the log stays what it was`() async throws {
        let directory = NSTemporaryDirectory() + "request-path-fuzz-\(ProcessInfo.processInfo.processIdentifier)"
        defer { try? FileManager.default.removeItem(atPath: directory) }
        try await withCluster(nodes: 2, properties: Self.properties, dataDirectory: directory) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                try await Self.prepare(healthy, cluster)
                var open: [RawConnection] = []
                var inputs = 0
                for seed in FuzzSeeds(count: 4_000) {
                    inputs += 1
                    if seed % 1_000 == 0 { FuzzSeeds.say("fuzzing requests from seed \(seed)") }
                    var random = seeded(seed)
                    let hostile = try await RawConnection.connect(port: cluster.ports[Int(random.next() % 2)])
                    try? await hostile.write(try Self.damagedFrame(using: &random))
                    open.append(hostile)
                    if open.count == Self.openAtOnce { await open.removeFirst().close() }
                    if seed % 500 == 0 { try await Self.checkIsSound(healthy, "at seed \(seed)") }
                }
                for connection in open { await connection.close() }
                try await Self.checkIsSound(healthy, "at the end")
                FuzzSeeds.report("requests", inputs: inputs)
            }
        }
        // What is on the disk reads the same.
        try await withCluster(nodes: 2, properties: Self.properties, dataDirectory: directory) { cluster in
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
        let request = try isPlausible ? PlausibleRequests.all.randomElement(using: &random)!() : nil
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
