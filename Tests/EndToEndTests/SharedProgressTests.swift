import KafkaClient
import NIOCore
import Replication
import Synchronization
import Testing

/// Several instances that record in one progress topic.
@Suite(.timeLimit(.minutes(2))) struct SharedProgressTests {
    private static let orders = TopicPartition("orders", 0)
    private static let payments = TopicPartition("payments", 0)

    private final class Clock: Sendable {
        let time = Mutex<Int64>(1_000_000)
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

    @Test func `of two that begin at the same moment the log decides`() async throws {
        let clock = Clock()
        try await Replicated.run { world in
            let a = try await store(world, at: { clock.time.withLock { $0 } })
            let b = try await store(world, at: { clock.time.withLock { $0 } })
            #expect(try await a.claimStart("a"))
            #expect(try await !b.claimStart("b"))
            // One that comes back has its own claim to fear least.
            #expect(try await a.claimStart("a"))
            try await a.releaseStart("a")
            clock.time.withLock { $0 += 60_000 }
            #expect(try await b.claimStart("b"))
            let c = try await store(world, at: { clock.time.withLock { $0 } })
            #expect(try await !c.claimStart("c"))
            clock.time.withLock { $0 += 60_000 }
            #expect(try await c.claimStart("c"))
        }
    }
}
