import KafkaBroker
import KafkaClient
import KafkaWire
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Topics for which the target refuses WriteTxnMarkers, as clusters do that keep some of them without disks.
@Suite(.serialized, .timeLimit(.minutes(5))) struct DisklessTests {
    private static let unfenced =
        "the target takes no markers for these topics, as for diskless ones: an older writer that still runs is shut out "
        + "of them only by the first new batch. The flow continues"

    private func markers(_ world: Replicated, _ topic: String, records: Int64) async throws -> Int64 {
        let partition = TopicPartition(topic, 0)
        let end = try #require(try await world.targetClient.offsets([partition: .latest])[partition]?.get().offset)
        return end - records
    }

    @Test func `they are written without a fence, the others keep theirs, and it is said once`() async throws {
        let lines = LogLines()
        try await Replicated.run { world in
            for topic in ["disks", "diskless"] {
                try await world.createTopic(topic)
                try await world.produce(0..<10, to: topic)
            }
            await world.target.setMarkers(refused: true, topic: "east.diskless")
            for round in 1...3 {
                let flow = try world.flow(logger: lines.logger)
                try await world.running(flow) {
                    try await world.caughtUp(flow, records: Int64(20 * round))
                    // Whether the target has what was on its way is found out again, beside the takeover.
                    world.target.intercept(.produce, times: 1, topic: "east.diskless", .disconnectAfterHandling)
                    for topic in ["disks", "diskless"] {
                        try await world.produce(10 * round..<10 * (round + 1), to: topic)
                    }
                    try await world.caughtUp(flow, records: Int64(20 * (round + 1)))
                }
            }
            for topic in ["east.disks", "east.diskless"] {
                #expect(try await world.targetValues(topic) == expectedValues(0..<40))
            }
            // Each takeover after the first fences.
            #expect(try await markers(world, "east.disks", records: 40) >= 2)
            #expect(try await markers(world, "east.diskless", records: 40) == 0)
        }
        // Once by each process, however often it asked; the first had nothing to take over.
        #expect((2...3).contains(lines.count(Self.unfenced)))
        #expect(Set(lines.troubles).subtracting([Self.unfenced, "broker cannot be used, trying again"]) == [])
    }

    @Test func `the doctor's probe finds out, and says what it means`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let settings = await (try world.flow()).settings
            await world.target.setMarkers(refused: true, topic: "__replicator.east-to-west.probe")
            let doctor = Doctor(
                settings, eventLoop: world.group.next(), logger: Replicated.quiet, wallClock: { 1_700_000_000_000 })
            let findings = await doctor.examine(probes: true).findings
            await doctor.close()
            let finding = try #require(findings.first { $0.what.contains("markers") })
            #expect(finding.severity == .warning)
            #expect(finding.what.contains("INVALID_TOPIC_EXCEPTION"))
            #expect(finding.why.contains("not fenced at once"))
        }
    }
}
