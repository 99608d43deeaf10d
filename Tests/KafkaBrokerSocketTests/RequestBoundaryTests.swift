import ClusterTestSupport
import KafkaBroker
import KafkaWire
import NIOCore
import TestSupport
import Testing

/// The least, the greatest, -1, 0 and 1 in the place of every field of every request, one at a time: whatever a broker
/// adds, multiplies or counts with them must not end the process.
///
/// Fields are not known by name: every place of a request is taken for an integer of each width, in every version that
/// has fields of its own. Older versions get the two largest widths only, but by hand (`REPLICATOR_FUZZ_SECONDS`) all.
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
                    for frame in try Self.frames(of: plausible()) {
                        let hostile = try await RawConnection.connect(port: cluster.ports[sent % 2])
                        try? await hostile.write(frame)
                        open.append(hostile)
                        sent += 1
                        if open.count == Self.openAtOnce { await open.removeFirst().close() }
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

    @Test func `offsets committed in the far future are kept, and hurt nobody`() async throws {
        try await withCluster(release: .kafka38) { cluster in
            try await RawConnection.open(port: cluster.ports[0]) { connection in
                try await connection.createTopic("t")
                var find = FindCoordinatorRequest()
                find.coordinatorKeys = ["g"]
                _ = try await connection.send(find, version: 4)
                for time: Int64 in [Int64.max, Int64.max - 1, 0] {
                    var partition = OffsetCommitRequest.OffsetCommitRequestPartition()
                    partition.committedOffset = .max
                    partition.commitTimestamp = time
                    var topic = OffsetCommitRequest.OffsetCommitRequestTopic()
                    topic.name = "t"
                    topic.partitions = [partition]
                    var request = OffsetCommitRequest()
                    request.groupID = "g"
                    request.generationIDOrMemberEpoch = -1
                    request.topics = [topic]
                    let answer = try await connection.send(request, version: 1)
                    #expect(answer.topics.first?.partitions.first?.errorCode == ErrorCode.none)
                    // Looks for what has expired.
                    try await cluster.jumpClock(byMilliseconds: 1)
                }
                #expect(try await connection.send(find, version: 4).coordinators.count == 1)
            }
        }
    }

    private static let isExhaustive = FuzzSeeds.seconds != nil

    /// The request in each of its layouts, once for every place, width and value.
    private static func frames<Request: KafkaRequest>(of request: Request) throws -> [ByteBuffer] {
        var frames: [ByteBuffer] = []
        var layouts: Set<String> = []
        for version in Request.versions.range.reversed() {
            // An older version cannot carry every value.
            guard layouts.insert(try Request.trace(version: version)).inserted,
                let pieces = try? request.encodeFrame(version: version, correlationID: 1, clientID: nil)
            else { continue }
            let whole = ByteBuffer(bytes: pieces.flatMap { Array($0.readableBytesView) })
            let widths = isExhaustive || version == Request.versions.range.upperBound ? [1, 2, 4, 8] : [4, 8]
            for width in widths { frames += self.frames(of: whole, width: width, isShort: widths.count == 2) }
        }
        return frames
    }

    private static func frames(of whole: ByteBuffer, width: Int, isShort: Bool) -> [ByteBuffer] {
        // Behind length, API, version and correlation id.
        let start = 12
        guard whole.readableBytes >= start + width else { return [] }
        let ones: UInt64 = width == 8 ? .max : 1 << UInt64(8 * width) - 1
        let top: UInt64 = 1 << UInt64(8 * width - 1)
        return (start...whole.readableBytes - width).flatMap { at in
            (isShort ? [top, top - 1] : [0, 1, ones, top, top - 1]).map { value in
                var frame = whole
                for byte in 0..<width {
                    let shift = UInt64(8 * (width - 1 - byte))
                    frame.setInteger(UInt8(truncatingIfNeeded: value >> shift), at: at + byte)
                }
                return frame
            }
        }
    }
}
