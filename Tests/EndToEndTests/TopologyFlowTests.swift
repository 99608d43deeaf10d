import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import Testing

/// More clusters than two: nothing is doubled, no name grows, and no group misses a record.
@Suite(.serialized, .timeLimit(.minutes(5))) struct TopologyFlowTests {
    private static let orders = TopicPartition("orders", 0)

    /// Groups at a cluster, at many places of its log.
    private func commitGroups(_ mesh: Mesh, at cluster: String) async throws -> [String: Int64] {
        let client = try mesh.client(cluster)
        let log = try await StateTopic("orders", client: client).readAll()
        var groups: [String: Int64] = [:]
        for index in stride(from: 0, through: log.count, by: 7) {
            let offset = index < log.count ? log[index].offset : (log.last?.offset ?? -1) + 1
            groups["\(cluster)-\(index)"] = offset
            try await mesh.world.commit("\(cluster)-\(index)", ["orders": [0: offset]], at: client)
        }
        return groups
    }

    /// What lies in front of a group on the target has all been read at the source.
    private func misses(
        _ mesh: Mesh, _ group: String, at offset: Int64, _ source: String, _ target: String
    ) async throws -> Set<String> {
        let found = try await mesh.client(target).committedOffsets(of: group)[Self.orders]
        guard let committed = try found?.get().offset else { return [] }
        func values(_ cluster: String, below offset: Int64) async throws -> Set<String> {
            let log = try await StateTopic("orders", client: mesh.client(cluster)).readAll()
            return Set(log.filter { $0.offset < offset }.compactMap { $0.value.map { String(buffer: $0) } })
        }
        return try await values(target, below: committed).subtracting(values(source, below: offset))
    }

    /// Runs flows with records from everywhere and groups at every cluster, and follows what each group has read.
    private func missesNothing(
        _ names: [String], _ paths: [(String, String, LoopPrevention)], writes sources: [String]? = nil
    ) async throws -> [String: FlowStatus.Group.State] {
        var states: [String: FlowStatus.Group.State] = [:]
        try await Mesh.run(names) { mesh in
            let flows = try mesh.flows(paths)
            try await mesh.world.running(flows) {
                for round in 0..<3 {
                    for name in sources ?? names {
                        let start = try mesh.first(of: name) + round * 10
                        try await mesh.world.produce(start..<start + 10, to: "orders", client: mesh.client(name))
                    }
                    if sources == nil {
                        try await mesh.settled(round * 10 + 10)
                    } else {
                        for (flow, path) in zip(flows, paths) {
                            let count = try await mesh.counts(path.0).count
                            try await mesh.world.caughtUp(flow, records: Int64(count))
                        }
                    }
                }
                var groups: [String: [String: Int64]] = [:]
                for name in names { groups[name] = try await commitGroups(mesh, at: name) }
                for (flow, path) in zip(flows, paths) {
                    let expected = groups[path.0] ?? [:]
                    // Once seen by the flow, and once more, so that all that was to be committed is.
                    try await eventually("\(flow.name) to look at the groups") {
                        let found = await flow.status().groups.filter { expected[$0.group] != nil }
                        return found.count == expected.count
                            && found.allSatisfy { $0.partitions.allSatisfy { $0.state != .pending } }
                    }
                    for (group, offset) in expected {
                        let missed = try await misses(mesh, group, at: offset, path.0, path.1)
                        #expect(missed.isEmpty, "\(group) from \(path.0) to \(path.1) misses \(missed.sorted())")
                    }
                    for group in await flow.status().groups where expected[group.group] != nil {
                        states["\(group.group) \(path.1)"] = group.state
                        if group.state.rawValue == "held" { #expect(group.reason?.isEmpty == false) }
                    }
                }
            }
        }
        return states
    }

    @Test(arguments: [LoopPrevention.headers, .producerIds])
    func `in a ring no group is moved past what it has not read`(setting: LoopPrevention) async throws {
        let states = try await missesNothing(
            ["a", "b", "c"], [("a", "b", setting), ("b", "c", setting), ("c", "a", setting)])
        #expect(states.values.contains { $0.rawValue == "held" })
    }

    @Test func `in fan-in no group is moved past what another source has brought`() async throws {
        let states = try await missesNothing(
            ["a", "b", "c"], [("a", "c", .headers), ("b", "c", .headers)], writes: ["a", "b"])
        #expect(states.values.contains { $0.rawValue == "held" })
    }

    @Test func `between a hub and its spokes every group is in step`() async throws {
        let states = try await missesNothing(
            ["h", "s1", "s2"],
            [("h", "s1", .headers), ("s1", "h", .headers), ("h", "s2", .headers), ("s2", "h", .headers)])
        #expect(states.values.allSatisfy { $0 == .synced })
    }

    @Test func `in fan-in a group follows as far as it has read everything, and is named where not`() async throws {
        try await Mesh.run(["a", "b", "c"]) { mesh in
            let flows = try mesh.flows([("a", "c", .headers), ("b", "c", .headers)])
            let (a, b) = (try mesh.client("a"), try mesh.client("b"))
            try await mesh.world.running(flows) {
                try await mesh.world.produce(0..<20, to: "orders", client: a)
                try await mesh.world.caughtUp(flows[0], records: 20)
                try await mesh.world.produce(100..<110, to: "orders", client: b)
                try await mesh.world.caughtUp(flows[1], records: 10)
                try await mesh.world.produce(20..<40, to: "orders", client: a)
                try await mesh.world.caughtUp(flows[0], records: 40)
                let log = try await StateTopic("orders", client: mesh.client("c")).readAll()
                let first = try #require(log.first { $0.value == ByteBuffer(string: "value 100") }).offset
                let tenth = try #require(log.first { $0.value == ByteBuffer(string: "value 10") }).offset
                try await mesh.world.commit("early", ["orders": [0: 10]], at: a)
                try await mesh.world.commit("late", ["orders": [0: 30]], at: a)

                try await mesh.world.committed("early", "orders", [0: tenth], at: mesh.client("c"))
                try await mesh.world.committed("late", "orders", [0: first], at: mesh.client("c"))
                try await eventually("late to be named") {
                    let late = await flows[0].status().groups.first { $0.group == "late" }
                    return late?.state.rawValue == "held" && late?.reason?.contains("flow \"b-to-c\"") == true
                }
                // Having read them there, it is moved on.
                let behind = try #require(log.last { $0.value == ByteBuffer(string: "value 109") }).offset + 1
                let wanted = try #require(log.first { $0.value == ByteBuffer(string: "value 30") }).offset
                try await mesh.world.commit("late", ["orders": [0: behind]], at: mesh.client("c"))
                try await mesh.world.committed("late", "orders", [0: wanted], at: mesh.client("c"))
            }
        }
    }

    // Doubles

    /// Why a flow cannot start; nil when it can.
    private func refusal(_ flow: Flow) async throws -> String? {
        do {
            try await flow.start()
        } catch {
            await flow.close()
            return "\(error)"
        }
        throw NeverHappened(description: "\(flow.name) has started")
    }

    @Test func `a flow that would write what another one writes is refused at its first start`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let first = try mesh.flow("a", "b", .headers) {
                $0.topics.allow = [try! NamePattern("orders|other")]
            }
            try await mesh.world.produce(0..<10, to: "orders", client: mesh.client("a"))
            try await mesh.world.running(first) { try await mesh.world.caughtUp(first, records: 10) }

            // Another process knows nothing of the first but what it has recorded.
            let second = try mesh.flow("a", "b", .headers) {
                $0.name = "second"
                $0.topics.allow = [try! NamePattern("ord.*")]
                // From the earliest record on it would be refused for the copies that are there.
                $0.startFrom = .latest
            }
            let why = try #require(try await refusal(second))
            for part in [
                "\"second\"", "\"a-to-b\"", "orders", "orders|other", "ord.*", "topics.deny",
                "replicator forget --flow 'a-to-b'",
            ] {
                #expect(why.contains(part), "\(part) is not in: \(why)")
            }
            #expect(try await Replicated.values("orders", at: mesh.client("b")) == expectedValues(0..<10))

            // It has left nothing that keeps the first from its work, and may start with other topics.
            try await mesh.world.produce(10..<20, to: "orders", client: mesh.client("a"))
            let again = try mesh.flow("a", "b", .headers) { $0.topics.allow = [try! NamePattern("orders|other")] }
            let other = try mesh.flow("a", "b", .headers) {
                $0.name = "second"
                $0.topics = NameSelection(allow: [try! NamePattern(".*")], deny: [try! NamePattern("orders")])
            }
            try await mesh.world.running(again, other) { try await mesh.world.caughtUp(again, records: 20) }
            #expect(try await Replicated.values("orders", at: mesh.client("b")) == expectedValues(0..<20))
        }
    }

    @Test func `once the first is forgotten, its topics are free`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let first = try mesh.flow("a", "b", .headers)
            try await mesh.world.running(first) {
                try await eventually("it") { await first.copies("orders", partitions: 1) }
            }
            let progress = "__replicator.a-to-b.progress"
            for (_, outcome) in await (try mesh.client("b")).deleteTopics([progress]) { try outcome.get() }

            let second = try mesh.flow("a", "b", .headers) { $0.name = "second" }
            try await mesh.world.produce(0..<10, to: "orders", client: mesh.client("a"))
            try await mesh.world.running(second) { try await mesh.world.caughtUp(second, records: 10) }
        }
    }

    @Test func `a topic that two flows come to select later is copied by one, and waits in the other`() async throws {
        try await Mesh.run(["a", "b"]) { mesh in
            let first = try mesh.flow("a", "b", .headers) { $0.topics.allow = [try! NamePattern("orders|x.*")] }
            try await mesh.world.running(first) {
                try await eventually("it") { await first.copies("orders", partitions: 1) }
                let second = try mesh.flow("a", "b", .headers) {
                    $0.name = "second"
                    $0.topics.allow = [try! NamePattern("x1|y.*")]
                }
                try await mesh.world.running(second) {
                    // At a first start it would be refused.
                    try await eventually("it to run") { await second.status().state == .running }
                    let a = try mesh.client("a")
                    for name in ["x1", "y1"] {
                        let topic = NewTopic(name, partitions: 1, replicationFactor: 1)
                        for (_, outcome) in await a.createTopics([topic]) { _ = try outcome.get() }
                        try await mesh.world.produce(0..<5, to: name, client: a)
                    }
                    try await eventually("x1 to wait in one flow") {
                        let waits = [await first.status(), await second.status()].map { status in
                            (status.waiting ?? []).contains { $0.topic == "x1" && $0.reason.contains("copies x1") }
                        }
                        return waits == [false, true]
                    }
                    try await eventually("the topics to be there") {
                        let x = (try? await Replicated.values("x1", at: mesh.client("b"))) ?? []
                        let y = (try? await Replicated.values("y1", at: mesh.client("b"))) ?? []
                        return x == expectedValues(0..<5) && y == expectedValues(0..<5)
                    }

                    // By a reload the first takes over what the second copies already: that stays with the second.
                    var wider = await first.settings
                    wider.topics.allow = [try! NamePattern(".*")]
                    await first.reload(wider)
                    try await eventually("y1 to wait in the first") {
                        (await first.status().waiting ?? []).contains { $0.topic == "y1" }
                    }
                    try await mesh.world.produce(5..<10, to: "y1", client: a)
                    try await eventually("y1 to go on") {
                        try await Replicated.values("y1", at: mesh.client("b")).count >= 10
                    }
                    #expect(try await Replicated.values("y1", at: mesh.client("b")) == expectedValues(0..<10))
                }
            }
        }
    }

    @Test(arguments: [LoopPrevention.headers, .producerIds])
    func `records that would come by two ways are refused`(setting: LoopPrevention) async throws {
        try await Mesh.run(["a", "b", "c"]) { mesh in
            let chain = try mesh.flows([("a", "b", setting), ("b", "c", setting)])
            try await mesh.world.produce(0..<10, to: "orders", client: mesh.client("a"))
            try await mesh.world.running(chain) {
                try await eventually("c to hold everything") { try await mesh.counts("c").count == 10 }
                // b-to-c may have begun in front of a-to-b, and tells of that at its next look.
                try await eventually("c to know the way from a") {
                    try await StateTopic(OriginRecord.topic, client: mesh.client("c")).readAll().contains {
                        $0.value.map { String(buffer: $0).contains("a-to-b") } == true
                    }
                }
                let why = try #require(try await refusal(try mesh.flow("a", "c", setting)))
                #expect(why.contains("by the flows \"a-to-c\", and by \"a-to-b\", \"b-to-c\""), "\(why)")
            }
            #expect(try await mesh.counts("c").values.allSatisfy { $0 == 1 })
        }
    }

    @Test func `a way that opens later stops the topic where it would double, and says so`() async throws {
        try await Mesh.run(["a", "b", "c"]) { mesh in
            let direct = try mesh.flows([("a", "c", .headers), ("b", "c", .headers)])
            try await mesh.world.running(direct) {
                try await eventually("both") {
                    let first = await direct[0].copies("orders", partitions: 1)
                    return await direct[1].copies("orders", partitions: 1) && first
                }
                // It sees neither of the others: they write to a cluster that it does not know.
                let detour = try mesh.flow("a", "b", .headers)
                try await mesh.world.running(detour) {
                    try await eventually("the topic to wait in one flow") {
                        for flow in direct {
                            let waits = await flow.status().waiting ?? []
                            if waits.contains(where: { $0.reason.contains("twice") }) { return true }
                        }
                        return false
                    }
                    try await mesh.world.produce(0..<10, to: "orders", client: mesh.client("a"))
                    try await mesh.world.caughtUp(detour, records: 10)
                    try await eventually("c to hold everything") { try await mesh.counts("c").count == 10 }
                }
            }
            #expect(try await mesh.counts("c").values.allSatisfy { $0 == 1 })
        }
    }

    // Names

    @Test func `aliases that hold the separator, and that the other side does not know, make no name grow`()
        async throws
    {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<5, to: "orders")
            // Two processes: neither knows what the other calls its cluster.
            let there = try world.flow {
                $0.naming = .prefix(alias: "us.east", separator: ".")
                $0.targetAlias = "somewhere"
            }
            let back = try world.flow(from: ("west", world.target), to: ("east", world.source)) {
                $0.naming = .prefix(alias: "us", separator: "-west-")
                $0.targetAlias = "elsewhere"
            }
            try await world.running(there, back) {
                for round in 0..<5 {
                    let name = "marker\(round)"
                    try await world.createTopic(name)
                    try await eventually("\(name) to be there") {
                        try await world.targetClient.metadata(.all).topics["us.east.\(name)"] != nil
                    }
                }
            }
            let onTarget = try await world.targetClient.metadata(.all).topics.keys
            let names = Array(onTarget) + Array(try await world.sourceClient.metadata(.all).topics.keys)
            #expect(names.filter { $0.contains("orders") }.sorted() == ["orders", "us.east.orders"])
        }
    }
}
