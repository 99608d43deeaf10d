import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Synchronization
import Testing

/// Changes on the target between the look at a group and the commit for it.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupCommitTests {
    private final class Answers: Sendable {
        typealias Edit = @Sendable (AnswerProxy.Answer) -> ByteBuffer?
        private let edit = Mutex<Edit?>(nil)

        /// Exchanges answers of the target from now on, until an edit returns something.
        func exchange(_ edit: @escaping Edit) { self.edit.withLock { $0 = edit } }

        func answer(_ answer: AnswerProxy.Answer) -> ByteBuffer {
            guard let edit = edit.withLock({ $0 }) else { return answer.framed }
            return edit(answer) ?? answer.framed
        }
    }

    private func relayed(_ body: (Replicated, Answers) async throws -> Void) async throws {
        let answers = Answers()
        let proxy = try await AnswerProxy { answers.answer($0) }
        try await Replicated.run(
            targetProperties: ["advertised.listeners": "PLAINTEXT://127.0.0.1:\(proxy.port)"]
        ) { world in
            proxy.lead(to: try #require(world.target.ports.first))
            try await body(world, answers)
        }
        await proxy.close()
    }

    private final class Once: Sendable {
        private let isDone = Atomic<Bool>(false)

        /// True at the first call.
        func take() -> Bool { !isDone.exchange(true, ordering: .relaxed) }

        var isTaken: Bool { isDone.load(ordering: .relaxed) }
    }

    private func edited(_ answer: AnswerProxy.Answer, committed offset: Int64) -> ByteBuffer {
        answer.edited(OffsetFetchResponse.self) { response in
            for group in response.groups.indices {
                for topic in response.groups[group].topics.indices {
                    for partition in response.groups[group].topics[topic].partitions.indices {
                        response.groups[group].topics[topic].partitions[partition].committedOffset = offset
                    }
                }
            }
        }
    }

    /// A flow that looks at groups when it is asked, with a hundred records and a group at the sixtieth.
    private func flowWithGroup(in world: Replicated) async throws -> Flow {
        try await world.createTopic("orders")
        try await world.produce(0..<100, to: "orders")
        try await world.commit("g", ["orders": [0: 60]])
        return try world.flow { $0.sync.interval = .seconds(100_000) }
    }

    @Test func `a position that has moved since it was looked at is not set back`() async throws {
        try await relayed { world, answers in
            let flow = try await flowWithGroup(in: world)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                _ = try await flow.synchronizeGroups()
                #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [60])
                // The group has moved to the target and has stopped there; the look at it was just before.
                try await world.commit("g", ["east.orders": [0: 90]], at: world.targetClient)
                try await world.commit("g", ["orders": [0: 70]])
                let first = Once()
                answers.exchange { answer in
                    guard answer.api == .offsetFetch, first.take() else { return nil }
                    return edited(answer, committed: 60)
                }
                _ = try await flow.synchronizeGroups()
                #expect(first.isTaken)
                #expect(await flow.status().groups.first?.partitions.first?.state == .further)
            }
            #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [90])
        }
    }

    @Test func `an instance whose lease has ended commits nothing`() async throws {
        try await relayed { world, answers in
            let flow = try await flowWithGroup(in: world)
            try await world.running(flow) {
                try await world.caughtUp(flow, records: 100)
                _ = try await flow.synchronizeGroups()
                #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [60])
                try await eventually("it to be a member") { await flow.status().membership?.state == .member }
                // It is frozen in its round: what it hears of its group comes later.
                world.target.intercept(.heartbeat, times: 10_000, .drop)
                try await world.commit("g", ["orders": [0: 70]])
                answers.exchange { answer in
                    if answer.api == .offsetFetch { flow.lease.end() }
                    return nil
                }
                _ = try await flow.synchronizeGroups()
                answers.exchange { _ in nil }
                #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [60])
                world.target.removeInterceptions()
            }
        }
    }

    @Test func `an unplanned failover sets no group back that reads and commits on the target meanwhile`()
        async throws
    {
        try await relayed { world, answers in
            try await world.createTopic("orders")
            try await world.produce(0..<20, to: "orders")
            let flow = try world.flow()
            try await world.running(flow) { try await world.caughtUp(flow, records: 20) }
            try await world.commit("g", ["east.orders": [0: 18]], at: world.targetClient)
            // Records 15 to 19 are written, and read, while the failover looks.
            let isRead = Once()
            answers.exchange { answer in
                if answer.api == .offsetFetch { _ = isRead.take() }
                guard answer.api == .listOffsets, !isRead.isTaken else { return nil }
                return answer.edited(ListOffsetsResponse.self) { response in
                    for topic in response.topics.indices where response.topics[topic].name == "east.orders" {
                        for partition in response.topics[topic].partitions.indices {
                            let offset = response.topics[topic].partitions[partition].offset
                            response.topics[topic].partitions[partition].offset = min(offset, 15)
                        }
                    }
                }
            }
            var options = FailoverOptions(kind: .unplanned)
            options.takeOverAfter = .milliseconds(500)
            var settings = await flow.settings
            settings.source.bootstrapServers = [try #require(HostAndPort("127.0.0.1:1"))]
            let failover = Failover(
                settings, opposite: nil, options: options, owner: "test",
                eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
                wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
            ) { _ in }
            try await failover.run()

            #expect(isRead.isTaken)
            #expect(await failover.report.groupsNotInStep == [])
            #expect(try await world.targetOffsets(of: "g").values.map(\.offset) == [18])
        }
    }
}
