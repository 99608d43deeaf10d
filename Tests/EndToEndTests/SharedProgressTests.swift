import KafkaClient
import NIOCore
import Replication
import Synchronization
import Testing

/// Several instances that record in one progress topic.
@Suite(.timeLimit(.minutes(2))) struct SharedProgressTests {
    private static let orders = TopicPartition("orders", 0)
    private static let payments = TopicPartition("payments", 0)

    /// Time of day and time since some moment, which pass together on all machines; the time of day may be set differently.
    private final class Clock: Sendable {
        private let passed = Mutex<Int64>(0)

        func pass(milliseconds: Int64) { passed.withLock { $0 += milliseconds } }
        func wall(ahead: Int64) -> Int64 { 1_000_000_000 + ahead + passed.withLock { $0 } }
        var session: NIODeadline { .uptimeNanoseconds(UInt64(1_000_000 * passed.withLock { $0 } + 1)) }
    }

    private func checkpoint(_ offset: Int64) -> Checkpoint {
        Checkpoint(
            sourceOffset: offset, targetOffset: -1, sourceLeaderEpoch: -1,
            sourceTopicID: String(repeating: "0", count: 32), map: OffsetMap(start: offset).edge)
    }

    private func store(_ world: Replicated, at now: @escaping @Sendable () -> Int64 = { 0 }) async throws
        -> ProgressStore
    {
        let store = ProgressStore(flow: "shared", target: world.targetClient, wallClock: now)
        try await store.open()
        return store
    }

    @Test func `what another has recorded is taken in by the order of the log`() async throws {
        try await Replicated.run { world in
            let a = try await store(world), b = try await store(world)
            try await a.store([Self.orders: checkpoint(10)])
            #expect(await b.known.isEmpty)
            #expect(try await b.awaitNews(atMost: .seconds(20)))
            try await b.catchUp()
            #expect(await b.known[Self.orders]?.sourceOffset == 10)
            #expect(await b.takeNews() == [.checkpoint(Self.orders)])
            #expect(await b.takeNews().isEmpty)

            try await b.store([Self.orders: checkpoint(20)])
            // Whoever appends learns what was there before.
            try await a.store([Self.payments: checkpoint(1)])
            #expect(await a.known[Self.orders]?.sourceOffset == 20)
            #expect(await a.known[Self.payments]?.sourceOffset == 1)
            #expect(await a.takeNews() == [.checkpoint(Self.orders)])

            // An older value that is written later counts, as it does for whoever reads the topic.
            try await b.store([Self.payments: checkpoint(7)])
            try await a.store([Self.payments: checkpoint(3)])
            try await b.catchUp()
            #expect(await a.known[Self.payments]?.sourceOffset == 3)
            #expect(await b.known[Self.payments]?.sourceOffset == 3)
            #expect(await a.known == b.known)
        }
    }

    @Test func `one that wakes the others is heard`() async throws {
        try await Replicated.run { world in
            let a = try await store(world), b = try await store(world)
            #expect(try await !b.awaitNews(atMost: .milliseconds(50)))
            try await a.wakeOthers("a")
            #expect(try await b.awaitNews(atMost: .seconds(20)))
            try await b.catchUp()
            #expect(await b.takeNews() == [.wake])
        }
    }

    /// - Parameter ahead: milliseconds by which the machine's time of day is ahead of the others'.
    private func store(_ world: Replicated, _ clock: Clock, ahead: Int64 = 0) async throws -> ProgressStore {
        let store = ProgressStore(
            flow: "shared", target: world.targetClient, wallClock: { clock.wall(ahead: ahead) },
            sessionClock: { clock.session })
        try await store.open()
        return store
    }

    @Test func `of two that begin at the same moment the log decides`() async throws {
        let clock = Clock()
        try await Replicated.run { world in
            let a = try await store(world, clock), b = try await store(world, clock)
            #expect(try await a.claimStart("a"))
            #expect(try await !b.claimStart("b"))
            // One that comes back has its own claim to fear least.
            #expect(try await a.claimStart("a"))
            try await a.releaseStart("a")
            #expect(try await b.claimStart("b"))
            let c = try await store(world, clock)
            #expect(try await !c.claimStart("c"))
            clock.pass(milliseconds: 9_999)
            #expect(try await !c.claimStart("c"))
            clock.pass(milliseconds: 1)
            #expect(try await c.claimStart("c"))
        }
    }

    @Test(arguments: [0, 1_800_000, 7_200_000, -20_000, -40_000] as [Int64])
    func `the age of another's claim does not depend on its time of day`(ahead: Int64) async throws {
        let clock = Clock()
        try await Replicated.run { world in
            let dead = try await store(world, clock, ahead: ahead)
            #expect(try await dead.claimStart("dead"))
            let b = try await store(world, clock)
            #expect(try await !b.claimStart("b"))
            clock.pass(milliseconds: 6_000)
            #expect(try await !b.claimStart("b"))
            // It has begun once more.
            #expect(try await dead.claimStart("dead"))
            clock.pass(milliseconds: 6_000)
            #expect(try await !b.claimStart("b"))
            clock.pass(milliseconds: 10_000)
            #expect(try await b.claimStart("b"))
        }
    }

    @Test func `nobody waits for a claim of long ago`() async throws {
        let clock = Clock()
        try await Replicated.run { world in
            let dead = try await store(world, clock, ahead: -301_000)
            #expect(try await dead.claimStart("dead"))
            let b = try await store(world, clock)
            #expect(try await b.claimStart("b"))
        }
    }

    /// - Parameter ahead: as of ``store(_:_:ahead:)``.
    private func claim(
        _ world: Replicated, owner: String, ahead: Int64 = 0, passing: Int64 = 0,
        waits: @escaping @Sendable (String) -> Void = { _ in }
    ) -> FlowClaim {
        let clock = Clock()
        return FlowClaim(
            flow: "shared", target: world.targetClient, owner: owner, waits: waits,
            wallClock: { clock.wall(ahead: ahead) },
            sessionClock: {
                clock.pass(milliseconds: passing)
                return clock.session
            })
    }

    @Test(arguments: [1_800_000, 7_200_000, -60_000] as [Int64])
    func `a claim on the flow of a dead process ends, whatever its time of day was`(ahead: Int64) async throws {
        try await Replicated.run { world in
            _ = try await store(world)
            try await claim(world, owner: "dead", ahead: ahead).acquire()
            let told = Mutex<[String]>([])
            let next = claim(world, owner: "next", passing: 3_000) { owner in told.withLock { $0.append(owner) } }
            try await next.acquire()
            // One of long ago is not waited for.
            #expect(told.withLock(\.self) == (ahead < 0 ? [] : ["dead"]))
            #expect(try await next.holder() == "next")
        }
    }

    @Test(arguments: [1_800_000, -60_000] as [Int64])
    func `a claim on the flow that is renewed keeps others away, whatever its owner's time of day`(ahead: Int64)
        async throws
    {
        try await Replicated.run { world in
            _ = try await store(world)
            // Its time of day passes, so that one renewal is not like another.
            let owner = claim(world, owner: "owner", ahead: ahead, passing: 1)
            try await owner.acquire()
            let keeping = Task { try await owner.keep() }
            let error = await #expect(throws: FlowIsClaimed.self) {
                try await claim(world, owner: "next").acquire()
            }
            #expect(error?.owner == "owner")
            keeping.cancel()
            _ = await keeping.result
        }
    }

    @Test func `of a claim of a moment ago nothing has to be waited for, nor of one of long ago`() async throws {
        try await Replicated.run { world in
            _ = try await store(world)
            try await claim(world, owner: "old", ahead: -301_000).acquire()
            try await claim(world, owner: "owner").acquire()
            // Its clock does not move: it would wait for ever.
            await #expect(throws: FlowIsClaimed.self) { try await claim(world, owner: "next").acquire() }
        }
    }
}
