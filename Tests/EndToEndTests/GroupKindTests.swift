import KafkaBroker
import KafkaClient
import KafkaWire
import NIOCore
import NIOPosix
import Replication
import ReplicationTools
import Testing

/// Groups of all kinds are kept in step by the same rules, and every command shows the kind.
@Suite(.serialized, .timeLimit(.minutes(5))) struct GroupKindTests {
    static let kinds: [GroupKind] = [.classic, .consumer, .share, .streams]

    private let group = "app"
    private static let orders = KafkaClient.TopicPartition("orders", 0)
    private static let copy = KafkaClient.TopicPartition("east.orders", 0)

    /// A group of the kind at the source, without members.
    private func create(_ kind: GroupKind, in world: Replicated) async throws {
        switch kind {
        case .consumer:
            var heartbeat = ConsumerGroupHeartbeatRequest()
            heartbeat.groupID = group
            heartbeat.memberID = "member"
            heartbeat.rebalanceTimeoutMs = 60_000
            heartbeat.subscribedTopicNames = ["orders"]
            heartbeat.topicPartitions = []
            let joined = try await world.sourceClient.send(heartbeat, to: .coordinator(group: group))
            #expect(joined.errorCode == .none)
            heartbeat.memberEpoch = -1
            let left = try await world.sourceClient.send(heartbeat, to: .coordinator(group: group))
            #expect(left.errorCode == .none)
        case .streams: try await world.source.createStreamsGroup(group)
        case .classic, .share, .unknown: break
        }
    }

    private func set(_ kind: GroupKind, to offset: Int64, at client: ClusterClient, _ place: KafkaClient.TopicPartition)
        async throws
    {
        let position = CommittedOffset(offset: offset)
        for (_, outcome) in await client.setPositions(of: group, kind, [place: position]) { try outcome.get() }
    }

    /// Nil also before there is such a group.
    private func position(_ kind: GroupKind, in world: Replicated) async throws -> Int64? {
        let positions = try? await world.targetClient.positions(of: group, kind)
        return try positions?[Self.copy]?.get().offset
    }

    private func carried(_ kind: GroupKind, to offset: Int64, _ world: Replicated) async throws {
        try await eventually("\(group) to stand at \(offset)") { try await position(kind, in: world) == offset }
    }

    private func state(_ flow: Flow) async -> FlowStatus.Group? { await flow.status().groups.first }

    /// The first copy is the eleventh record: positions on the target are other ones than at the source.
    private func prepare(_ kind: GroupKind, in world: Replicated) async throws -> Flow {
        try await world.createTopic("orders")
        try await world.produce(0..<10, to: "orders")
        try await create(kind, in: world)
        return try world.flow { $0.startFrom = .latest }
    }

    @Test(arguments: kinds)
    func `a position is translated exactly, follows forward, and every command tells the kind`(
        kind: GroupKind
    ) async throws {
        try await Replicated.run { world in
            let flow = try await prepare(kind, in: world)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(10..<20, to: "orders")
                try await set(kind, to: 14, at: world.sourceClient, Self.orders)
                try await carried(kind, to: 4, world)
                try await set(kind, to: 17, at: world.sourceClient, Self.orders)
                try await carried(kind, to: 7, world)
                try await eventually("it to be in step") { await state(flow)?.state == .synced }
                let shown = try #require(await state(flow))
                #expect(shown.kind == kind)
                #expect((shown.notCarried != nil) == (kind == .share))
            }
            let listed = try await world.targetClient.listGroups().first { $0.id == group }
            // What is committed for a group that is not there yet makes a classic one, which its first member changes.
            #expect(listed?.kind == (kind == .share ? .share : .classic))

            let inspector = OffsetInspector(
                await flow.settings, eventLoop: world.group.next(), logger: Replicated.quiet)
            let report = try #require(try await inspector.inspect(group: group))
            await inspector.close()
            #expect(report.kind == kind)
            #expect(report.isExact)
            #expect(report.partitions.map(\.targetOffset) == [7])

            try await set(kind, to: 18, at: world.sourceClient, Self.orders)
            let plan = try await world.plan { $0.startFrom = .latest }
            let change = try #require(plan.changes.first { $0.kind == "group" })
            #expect(change.subject == "\(group) east.orders")
            #expect(change.to?.contains("0@8") == true)
            #expect(plan.groups?.map(\.kind) == [kind])
            #expect(plan.notes.contains { $0.kind == "groupNotCarried" } == (kind == .share))
        }
    }

    @Test(arguments: kinds)
    func `with members on the target a position stays, and moves once they are gone`(kind: GroupKind) async throws {
        try await Replicated.run { world in
            let flow = try await prepare(kind, in: world)
            let (api, refusal): (ApiKey, ErrorCode) =
                kind == .share ? (.alterShareGroupOffsets, .nonEmptyGroup) : (.offsetCommit, .unknownMemberID)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(10..<20, to: "orders")
                world.target.intercept(api, times: .max, .error(refusal))
                try await set(kind, to: 14, at: world.sourceClient, Self.orders)
                try await eventually("it to be left alone") { await state(flow)?.state == .activeMembers }
                #expect(try await position(kind, in: world) == nil)
                world.target.removeInterceptions()
                try await carried(kind, to: 4, world)
            }
        }
    }

    @Test(arguments: kinds)
    func `a failover carries a position over, and says of which groups a part stays behind`(kind: GroupKind)
        async throws
    {
        try await Replicated.run { world in
            let flow = try await prepare(kind, in: world)
            try await world.running(flow) {
                try await eventually("the flow to run") { await flow.status().state == .running }
                try await world.produce(10..<20, to: "orders")
                try await world.caughtUp(flow, records: 20)
            }
            try await set(kind, to: 16, at: world.sourceClient, Self.orders)
            var options = FailoverOptions(kind: .unplanned)
            options.takeOverAfter = .milliseconds(500)
            let failover = Failover(
                await flow.settings, opposite: nil, options: options, owner: "test",
                eventLoops: [world.group.next(), world.group.next()], logger: Replicated.quiet,
                wallClock: { Int64(NIODeadline.now().uptimeNanoseconds / 1_000_000) }
            ) { _ in }
            try await failover.run()

            let report = await failover.report
            #expect(report.groupsNotInStep == [])
            #expect(try await position(kind, in: world) == 6)
            #expect(
                report.groupsNotCarried.map { $0.hasPrefix("app (share group): ") } == (kind == .share ? [true] : []))
        }
    }
}
