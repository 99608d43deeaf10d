import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Groups that stand on the target where reading there cannot have led.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupBeyondTests {
    private func inspect(
        _ world: Replicated, _ action: OffsetInspector.Action = .look
    ) async throws -> OffsetReport {
        let inspector = OffsetInspector(
            try await world.flow().settings, eventLoop: world.group.next(), logger: Replicated.quiet)
        let report: OffsetReport?
        do {
            report = try await inspector.inspect(group: "it's mine", action: action)
        } catch {
            await inspector.close()
            throw error
        }
        await inspector.close()
        return try #require(report)
    }

    private func failover(_ world: Replicated, _ edit: (inout FailoverOptions) -> Void = { _ in }) async throws
        -> Failover
    {
        var options = FailoverOptions(kind: .planned)
        options.still = .milliseconds(300)
        options.takeOverAfter = .milliseconds(500)
        edit(&options)
        return Failover(
            try await world.flow().settings, opposite: nil, options: options, owner: "test",
            eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
            wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
        ) { _ in }
    }

    /// A hundred records are copied, of which the group has read fifty, and others have written fifty more behind them.
    private func copied(_ world: Replicated, targetOffset: Int64) async throws {
        try await world.createTopic("orders")
        try await world.produce(0..<100, to: "orders")
        let flow = try world.flow()
        try await world.running(flow) { try await world.caughtUp(flow, records: 100) }
        try await world.produceForeign(to: "east.orders", records: 50)
        try await world.commit("it's mine", ["orders": [0: 50]])
        try await world.commit("it's mine", ["east.orders": [0: targetOffset]], at: world.targetClient)
    }

    @Test(arguments: [
        (1_000, FlowStatus.GroupPartition.State.beyondEnd, FlowStatus.Group.State.beyondEnd),
        (130, .beyondCopies, .beyondCopies),
    ]) func `such a position is told with its own word, keeps a failover from ending well, and can be set back`(
        offset: Int, state: FlowStatus.GroupPartition.State, groupState: FlowStatus.Group.State
    ) async throws {
        try await Replicated.run { world in
            try await copied(world, targetOffset: Int64(offset))

            let found = try await inspect(world)
            #expect(found.partitions.first?.state == state)
            #expect(!found.isExact)
            let remedy =
                "replicator offsets --flow east-to-west --group 'it'\\''s mine' --apply --allow-rewind sets it to 50"
            #expect(found.partitions.first?.reason?.contains(remedy) == true, "\(found)")

            let planner = FlowPlanner(
                try await world.flow().settings, eventLoop: world.group.next(), logger: Replicated.quiet,
                wallClock: { 0 })
            let plan = try await planner.plan(applies: false, overwrites: false)
            await planner.close()
            #expect(plan.groups?.first?.partitions.first?.state == state)

            let error = await #expect(throws: FailoverError.self) { try await failover(world).run() }
            #expect("\(error.map { "\($0)" } ?? "")".contains("orders-0 is \(state)"))
            let left = try await failover(world) { $0.leavesGroups = true }
            try await left.run()
            #expect(await left.report.groupsBeyond.count == 1)
            #expect(await left.report.unaccepted == [])

            // Forward only, it stays; with leave to go back it goes.
            #expect(try await inspect(world, .apply).partitions.first?.targetOffset == Int64(offset))
            let after = try await inspect(world, .applyAndRewind)
            #expect(after.partitions.first?.targetOffset == 50)
            #expect(after.isExact)
            #expect(
                try await world.targetOffsets(of: "it's mine")[TopicPartition("east.orders", 0)]?.offset == 50)
        }
    }

    @Test func `a flow that runs tells of it, and leaves it alone`() async throws {
        try await Replicated.run { world in
            try await copied(world, targetOffset: 1_000)
            let flow = try world.flow()
            try await world.running(flow) {
                try await eventually("the state to be told") {
                    await flow.status().groups.first?.state == .beyondEnd
                }
                #expect(await flow.status().groups.first?.reason?.contains("beyond the end of the log") == true)
            }
            #expect(
                try await world.targetOffsets(of: "it's mine")[TopicPartition("east.orders", 0)]?.offset == 1_000)
        }
    }

    @Test func `a group that has read further, to the end of what is there, is no such group`() async throws {
        try await Replicated.run { world in
            try await copied(world, targetOffset: 100)

            let found = try await inspect(world)

            #expect(found.partitions.first?.state == .further)
            #expect(found.isExact)
        }
    }

    @Test func `a group that has read all at the source stands where it likes behind the copies`() async throws {
        try await Replicated.run { world in
            try await copied(world, targetOffset: 130)
            try await world.commit("it's mine", ["orders": [0: 100]])

            #expect(try await inspect(world).partitions.first?.state == .further)
        }
    }

    @Test func `a group beyond the end of an empty copy is told, though its place is not known`() async throws {
        try await Replicated.run { world in
            try await world.createTopic("orders")
            try await world.produce(0..<50, to: "orders")
            let flow = try world.flow { $0.startFrom = .latest }
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(50..<60, to: "orders")
                try await world.caughtUp(flow, records: 60)
            }
            try await world.commit("it's mine", ["orders": [0: 20]])
            try await world.commit("it's mine", ["east.orders": [0: 500]], at: world.targetClient)

            #expect(try await inspect(world).partitions.first?.state == .beyondEnd)
            #expect(try await inspect(world, .applyAndRewind).partitions.first?.targetOffset == 10)
        }
    }
}
