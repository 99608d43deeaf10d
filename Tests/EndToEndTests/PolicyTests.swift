import Foundation
import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct PolicyTests {
    private func partition(_ flow: Flow, _ number: Int32 = 0) async -> FlowStatus.Partition? {
        await flow.status().partitions.first { $0.partition == number }
    }

    /// Records of today: brokers remember the producers of such.
    private func produceNow(_ numbers: Range<Int>, _ world: Replicated) async throws {
        let now = Int64(Date().timeIntervalSince1970 * 1_000)
        try await StateTopic("orders", client: world.sourceClient).append(
            numbers.map {
                Record(offset: 0, timestamp: now, key: nil, value: ByteBuffer(string: "value \($0)"))
            })
    }

    /// What has passed is written or skipped, by the status that everybody sees.
    private func expectBalanced(_ partition: FlowStatus.Partition?, written: Int64, skipped: [String: Int64]) {
        #expect(partition?.written == written)
        #expect(partition?.skipped == skipped)
        #expect(partition?.sourceOffset == written + skipped.values.reduce(0, +))
    }

    @Test func `records that expired are passed over by policy, counted, and nothing else is`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            let flow = try world.flow { $0.policies.expired = .continue }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 2 }
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(flow, records: 10)
            }
            try await world.produce(10..<20, to: "orders")
            try await world.source.expire(topic: "orders", partition: 0, before: 15)
            let second = try world.flow { $0.policies.expired = .continue }
            try await world.running(second) {
                try await world.caughtUp(second, records: 20)
                expectBalanced(await partition(second), written: 15, skipped: ["expired": 5])
            }
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<10) + expectedValues(15..<20))
        }
    }

    @Test func `expired records stop their partition unless policy says otherwise`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.produce(0..<10, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 10) }
            try await world.produce(10..<20, to: "orders")
            try await world.produce(0..<10, to: "orders", partition: 1)
            try await world.source.expire(topic: "orders", partition: 0, before: 15)
            let second = try world.flow()
            try await world.running(second) {
                try await eventually("one to stop and the other to go on") {
                    let stopped = await partition(second)?.state == .failed
                    return await partition(second, 1)?.sourceOffset == 10 && stopped
                }
                #expect(await partition(second)?.reason?.contains("no longer has offset 10") == true)
            }
        }
    }

    @Test(arguments: [LossPolicy.stop, .continue])
    func `a source log that was cut is noticed, though it has grown again`(policy: LossPolicy) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in [0, 10, 20] { try await world.produce(start..<start + 10, to: "orders") }
            let flow = try world.flow { $0.policies.truncated = policy }
            try await world.running(flow) { try await world.caughtUp(flow, records: 30) }
            try await world.source.truncate(topic: "orders", partition: 0, to: 20)
            try await world.produce(100..<130, to: "orders")

            let second = try world.flow { $0.policies.truncated = policy }
            try await world.running(second) {
                try await eventually("the policy to be followed") {
                    let found = await partition(second)
                    return policy == .stop ? found?.state == .failed : found?.sourceOffset == 50
                }
                if policy == .stop {
                    #expect(await partition(second)?.reason?.contains("was cut at offset 20") == true)
                }
            }
            let more = policy == .stop ? [] : expectedValues(100..<130)
            #expect(try await world.targetValues("east.orders") == expectedValues(0..<30) + more)
        }
    }

    @Test func `a source topic created anew is copied behind the old one, by policy`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow { $0.policies.recreated = .continue }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                try await world.produce(0..<10, to: "orders")
                try await world.caughtUp(flow, records: 10)
                _ = try await world.source.recreateTopic("orders")
                try await world.produce(100..<110, to: "orders")
                try await eventually("the new topic") {
                    try await world.targetValues("east.orders") == expectedValues(0..<10) + expectedValues(100..<110)
                }
            }
        }
    }

    @Test func `a target log that lost its end is filled again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().partitions.count == 1 }
                for start in [0, 10, 20] {
                    try await produceNow(start..<start + 10, world)
                    try await world.caughtUp(flow, records: Int64(start + 10))
                }
                try await world.target.truncate(topic: "east.orders", partition: 0, to: 10)
                try await produceNow(30..<40, world)
                try await eventually("the loss to be made good") {
                    try await world.targetValues("east.orders") == expectedValues(0..<40)
                }
            }
        }
    }

    @Test func `a target log that lost its end while the flow was down is filled again`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in [0, 10, 20] { try await world.produce(start..<start + 10, to: "orders") }
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 30) }
            try await world.target.truncate(topic: "east.orders", partition: 0, to: 10)
            let second = try world.flow()
            try await world.running(second) {
                try await eventually("the loss to be made good") {
                    try await world.targetValues("east.orders") == expectedValues(0..<30)
                }
            }
        }
    }

    @Test(arguments: [LossPolicy.stop, .continue])
    func `a target topic created anew is filled again only by policy`(policy: LossPolicy) async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<30, to: "orders")
            let flow = try world.flow { $0.policies.recreated = policy }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 30)
                _ = try await world.target.recreateTopic("east.orders")
                try await eventually("the policy to be followed") {
                    policy == .stop
                        ? await partition(flow)?.state == .failed
                        : try await world.targetValues("east.orders") == expectedValues(0..<30)
                }
            }
        }
    }

    @Test func `a record that the target never takes is set aside alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for (_, outcome) in await world.targetClient.createTopics([
                NewTopic("east.orders", partitions: 1, replicationFactor: 1, configs: ["cleanup.policy": "compact"])
            ]) { _ = try outcome.get() }
            var records = (0..<20).map { number in
                Record(
                    offset: 0, timestamp: 1_700_000_000_000, key: ByteBuffer(string: "key \(number)"),
                    value: ByteBuffer(string: "value \(number)"))
            }
            records[13].key = nil
            try await StateTopic("orders", client: world.sourceClient).append(records)
            let flow = try world.flow {
                $0.policies.quarantined = .continue
                $0.sync.topicConfigs = false
            }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 20)
                expectBalanced(await partition(flow), written: 19, skipped: ["quarantined": 1])
            }
            #expect(
                try await world.targetValues("east.orders") == expectedValues(0..<13) + expectedValues(14..<20))
        }
    }

    @Test(arguments: [[3], [3, 4, 12], [18, 19]])
    func `records that were set aside behind the checkpoint do not shift what is counted`(setAside: [Int]) async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for (_, outcome) in await world.targetClient.createTopics([
                NewTopic("east.orders", partitions: 1, replicationFactor: 1, configs: ["cleanup.policy": "compact"])
            ]) { _ = try outcome.get() }
            func edit(_ settings: inout FlowSettings) {
                settings.policies.quarantined = .continue
                settings.sync.topicConfigs = false
            }
            try await world.produce(0..<1, to: "orders")
            let early = try await world.copy(until: 1, edit)
            try await StateTopic("orders", client: world.sourceClient).append(
                (1..<20).map { number in
                    Record(
                        offset: 0, timestamp: 1_700_000_000_000,
                        key: setAside.contains(number) ? nil : ByteBuffer(string: "key \(number)"),
                        value: ByteBuffer(string: "value \(number)"))
                })
            try await world.copy(until: 20, edit)
            try await world.restore(early)
            try await world.produce(20..<30, to: "orders")

            let last = try await world.copy(until: 30, edit)

            let expected = (0..<30).filter { !setAside.contains($0) }
            #expect(try await world.targetValues("east.orders") == expected.map { "value \($0)" })
            #expect(last.accounting?.skipped[SkipReason.quarantined.rawValue] == Int64(setAside.count))
            let map = try #require(try await world.recorded().map(of: Replicated.orders))
            for record in try await StateTopic("east.orders", client: world.targetClient).readAll() {
                let source = Int64(String(buffer: try #require(record.value)).dropFirst(6))
                #expect(map.first(fromTarget: record.offset)?.source == source)
            }
        }
    }
}
