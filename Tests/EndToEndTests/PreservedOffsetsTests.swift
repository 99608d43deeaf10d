import Foundation
import KafkaBroker
import KafkaClient
import KafkaCompression
import KafkaWire
import NIOCore
import Replication
import Testing

/// Copies with the offsets of their source, over real sockets.
struct PreservedOffsetsTests {
    /// Offsets and values of all records of a partition.
    private static func records(
        _ topic: String, at client: ClusterClient, isolation: IsolationLevel = .readCommitted
    ) async throws -> [Int64: String] {
        var found: [Int64: String] = [:]
        let bounds = try await ends(topic, at: client)
        var next = bounds.start
        while next < bounds.end {
            let outcome = await client.read(
                [FetchPosition(topic: topic, partition: 0, fetchOffset: next)], isolation: isolation)
            guard let fetched = try outcome[TopicPartition(topic, 0)]?.get(), let bytes = fetched.records?.contiguous
            else {
                break
            }
            var reader = LogEntryReader(bytes)
            let before = next
            let aborted = Set(fetched.abortedTransactions.map(\.producerID))
            while let entry = try reader.next() {
                next = max(next, entry.lastOffset + 1)
                guard case .batch(let batch) = entry, !batch.header.isControl else { continue }
                if batch.header.isTransactional, aborted.contains(batch.header.producerID) { continue }
                var records = try batch.records()
                while let record = try records.next() {
                    found[record.offset] = record.value.map { String(buffer: $0) } ?? "null"
                }
            }
            if next == before { break }
        }
        return found
    }

    private static func ends(_ topic: String, at client: ClusterClient) async throws -> (start: Int64, end: Int64) {
        let partition = TopicPartition(topic, 0)
        let start = try await client.offsets([partition: .earliest])[partition]?.get().offset
        let end = try await client.offsets([partition: .latest])[partition]?.get().offset
        return (start ?? -1, end ?? -1)
    }

    /// A lone marker on a partition of the source, as a transaction leaves it.
    private static func mark(_ world: Replicated, _ topic: String, count: Int = 1) async throws {
        let broker = try #require(try await world.sourceClient.metadata(.all).topics[topic]?.partitions[0]?.leader)
        let outcomes = await world.sourceClient.writeMarkers(
            [TopicPartition(topic, 0): MarkerRun(producer: ProducerIdentity(id: 4_000, epoch: 0), count: count)],
            at: broker)
        #expect(outcomes[TopicPartition(topic, 0)] == .written)
    }

    private static func preserving(_ settings: inout FlowSettings) {
        settings.offsets = .preserve
    }

    private static func aligned(_ world: Replicated, _ topic: String, _ copy: String) async throws {
        try await eventually("the ends of \(topic) and its copy to be equal") {
            let source = try await ends(topic, at: world.sourceClient)
            return try await ends(copy, at: world.targetClient).end == source.end
        }
        let source = try await records(topic, at: world.sourceClient)
        let copied = try await records(copy, at: world.targetClient)
        #expect(copied == source)
        // Nothing that fills holes is seen by a consumer that reads what is uncommitted, either.
        let uncommitted = try await records(copy, at: world.targetClient, isolation: .readUncommitted)
        #expect(uncommitted == source)
    }

