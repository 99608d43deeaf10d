import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// The least, the greatest, -1, 0 and 1 in the place of every field of every request, one at a time: whatever a broker
/// adds, multiplies or counts with them must not end the process.
///
/// Fields are not known by name: every place of a request is taken for an integer of each width. By hand
/// (`REPLICATOR_FUZZ_SECONDS`) in both the oldest and the newest version, else in turn.
@Suite(.timeLimit(.minutes(FuzzSeeds.minutes))) struct RequestBoundaryTests {
    private static let openAtOnce = 40

    @Test func `no number in a request ends the broker`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { healthy in
                try await healthy.createTopic("t", partitions: 2, replicas: 2)
                _ = try await healthy.produce(["a", "b"], to: "t")
                var open: [RawConnection] = []
                var sent = 0
                for (index, plausible) in PlausibleRequests.all.enumerated() {
                    for isNewest in FuzzSeeds.seconds == nil ? [index % 2 == 0] : [true, false] {
                        for frame in try Self.frames(of: plausible(), isNewest: isNewest) {
                            let hostile = try await RawConnection.connect(port: cluster.ports[sent % 2])
                            try? await hostile.write(frame)
                            open.append(hostile)
                            sent += 1
                            if open.count == Self.openAtOnce { await open.removeFirst().close() }
                        }
                    }
                    // What was stored is met again by what happens as time passes.
                    try await cluster.jumpClock(byMilliseconds: index % 2 == 0 ? 40 * 86_400_000 : -40 * 86_400_000)
                    #expect(try await healthy.metadata().brokers.count == 2, "after request \(index)")
                }
                for connection in open { await connection.close() }
                FuzzSeeds.report("boundary values", inputs: sent)
                #expect(sent > 5_000)
            }
        }
    }

    @Test func `the clock jumps as far as it may and no further`() async throws {
        try await withCluster { cluster in
            for far in [Int64.min, .min + 1, .max, .max - 1, 1 << 62, -(1 << 62)] {
                await #expect(throws: BrokerError.self) { try await cluster.jumpClock(byMilliseconds: far) }
            }
            let century: Int64 = 100 * 366 * 86_400_000
            for jump in [century, -2 * century, 2 * century, -century] {
                try await cluster.jumpClock(byMilliseconds: jump)
                await #expect(throws: BrokerError.self) { try await cluster.jumpClock(byMilliseconds: .min) }
                await #expect(throws: BrokerError.self) { try await cluster.jumpClock(byMilliseconds: .max) }
            }
            #expect(await cluster.snapshot().clockOffset == 0)
        }
    }

    @Test func `faults take no number that does not fit`() async throws {
        try await withCluster(nodes: 2) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                _ = try await connection.produce(["a", "b"], to: "t")
                for number in [Int64.min, -1, 3, .max] {
                    await #expect(throws: BrokerError.self) {
                        try await cluster.truncate(topic: "t", partition: 0, to: number)
                    }
                    await #expect(throws: BrokerError.self) {
                        try await cluster.expire(topic: "t", partition: 0, before: number)
                    }
                }
                for node in [Int32.min, -1, 3, .max] {
                    await #expect(throws: BrokerError.self) { try await cluster.stop(node: node) }
                    await #expect(throws: BrokerError.self) {
                        try await cluster.moveLeader(topic: "t", partition: 0, to: node)
                    }
                    await #expect(throws: BrokerError.self) {
                        try await cluster.moveLeader(topic: "t", partition: node, to: 1)
                    }
                }
                #expect(try await cluster.expire(topic: "t", partition: 0, olderThan: .min) == 0)
                #expect(try await cluster.expire(topic: "t", partition: 0, olderThan: .max) == 2)
            }
        }
    }

    /// The request once for every place, width and value.
    private static func frames(of request: some KafkaRequest, isNewest: Bool) throws -> [ByteBuffer] {
        let whole = try encoded(request, isNewest: isNewest)
        // Behind length, API, version and correlation id.
        let start = 12
        var frames: [ByteBuffer] = []
        for width in [1, 2, 4, 8] {
            let ones: UInt64 = width == 8 ? .max : 1 << UInt64(8 * width) - 1
            let top: UInt64 = 1 << UInt64(8 * width - 1)
            for at in start...max(start, whole.readableBytes - width) where at + width <= whole.readableBytes {
                for value in [0, 1, ones, top, top - 1] {
                    var frame = whole
                    for byte in 0..<width {
                        let shift = UInt64(8 * (width - 1 - byte))
                        frame.setInteger(UInt8(truncatingIfNeeded: value >> shift), at: at + byte)
                    }
                    frames.append(frame)
                }
            }
        }
        return frames
    }

    private static func encoded<Request: KafkaRequest>(_ request: Request, isNewest: Bool) throws -> ByteBuffer {
        let versions = Request.versions.range
        for version in isNewest ? Array(versions.reversed()) : Array(versions) {
            // An older version cannot carry every value.
            if let pieces = try? request.encodeFrame(version: version, correlationID: 1, clientID: nil) {
                return ByteBuffer(bytes: pieces.flatMap { Array($0.readableBytesView) })
            }
        }
        throw RawConnection.Failure.closed
    }
}
