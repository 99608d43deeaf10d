import KafkaBroker
import KafkaClient
import KafkaWire
import Replication
import Testing

/// After a failure of one broker the partitions of the others go on at once.
@Suite(.serialized, .timeLimit(.minutes(5))) struct RecoveryAfterOutageTests {
    private func passed(_ flow: Flow, _ topic: String, _ partition: Int32) async -> Int64 {
        await flow.status().partitions.first { $0.topic == topic && $0.partition == partition }?.sourceOffset ?? -1
    }

    /// Runs a flow that has copied ten records of each of two partitions, led by different target nodes.
    private func running(_ body: (Replicated, Flow) async throws -> Void) async throws {
        try await Replicated.run(nodes: 2) { world in
            try await world.createTopic("orders", partitions: 2)
            for partition in 0..<2 { try await world.produce(0..<10, to: "orders", partition: Int32(partition)) }
            // One shard: what is looked at is who waits for whom in it.
            let flow = try world.flow { $0.shards = 1 }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 20)
                for partition in 0..<2 {
                    try await world.target.moveLeader(
                        topic: "east.orders", partition: Int32(partition), to: Int32(partition + 1))
                }
                for partition in 0..<2 { try await world.produce(10..<20, to: "orders", partition: Int32(partition)) }
                try await world.caughtUp(flow, records: 40)
                try await body(world, flow)
                world.target.removeInterceptions()
                try await world.target.cutConnections()
                try await world.caughtUp(flow, records: 60)
            }
            for partition in 0..<2 {
                #expect(
                    try await world.targetValues("east.orders", partition: Int32(partition)) == expectedValues(0..<30))
            }
        }
    }

    @Test func `a broker that does not answer what a recovery asks does not hold up partitions of another`()
        async throws
    {
        try await running { world, flow in
            // The recovery of the second partition begins, and is not answered.
            let many = 1_000_000
            for api in [ApiKey.describeProducers, .listOffsets] {
                world.target.intercept(api, times: many, node: 2, .drop)
            }
            world.target.intercept(.produce, node: 2, .disconnectAfterHandling)
            try await world.produce(20..<30, to: "orders", partition: 1)
            try await eventually("the recovery to be asked for") {
                world.target.waitingInterceptions.contains { $0.remaining < many && $0.action == .drop }
            }

            world.target.intercept(.produce, node: 1, .disconnectAfterHandling)
            try await world.produce(20..<30, to: "orders", partition: 0)

            try await eventually("the first partition to go on") { await passed(flow, "orders", 0) == 30 }
            #expect(await passed(flow, "orders", 1) == 20)
        }
    }

    @Test func `a copy without leader does not hold up partitions that have one`() async throws {
        try await Replicated.run(nodes: 2) { world in
            for (_, outcome) in await world.targetClient.createTopics([NewTopic("east.alone", partitions: 1)]) {
                _ = try outcome.get()
            }
            try await world.createTopic("alone")
            try await world.createTopic("orders")
            let flow = try world.flow { $0.shards = 1 }
            try await world.running(flow) {
                for topic in ["alone", "orders"] { try await world.produce(0..<10, to: topic) }
                try await world.caughtUp(flow, records: 20)
                let node = try #require(await world.target.leader(topic: "east.alone", partition: 0))
                try await world.target.moveLeader(topic: "east.orders", partition: 0, to: 3 - node)
                // Its outcome is unknown when its leader goes.
                world.target.intercept(.produce, topic: "east.alone", .drop)
                try await world.produce(10..<20, to: "alone")
                try await eventually("the batch to be sent") { world.target.waitingInterceptions.isEmpty }
                try await world.target.stop(node: node)
                try await eventually("the missing leader to be told") {
                    await flow.status().partitions.first { $0.topic == "alone" }?.obstacle
                        == "east.alone-0 has no leader on west"
                }

                world.target.intercept(.produce, topic: "east.orders", .disconnectAfterHandling)
                try await world.produce(10..<20, to: "orders")

                try await eventually("the other to go on") { await passed(flow, "orders", 0) == 20 }
                #expect(await passed(flow, "alone", 0) == 10)
                try await world.target.start(node: node)
                try await world.caughtUp(flow, records: 40)
            }
            for topic in ["alone", "orders"] {
                #expect(try await world.targetValues("east.\(topic)") == expectedValues(0..<20))
            }
        }
    }

    @Test func `trouble of a broker ends in the log when others lead what it led`() async throws {
        let lines = LogLines()
        try await Replicated.run(nodes: 2) { world in
            try await world.createTopic("orders", partitions: 2)
            let flow = try world.flow(logger: lines.logger)
            try await world.running(flow) {
                for partition in 0..<2 { try await world.produce(0..<10, to: "orders", partition: Int32(partition)) }
                try await world.caughtUp(flow, records: 20)
                try await world.target.stop(node: 1)
                for partition in 0..<2 { try await world.produce(10..<20, to: "orders", partition: Int32(partition)) }
                try await world.caughtUp(flow, records: 40)
                try await eventually("the trouble to be over") {
                    lines.count("broker cannot be used, trying again")
                        == lines.count("broker can be used again") + lines.count("broker is not needed any more")
                }
            }
        }
        #expect(lines.count("broker cannot be used, trying again") <= 1)
    }

    @Test func `a topic that takes no fences is copied all the same, and so is told once`() async throws {
        let lines = LogLines()
        try await Replicated.run { world in
            let many = 1_000
            world.target.intercept(.writeTxnMarkers, times: many, .error(.invalidTopicException))
            try await world.createTopic("diskless", partitions: 2)
            for partition in 0..<2 { try await world.produce(0..<10, to: "diskless", partition: Int32(partition)) }
            for run in 1...2 {
                let flow = try world.flow(logger: lines.logger)
                try await world.running(flow) {
                    try await world.caughtUp(flow, records: Int64(20 * run))
                    for partition in 0..<2 {
                        try await world.produce(run * 10..<run * 10 + 10, to: "diskless", partition: Int32(partition))
                    }
                    try await world.caughtUp(flow, records: Int64(20 * run + 20))
                }
            }
            #expect(world.target.waitingInterceptions.first?.remaining ?? 0 < many)
            for partition in 0..<2 {
                #expect(
                    try await world.targetValues("east.diskless", partition: Int32(partition))
                        == expectedValues(0..<30))
            }
        }
        // Nobody can have written before the first run: it fences nothing.
        #expect(lines.count { $0.hasPrefix("the target takes no markers for these topics") } == 1)
    }
}