    @Test func `holes become markers, so that each record has its source's offset`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await Self.mark(world, "orders")
            try await world.produce(10..<12, to: "orders")
            try await Self.mark(world, "orders", count: 7)
            try await world.produce(12..<30, to: "orders", codec: .lz4)
            try await Self.mark(world, "orders", count: 3)
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await Self.aligned(world, "orders", "east.orders")
                try await world.produce(30..<40, to: "orders")
                try await Self.aligned(world, "orders", "east.orders")
                try await Self.mark(world, "orders", count: 2)
                try await Self.aligned(world, "orders", "east.orders")
            }
            // A later start continues where the log ends.
            try await world.produce(40..<50, to: "orders")
            try await world.running(try world.flow(Self.preserving)) {
                try await Self.aligned(world, "orders", "east.orders")
            }
        }
    }

    /// Compacted topics take no records without a key.
    @Test(arguments: ["delete", "compact,delete"])
    func `a log that begins behind offset 0 is brought there before its first record`(cleanup: String) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", configs: ["cleanup.policy": cleanup])
            let start: Int64 = 20_000
            try await world.produce(900_000..<900_000 + Int(start), to: "orders")
            try await world.produce(0..<10, to: "orders")
            for (_, outcome) in await world.sourceClient.deleteRecords(before: [TopicPartition("orders", 0): start]) {
                _ = try outcome.get()
            }
            try await world.running(try world.flow(Self.preserving)) {
                try await Self.aligned(world, "orders", "east.orders")
            }
            #expect(try await Self.ends("east.orders", at: world.targetClient).start == start)
        }
    }

    @Test func `a record of somebody else stops the partition`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await Self.aligned(world, "orders", "east.orders")
                try await world.produce(900..<901, to: "east.orders", client: world.targetClient)
                try await world.produce(10..<20, to: "orders")
                try await eventually("the partition to stop") {
                    await flow.status().partitions.first?.state == .failed
                }
                let reason = await flow.status().partitions.first?.reason ?? ""
                #expect(reason.contains("others write to east.orders-0"))
            }
            // Nor does a restart take the foreign record for a copy.
            let again = try world.flow(Self.preserving)
            try await world.running(again) {
                try await eventually("the partition to stop") {
                    await again.status().partitions.first?.state == .failed
                }
            }
        }
    }

    @Test func `a topic that holds other records is refused`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            for (_, outcome) in await world.targetClient.createTopics([
                NewTopic("east.orders", partitions: 1, replicationFactor: 1)
            ]) { _ = try outcome.get() }
            try await world.produce(900..<901, to: "east.orders", client: world.targetClient)
            let flow = try world.flow(Self.preserving)
            await #expect(throws: FlowError.self) { try await flow.prepare() }
            await flow.close()
            #expect(try await Self.ends("east.orders", at: world.targetClient).end == 1)
        }
    }

    @Test func `a topic that comes while the flow runs, and holds other records, stops its partitions`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                for (_, outcome) in await world.targetClient.createTopics([
                    NewTopic("east.bills", partitions: 1, replicationFactor: 1)
                ]) { _ = try outcome.get() }
                try await world.produce(900..<901, to: "east.bills", client: world.targetClient)
                try await world.createTopic("bills")
                try await eventually("the partition to stop") {
                    await flow.status().partitions.contains {
                        $0.topic == "bills" && $0.reason?.contains("that this flow did not write") == true
                    }
                }
            }
        }
    }
}

// Targets that do not do as they should.
extension PreservedOffsetsTests {
    /// Records so young that brokers remember their producers.
    private static func produceToday(_ numbers: Range<Int>, _ world: Replicated) async throws {
        let time = Int64(Date().timeIntervalSince1970 * 1_000)
        try await StateTopic("orders", client: world.sourceClient).append(
            numbers.map { Record(offset: 0, timestamp: time, key: nil, value: ByteBuffer(string: "value \($0)")) })
    }

