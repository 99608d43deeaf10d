import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct ExactlyOnceTests {
    @Test(arguments: [CompressionChoice.keep, .codec(.zstd)])
    func `what was written beyond the last checkpoint is not written again`(compression: CompressionChoice) async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let early = try await world.copy(until: 100) { $0.compression = compression }
            for start in stride(from: 100, to: 400, by: 50) {
                try await world.produce(start..<start + 50, to: "orders")
            }
            try await world.copy(until: 400) { $0.compression = compression }

            try await world.restore(early)
            try await world.produce(400..<500, to: "orders")
            let last = try await world.copy(until: 500) { $0.compression = compression }

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<500))
            #expect(last.accounting?.imbalance(passed: last.sourceOffset) == 0)
            #expect(last.accounting?.written == 500)
        }
    }

    @Test func `copies of a topic created again name it in their headers, before and after a crash`() async throws {
        try await Replicated.run { world in
            func edit(_ settings: inout FlowSettings) {
                settings.naming = .identical
                settings.loopPrevention = .headers
                settings.policies.recreated = .continue
            }
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow(edit)
            var early: Checkpoint?
            var id: KafkaUUID?
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 10)
                _ = try await world.source.recreateTopic("orders")
                id = try await world.sourceClient.metadata(.named(["orders"])).topics["orders"]?.id
                try await world.produce(10..<20, to: "orders")
                try await eventually("a checkpoint of the new topic") {
                    early = try await world.checkpoint()
                    return early?.sourceTopicID == id?.hexadecimal && early?.sourceOffset == 10
                }
                try await world.produce(20..<30, to: "orders")
                try await world.caughtUp(flow, records: 20)
            }
            try await world.restore(try #require(early))
            try await world.produce(30..<40, to: "orders")
            try await world.copy(until: 30, edit)
            #expect(try await world.targetValues("orders") == expectedValues(0..<40))
            let copies = try await StateTopic("orders", client: world.targetClient).readAll()
            let origins = copies.map { $0.headers.first?.value.flatMap { LoopHeader(decoding: $0) }?.originTopicID }
            #expect(Set(origins.suffix(30)) == [id])
            #expect(Set(origins.prefix(10)).count == 1 && origins[0] != id)
        }
    }

    @Test func `a source leader that moved before the crash is not taken for a log that was cut`() async throws {
        try await Replicated.run(nodes: 2) { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let early = try await world.copy(until: 100)
            let leader = try #require(await world.source.leader(topic: "orders", partition: 0))
            try await world.source.moveLeader(topic: "orders", partition: 0, to: leader == 1 ? 2 : 1)
            try await world.produce(100..<200, to: "orders")
            try await world.copy(until: 200)

            try await world.restore(early)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("what was written to be found") {
                    await flow.status().partitions.first?.sourceOffset == 200
                }
                try await world.produce(200..<300, to: "orders")
                try await eventually("the rest, or a partition that has stopped") {
                    let partition = await flow.status().partitions.first
                    return partition?.sourceOffset == 300 || partition?.state == .failed
                }
                #expect(await flow.status().partitions.first?.reason == nil)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<300))
        }
    }

    @Test func `the offset map knows the copies that an earlier run made beyond its checkpoint`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let early = try await world.copy(until: 100)
            try await world.produce(100..<200, to: "orders")
            try await world.copy(until: 200)
            try await world.restore(early)
            try await world.copy(until: 200)

            let map = try #require(try await world.recorded().map(of: Replicated.orders))
            let values = try await StateTopic("east.orders", client: world.targetClient).readAll()
            for source in [Int64(0), 99, 100, 150, 199] {
                let pair = try #require(map.first(fromSource: source))
                #expect(pair.source == source)
                let copy = values.first { $0.offset == pair.target }
                #expect(copy?.value.map { String(buffer: $0) } == "value \(source)")
            }
        }
    }

    @Test func `records older than the broker remembers producers survive lost answers`() async throws {
        // Every producer state is expired as soon as it is looked at: the records are from 2023 (P16).
        try await Replicated.run(targetProperties: ["producer.id.expiration.ms": "1"]) { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                for round in 0..<20 {
                    if round % 3 == 1 { world.target.intercept(.produce, times: 1, .disconnectAfterHandling) }
                    try await world.produce(round * 25..<(round + 1) * 25, to: "orders")
                    if round % 5 == 0 { try await world.caughtUp(flow, records: Int64(round + 1) * 25) }
                }
                try await world.caughtUp(flow, records: 500)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<500))
        }
    }

    @Test func `a target that does not let us fence is written exactly once all the same`() async throws {
        try await Replicated.run { world in
            world.target.intercept(.writeTxnMarkers, times: 100, .error(.clusterAuthorizationFailed))
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let early = try await world.copy(until: 100)
            try await world.produce(100..<200, to: "orders")
            try await world.copy(until: 200)
            try await world.restore(early)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                world.target.intercept(.produce, times: 1, .disconnectAfterHandling)
                try await world.produce(200..<300, to: "orders")
                try await world.caughtUp(flow, records: 300)
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<300))
        }
    }

    @Test func `other writers on the target are allowed and counted`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(flow, records: 10)
                try await world.produce(1_000..<1_003, to: "east.orders", client: world.targetClient)
                try await world.produce(10..<20, to: "orders")
                try await world.caughtUp(flow, records: 20)
                #expect(await flow.status().partitions.first?.foreign == 3)
            }
            let values = try await world.targetValues("east.orders")
            #expect(values == expectedValues(0..<10) + expectedValues(1_000..<1_003) + expectedValues(10..<20))
        }
    }

    @Test func `the flow's producer id is registered once and found again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.copy(until: 10)
            try await world.produce(10..<20, to: "orders")
            let last = try await world.copy(until: 20)

            let records = try await StateTopic("__replicator_origins", client: world.targetClient).readAll()
            // The registration is written once more when the flow knows what it selects.
            let ids = Set(records.compactMap { $0.key.map { String(buffer: $0) } })
            #expect(ids.count == 1)
            #expect(last.producers.map { Set($0.keys) } == ids)
        }
    }

    @Test func `an id whose epochs are used up is followed by another, and stays known as ours`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            let early = try await world.copy(until: 10)
            try await world.produce(10..<20, to: "orders")
            try await world.copy(until: 20)
            let used = try #require(early.producers?.keys.first.flatMap { Int64($0) })
            let copies = TopicPartition("east.orders", 0)
            let fenced = await world.targetClient.fence([copies: [ProducerIdentity(id: used, epoch: .max)]])
            _ = try #require(fenced[copies]).get()

            // The last checkpoint is lost too: what the old id wrote has to be found under it.
            try await world.restore(early)
            try await world.produce(20..<30, to: "orders")
            try await world.copy(until: 30)

            #expect(try await world.targetValues("east.orders") == expectedValues(0..<30))
            let origins = try await StateTopic("__replicator_origins", client: world.targetClient).readAll()
            #expect(Set(origins.map(\.key)).count == 2)
        }
    }

    @Test func `an instance that was replaced is shut out and says so`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let first = try world.flow()
            let second = try world.flow()
            try await world.running(first) {
                try await eventually("the first to run") { await first.status().partitions.count == 1 }
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(first, records: 10)
                try await world.running(second) {
                    try await eventually("the second to run") { await second.status().partitions.count == 1 }
                    try await world.produce(10..<20, to: "orders")
                    try await world.caughtUp(second, records: 20)
                    // By now the second has taken over, and the first finds out with the next batch.
                    try await world.produce(20..<30, to: "orders")
                    try await world.caughtUp(second, records: 30)
                    try await eventually("the first to be shut out") {
                        let status = await first.status()
                        return status.partitions.allSatisfy { $0.instance == nil }
                            && status.membership?.state == .refused
                    }
                    #expect(await first.status().reason?.contains("give each instance an id of its own") == true)
                }
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<30))
        }
    }
}
