import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import Testing

@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupOffsetTests {
    @Test func `a group goes on at the target with the record that it would have read next`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.occupyTarget("east.orders", partitions: 2, records: 7)
            for partition in 0..<2 {
                for start in stride(from: 0, to: 300, by: 25) {
                    try await world.produce(start..<start + 25, to: "orders", partition: Int32(partition))
                }
            }
            try await world.commit("g", ["orders": [0: 110, 1: 299]], metadata: "where I was")
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 600)
                try await world.committed("g", "east.orders", [0: 117, 1: 306])
            }

            #expect(try await world.targetValues("east.orders", partition: 0)[117] == "value 110")
            #expect(try await world.targetValues("east.orders", partition: 1)[306] == "value 299")
            #expect(try await world.targetOffsets(of: "g")[TopicPartition("east.orders", 0)]?.metadata == "where I was")
        }
    }

    @Test func `a map outlives a restart: lagging groups stay exact`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.occupyTarget("east.orders", partitions: 1, records: 3)
            try await world.produce(0..<100, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 100) }
            // Somebody else writes there: a new segment.
            try await world.produceForeign(to: "east.orders", records: 5)
            try await world.produce(100..<200, to: "orders")
            let second = try world.flow()
            try await world.running(second) { try await world.caughtUp(second, records: 200) }
            try await world.commit("lagging", ["orders": [0: 10]])
            try await world.commit("leading", ["orders": [0: 150]])
            // Each takeover leaves a fence behind, so that offsets are looked up, not counted.
            let copies = try await StateTopic("east.orders", client: world.targetClient).readAll()
            func offset(of value: String) throws -> Int64 {
                try #require(copies.first { $0.value == ByteBuffer(string: value) }).offset
            }
            let lagging = try offset(of: "value 10")
            let leading = try offset(of: "value 150")
            let third = try world.flow()
            try await world.running(third) {
                try await world.committed("lagging", "east.orders", [0: lagging])
                try await world.committed("leading", "east.orders", [0: leading])
            }
            #expect(lagging == 13)
            #expect(leading > 158)
        }
    }

    @Test func `until it is known what an earlier run copied, no group is moved beyond it`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let first = try world.flow()
            try await world.running(first) { try await world.caughtUp(first, records: 100) }
            try await world.forgetCheckpoints(of: "east-to-west", "orders")
            try await world.commit("g", ["orders": [0: 10]])
            // The takeover does not get on, and groups are looked at meanwhile.
            world.stallTakeovers()
            let second = try world.flow()
            try await world.running(second) {
                for group in ["g", "h", "i"] {
                    try await world.commit(group, ["orders": [0: 10]])
                    try await eventually("a look at \(group)") {
                        await second.status().groups.contains { $0.group == group }
                    }
                }
                world.endStall()
                try await world.committed("g", "east.orders", [0: 10])
            }
        }
    }

    @Test func `positions move forward only`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.commit("g", ["orders": [0: 60]])
            let flow = try world.flow()
            try await world.running(flow) {
                try await world.committed("g", "east.orders", [0: 60])
                try await world.commit("g", ["orders": [0: 20]])
                try await eventually("the rewind to be seen") {
                    await flow.status().groups.first?.partitions.first?.state == .further
                }
                #expect(try await world.targetOffsets(of: "g")[TopicPartition("east.orders", 0)]?.offset == 60)
                try await world.commit("g", ["orders": [0: 70]])
                try await world.committed("g", "east.orders", [0: 70])
            }
        }
    }

    @Test func `what was never copied is outside the known range, and said so`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            try await world.commit("old", ["orders": [0: 20]])
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(50..<60, to: "orders")
                try await world.commit("young", ["orders": [0: 55]])
                try await world.committed("young", "east.orders", [0: 5])
                let groups = await flow.status().groups
                let old = try #require(groups.first { $0.group == "old" })
                #expect(old.state == .refused)
                #expect(old.reason?.contains("outside the known range: copies are known from source offset 50") == true)
            }
            #expect(try await world.targetOffsets(of: "old").isEmpty)
        }
    }

    @Test func `a group of an empty topic begins behind what others wrote`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.occupyTarget("east.orders", partitions: 1, records: 4)
            try await world.commit("g", ["orders": [0: 0]])
            let flow = try world.flow()
            try await world.running(flow) { try await world.committed("g", "east.orders", [0: 4]) }
        }
    }

    @Test func `groups can have another name on the target`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("g", ["orders": [0: 4]])
            let flow = try world.flow { $0.groupPrefix = "dr." }
            try await world.running(flow) { try await world.committed("dr.g", "east.orders", [0: 4]) }

            #expect(try await world.targetOffsets(of: "g").isEmpty)
        }
    }

    @Test func `groups that are not selected, and groupOffsets false, leave the target alone`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await world.commit("mine", ["orders": [0: 4]])
            try await world.commit("other", ["orders": [0: 4]])
            let other = try NamePattern("oth.*")
            let flow = try world.flow {
                $0.consumerGroups.deny = [other]
            }
            try await world.running(flow) { try await world.committed("mine", "east.orders", [0: 4]) }
            #expect(try await world.targetOffsets(of: "other").isEmpty)
        }
    }

    @Test func `between two identical flows a group goes there and back without a gap or a repetition`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            let there = try world.flow { $0.naming = .identical }
            let back = try world.flow(from: ("west", world.target), to: ("east", world.source)) {
                $0.naming = .identical
            }
            try await world.running(there, back) {
                try await world.caughtUp(there, records: 100)
                try await world.commit("g", ["orders": [0: 100]])
                try await world.committed("g", "orders", [0: 100])
                // Failed over: producers and the group are at the target now.
                try await world.produce(100..<150, to: "orders", client: world.targetClient)
                try await world.caughtUp(back, records: 150)
                try await world.caughtUp(there, records: 150)
                try await world.commit("g", ["orders": [0: 130]], at: world.targetClient)
                try await world.committed("g", "orders", [0: 130], at: world.sourceClient)
                try await world.commit("g", ["orders": [0: 150]], at: world.targetClient)
                try await world.committed("g", "orders", [0: 150], at: world.sourceClient)
                // And back: what is written at the source now is new to the group on both sides.
                try await world.produce(150..<160, to: "orders")
                try await world.caughtUp(there, records: 160)
                try await world.commit("g", ["orders": [0: 155]])
                try await world.committed("g", "orders", [0: 155])
            }
            #expect(try await Replicated.values("orders", at: world.sourceClient) == expectedValues(0..<160))
            #expect(try await world.targetValues("orders") == expectedValues(0..<160))
        }
    }

    @Test func `in prefix naming a group that read the copies fails back to the originals`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.occupyTarget("east.orders", partitions: 1, records: 6)
            try await world.produce(0..<100, to: "orders")
            let there = try world.flow()
            let back = try world.flow(from: ("west", world.target), to: ("east", world.source))
            try await world.running(there, back) {
                try await world.caughtUp(there, records: 100)
                try await world.commit("g", ["east.orders": [0: 46]], at: world.targetClient)
                try await world.committed("g", "orders", [0: 40], at: world.sourceClient)
            }
        }
    }

    @Test func `a planned stop carries over what groups have committed last, where nobody reads on the target`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<100, to: "orders")
            try await world.commit("seen", ["orders": [0: 100]])
            // So long a pause that only the first look and the last one are within the test.
            let flow = try world.flow { $0.sync.interval = .seconds(100_000) }
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                try await eventually("the first look at groups") { await !flow.status().groups.isEmpty }
                try await world.commit("late", ["orders": [0: 70]])
                try await world.commit("busy", ["orders": [0: 30]])
                try await world.join("busy")
            }
            #expect(try await world.targetOffsets(of: "late").values.map(\.offset) == [70])
            #expect(try await world.targetOffsets(of: "seen").values.map(\.offset) == [100])
            #expect(try await world.targetOffsets(of: "busy").isEmpty)
        }
    }

    @Test func `a planned stop ends when a cluster does not answer any more`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.commit("g", ["orders": [0: 0]])
            let flow = try world.flow {
                $0.sync.interval = .seconds(100_000)
                $0.lastGroupRoundTimeout = .milliseconds(100)
            }
            try await world.running(flow) {
                try await eventually("the first look at groups") { await !flow.status().groups.isEmpty }
                world.source.intercept(.listGroups, times: 1_000, .drop)
            }
            #expect(await flow.status().state == .stopped)
        }
    }

    @Test func `the inspector compares the records at both ends and rewinds only when told`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.occupyTarget("east.orders", partitions: 1, records: 2)
            try await world.produce(0..<50, to: "orders")
            let flow = try world.flow { $0.sync.groupOffsets = false }
            try await world.running(flow) { try await world.caughtUp(flow, records: 50) }
            try await world.commit("g", ["orders": [0: 20]])
            let inspector = OffsetInspector(
                await flow.settings, eventLoop: world.group.next(), logger: Replicated.quiet)

            let first = try #require(try await inspector.inspect(group: "g")?.partitions.first)
            #expect((first.translatedOffset, first.sourceLag, first.targetLag) == (22, 30, 30))
            #expect(
                (first.isSameRecord, first.state, first.targetOffset) == (
                    true, FlowStatus.GroupPartition.State.pending, nil
                ))

            let applied = try #require(try await inspector.inspect(group: "g", action: .apply)?.partitions.first)
            #expect((applied.state, applied.targetOffset) == (FlowStatus.GroupPartition.State.synced, 22))

            try await world.commit("g", ["orders": [0: 10]])
            let further = try #require(try await inspector.inspect(group: "g", action: .apply)?.partitions.first)
            #expect((further.state, further.targetOffset) == (FlowStatus.GroupPartition.State.further, 22))
            let rewound = try #require(
                try await inspector.inspect(group: "g", action: .applyAndRewind)?.partitions.first)
            #expect((rewound.state, rewound.targetOffset) == (FlowStatus.GroupPartition.State.synced, 12))
            #expect(try await inspector.inspect(group: "unknown") == nil)
            await inspector.close()
        }
    }
}