    @Test func `without ALTER on the cluster the partition says what it lacks, and can be tried again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await Self.mark(world, "orders")
            try await world.produce(10..<20, to: "orders")
            world.target.intercept(.writeTxnMarkers, times: .max, .error(.clusterAuthorizationFailed))
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await eventually("the partition to stop") {
                    await flow.status().partitions.first?.state == .failed
                }
                let reason = await flow.status().partitions.first?.reason ?? ""
                #expect(reason.contains("grant ALTER on CLUSTER"))
                world.target.removeInterceptions()
                _ = try await flow.retry(.flow)
                try await Self.aligned(world, "orders", "east.orders")
            }
        }
    }

    @Test func `a target that does not tell its producers still gets each record once, at its offset`() async throws {
        try await Replicated.run { world in
            world.target.intercept(.describeProducers, times: .max, .error(.topicAuthorizationFailed))
            try await world.createTopic("orders")
            for run in 0..<4 {
                try await Self.produceToday(10 * run..<10 * run + 10, world)
                try await Self.mark(world, "orders", count: 2)
                try await world.running(try world.flow(Self.preserving)) {
                    try await Self.aligned(world, "orders", "east.orders")
                }
            }
        }
    }

    @Test func `a process that may no longer write sends no markers, although it has a connection by then`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let broker = try #require(
                try await world.sourceClient.metadata(.all).topics["orders"]?.partitions[0]?.leader)
            let run = [
                TopicPartition("orders", 0): MarkerRun(producer: ProducerIdentity(id: 4_000, epoch: 0), count: 2)
            ]
            let outcomes = await world.sourceClient.writeMarkers(run, at: broker) { false }
            guard case .refused = outcomes[TopicPartition("orders", 0)] else {
                Issue.record("\(outcomes)")
                return
            }
            #expect(try await Self.ends("orders", at: world.sourceClient).end == 0)
        }
    }

    @Test func `a topic whose cleanup the target does not tell waits until it does`() async throws {
        try await Replicated.run { world in
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                world.target.intercept(.describeConfigs, times: .max, .error(.unknownServerError))
                try await world.createTopic("orders")
                try await Self.produceToday(0..<10, world)
                _ = try await flow.retry(.flow)
                try await eventually("the topic to wait") {
                    await flow.status().waiting?.contains {
                        $0.topic == "orders" && $0.reason.contains("cleanup.policy of its copy is not known")
                    } == true
                }
                #expect(await flow.status().partitions.isEmpty)
                world.target.removeInterceptions()
                try await Self.aligned(world, "orders", "east.orders")
            }
        }
    }

    /// Runs a flow until its partition has stopped.
    private static func reason(_ world: Replicated, retrying: Bool = false) async throws -> String {
        let flow = try world.flow(preserving)
        var reason = ""
        try await world.running(flow) {
            for turn in 0..<(retrying ? 2 : 1) {
                if turn > 0 { _ = try await flow.retry(.flow) }
                try await eventually("the partition to stop") {
                    await flow.status().partitions.first?.state == .failed
                }
            }
            reason = await flow.status().partitions.first?.reason ?? ""
        }
        return reason
    }

    @Test func `a source that was cut in front of what was copied stops the partition, however often it is tried`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            try await Self.produceToday(10..<20, world)
            try await world.running(try world.flow(Self.preserving)) {
                try await Self.aligned(world, "orders", "east.orders")
            }
            #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 10) == 10)
            try await Self.produceToday(100..<130, world)
            for _ in 0..<2 {
                let reason = try await Self.reason(world, retrying: true)
                #expect(reason.contains("the source's log was cut at offset 10"), "\(reason)")
                #expect(reason.contains("With offsets: preserve the copy cannot continue there"), "\(reason)")
            }
            #expect(try await world.targetValues("east.orders") == (0..<20).map { "value \($0)" })
        }
    }

    private static func waits(_ flow: Flow, because words: String...) async throws {
        try await eventually("the topic to wait") {
            let waiting = await flow.status().waiting ?? []
            return waiting.map(\.topic) == ["orders"] && words.allSatisfy { waiting[0].reason.contains($0) }
        }
    }

    @Test func `a copy whose cleanup policy is hidden waits, says so, and is copied once it is told`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            world.target.intercept(.describeConfigs, times: .max, .error(.topicAuthorizationFailed))
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await Self.waits(
                    flow, because: "cleanup.policy of its copy is not known", "grant DESCRIBE_CONFIGS on it")
                #expect(try await world.targetValues("east.orders") == [])
                world.target.removeInterceptions()
                try await Self.aligned(world, "orders", "east.orders")
                try await eventually("it to wait no more") { await flow.status().waiting?.isEmpty != false }
            }
        }
    }

    /// Records that the target has lost come back up to the end that the source had at the beginning.
    @Test func `a partition whose end is not known waits until it is`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            // It tells where it begins, and no more.
            world.source.intercept(.listOffsets, times: 1, topic: "orders", .delay(.zero))
            world.source.intercept(.listOffsets, times: .max, topic: "orders", .error(.offsetNotAvailable))
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await Self.waits(flow, because: "it is not known where to begin")
                #expect(try await world.recorded().checkpoints.isEmpty)
                world.source.removeInterceptions()
                try await Self.aligned(world, "orders", "east.orders")
            }
        }
    }

    @Test func `a copy that becomes compacted while the flow runs gets filler from then on`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            let flow = try world.flow {
                Self.preserving(&$0)
                $0.holes = .filler
                $0.sync.topicConfigs = false
            }
            try await world.running(flow) {
                try await Self.aligned(world, "orders", "east.orders")
                for (_, outcome) in await world.targetClient.alterConfigs([
                    .topic("east.orders"): ["cleanup.policy": .set("compact")]
                ]) { try outcome.get() }
                try await eventually("filler in the place of a long hole") {
                    let start = try await Self.ends("orders", at: world.sourceClient).end
                    // A hole at the end of the log is filled with markers: nothing of it may be read, also by a fetch on its way.
                    try await flow.pause(.flow)
                    _ = try await world.source.cutConnections()
                    try await Self.mark(world, "orders", count: 5_001)
                    try await StateTopic("orders", client: world.sourceClient).append([
                        Record(
                            offset: 0, timestamp: Int64(Date().timeIntervalSince1970 * 1_000),
                            key: ByteBuffer(string: "k"), value: ByteBuffer(string: "v"))
                    ])
                    try await flow.resume(.flow)
                    let end = try await Self.ends("orders", at: world.sourceClient).end
                    try await eventually("the copy to reach as far") {
                        try await Self.ends("east.orders", at: world.targetClient).end == end
                    }
                    return try await Self.records(
                        "east.orders", at: world.targetClient, isolation: .readUncommitted)[start] != nil
                }
            }
        }
    }

    /// The source has nothing to read where its copy holds records: no record tells.
    @Test func `a source that was cut behind the checkpoint, and does not grow, stops the partition`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            let early = try await world.copy(until: 10, Self.preserving)
            for start in [10, 15] {
                try await Self.produceToday(start..<start + 5, world)
                try await world.copy(until: Int64(start + 5), Self.preserving)
            }
            #expect(try await world.source.truncate(topic: "orders", partition: 0, to: 15) == 15)
            try await world.restore(early)
            let reason = try await Self.reason(world, retrying: true)
            #expect(reason.contains("the source's log ends at offset 15, and its copy at 20"), "\(reason)")
            #expect(try await world.targetValues("east.orders") == (0..<20).map { "value \($0)" })
        }
    }

    @Test func `a source that was recreated stops the partition`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            try await world.running(try world.flow(Self.preserving)) {
                try await Self.aligned(world, "orders", "east.orders")
            }
            _ = try await world.source.recreateTopic("orders")
            try await Self.produceToday(100..<130, world)
            let reason = try await Self.reason(world, retrying: true)
            #expect(reason.contains("was deleted and created again"), "\(reason)")
            #expect(try await world.targetValues("east.orders") == (0..<10).map { "value \($0)" })
        }
    }

    @Test func `a target that has lost its end is refilled in its place`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await Self.produceToday(0..<10, world)
            try await Self.mark(world, "orders", count: 3)
            try await Self.produceToday(10..<20, world)
            let flow = try world.flow(Self.preserving)
            try await world.running(flow) {
                try await Self.aligned(world, "orders", "east.orders")
                #expect(try await world.target.truncate(topic: "east.orders", partition: 0, to: 11) == 11)
                try await Self.produceToday(20..<30, world)
                try await Self.aligned(world, "orders", "east.orders")
            }
        }
    }
}
