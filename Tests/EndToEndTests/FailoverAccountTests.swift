import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

/// A failover accounts for every selected topic and partition, whatever has become of it, and lists what only the
/// source has.
@Suite(.serialized, .timeLimit(.minutes(5))) struct FailoverAccountTests {
    private func failover(
        _ world: Replicated, _ kind: FailoverKind, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> Failover {
        var options = FailoverOptions(kind: kind)
        options.still = .milliseconds(300)
        options.takeOverAfter = .milliseconds(500)
        options.patience = .seconds(5)
        return Failover(
            try await world.flow(edit).settings, opposite: nil, options: options, owner: "test",
            eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ) { _ in }
    }

    private func unplanned(
        _ world: Replicated, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> FailoverReport {
        let failover = try await failover(world, .unplanned, edit)
        try await failover.run()
        return await failover.report
    }

    /// Values that the tail holds, by topic.
    private func tail(
        _ world: Replicated, _ edit: (inout FlowSettings) -> Void = { _ in }
    ) async throws -> [String: [String]] {
        let values = Mutex<[String: [String]]>([:])
        try await failover(world, .planned, edit).exportTail { lost in
            values.withLock { $0[lost.topic, default: []].append(lost.value.map { String(buffer: $0) } ?? "null") }
        }
        return values.withLock { $0 }
    }

    private func state(_ report: FailoverReport, _ topic: String) -> Account.State? {
        report.accounts.first { $0.topic == topic }?.state
    }

    private func copied(_ world: Replicated, _ records: Int) async throws {
        let flow = try world.flow()
        try await world.running(flow) { try await world.caughtUp(flow, records: Int64(records)) }
    }

    @Test func `topics that were never copied, created again or excluded are accounted for, and in the tail`()
        async throws
    {
        func edit(_ settings: inout FlowSettings) {
            settings.topics.deny = [try! NamePattern("secret")]
        }
        try await Replicated.run { world in
            for topic in ["orders", "again", "whole"] { try await world.createTopic(topic) }
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<5, to: "again")
            try await world.produce(0..<4, to: "whole")
            try await copied(world, 19)
            for topic in ["late", "secret"] { try await world.createTopic(topic) }
            try await world.produce(10..<15, to: "orders")
            try await world.produce(50..<53, to: "late")
            try await world.produce(60..<61, to: "secret")
            // Shorter than what was copied of the old one.
            _ = try await world.source.recreateTopic("again")
            try await world.produce(100..<102, to: "again")

            let report = try await unplanned(world, edit)

            #expect(state(report, "orders") == .behind)
            #expect(state(report, "again") == .recreated)
            #expect(state(report, "late") == .waiting)
            #expect(state(report, "whole") == .complete)
            #expect(state(report, "secret") == .excluded)
            #expect(report.accounts.first { $0.topic == "secret" }?.reason == "topics.deny has secret")
            #expect(report.accounts.allSatisfy { !$0.reason.isEmpty })
            #expect(report.accounts.map { $0.records ?? 0 }.reduce(0, +) == 10)
            // What was on its way is lost with the source; the others nobody has accepted.
            #expect(report.isDone)
            #expect(report.unaccepted.count == 2, "\(report.unaccepted)")
            let listed = try await tail(world, edit)
            #expect(
                listed == [
                    "orders": expectedValues(10..<15), "again": expectedValues(100..<102),
                    "late": expectedValues(50..<53),
                ])
        }
    }

    @Test func `a topic that the target refuses to create is left, with the target's words`() async throws {
        try await Replicated.run { world in
            let long = String(repeating: "n", count: 249)
            for topic in ["orders", long] { try await world.createTopic(topic) }
            try await world.produce(0..<10, to: "orders")
            try await world.produce(0..<3, to: long)
            try await copied(world, 10)

            let report = try await unplanned(world)

            #expect(state(report, long) == .uncreatable)
            #expect(report.accounts.first { $0.topic == long }?.reason.contains("west refuses to create") == true)
            #expect(report.unaccepted.count == 1)
            #expect(try await tail(world) == [long: expectedValues(0..<3)])
        }
    }

    @Test func `of a source log that was cut everything since the cut is left`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            for start in [0, 10, 20] { try await world.produce(start..<start + 10, to: "orders") }
            try await copied(world, 30)
            try await world.source.truncate(topic: "orders", partition: 0, to: 20)
            // It has grown beyond what was copied.
            try await world.produce(100..<130, to: "orders")

            let report = try await unplanned(world)

            #expect(state(report, "orders") == .truncated)
            #expect(report.accounts.first?.copiedBelow == 20)
            #expect(try await tail(world) == ["orders": expectedValues(100..<130)])
        }
    }

    @Test func `what an open transaction may hold is not said to be there`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await copied(world, 10)
            _ = try await OpenedTransaction.begin("orders", records: 3, at: world)

            let report = try await unplanned(world)

            #expect(state(report, "orders") == .openTransaction)
            #expect(report.accounts.first?.isUnread == true)
        }
    }

    @Test func `nothing is known of a source that does not answer`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<10, to: "orders")
            try await copied(world, 10)
            try await world.source.stop(node: 1)

            let report = try await unplanned(world)

            #expect(report.accounts.map(\.state) == [.unknown])
            #expect(report.accounts.first?.copiedBelow == 10)
            #expect(report.unaccepted == [])
        }
    }

    @Test func `in order nothing begins that cannot end: what waiting does not help is named first`() async throws {
        let authorizer = [
            "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "allow.everyone.if.no.acl.found": "true",
        ]
        func edit(_ settings: inout FlowSettings) {
            settings.topics.allow = ["orders", "again", "hidden"].map { try! NamePattern($0) }
        }
        try await Replicated.run(sourceProperties: authorizer) { world in
            for topic in ["orders", "again", "hidden"] { try await world.createTopic(topic) }
            for topic in ["orders", "again"] { try await world.produce(0..<5, to: topic) }
            let flow = try world.flow {
                $0.topics.allow = [try! NamePattern("orders"), try! NamePattern("again")]
            }
            try await world.running(flow) { try await world.caughtUp(flow, records: 10) }
            _ = try await world.source.recreateTopic("again")
            let rule = AccessRule(.deny, .describe, on: .topic, "hidden", to: "User:ANONYMOUS")
            for (_, outcome) in await world.sourceClient.createAccessRules([rule]) { try outcome.get() }

            let failover = try await failover(world, .planned, edit)
            let error = await #expect(throws: FailoverError.self) { try await failover.run() }

            let text = "\(error.map { "\($0)" } ?? "")"
            #expect(text.contains("again-0 is recreated: the topic was deleted and created again"), "\(text)")
            #expect(text.contains("hidden is withheld: east answers TOPIC_AUTHORIZATION_FAILED"), "\(text)")
            #expect(!text.contains("orders"), "\(text)")
        }
    }

    @Test func `an empty partition is complete, and what is remembered of it is understood`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders", partitions: 2)
            try await world.produce(0..<5, to: "orders")
            try await copied(world, 5)

            for _ in 0..<2 {
                let failover = try await failover(world, .planned)
                try await failover.run()
                let report = await failover.report
                #expect(report.accounts.map(\.state) == [.complete, .complete])
                #expect(report.unaccepted == [])
            }
        }
    }

    @Test func `copies that are gone are not said to be there`() async throws {
        try await Replicated.run { world in
            for topic in ["orders", "cut"] {
                try await world.createTopic(topic)
                for start in [0, 10, 20] { try await world.produce(start..<start + 10, to: topic) }
            }
            try await copied(world, 60)
            _ = try await world.target.recreateTopic("east.orders")
            _ = try await world.target.truncate(topic: "east.cut", partition: 0, to: 20)

            let report = try await unplanned(world)

            #expect(report.accounts.map(\.state) == [.copyGone, .copyGone], "\(report.accounts)")
            #expect(report.unaccepted.count == 2)
            #expect(try await tail(world)["orders"] == expectedValues(0..<30))
        }
    }

    @Test func `a planned failover that does not get on says what each partition waits for`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<5, to: "orders")
            try await world.createTopic("late")
            try await copied(world, 5)
            try await world.produce(0..<2, to: "late")
            // The source lists the topic, and gives nothing of it away.
            world.source.intercept(.fetch, times: .max, .error(.notLeaderOrFollower))

            let failover = try await failover(world, .planned)
            let error = await #expect(throws: FailoverError.self) { try await failover.run() }

            guard case .doesNotMove(_, let left)? = error else {
                Issue.record("\(String(describing: error))")
                return
            }
            #expect(left == ["late-0 is behind: 2 source offsets from 0 on have not been copied"], "\(left)")
            #expect(await failover.report.accounts.first { $0.topic == "orders" }?.state == .complete)
        }
    }
}
