import KafkaClient
import KafkaWire
import NIOCore
import Replication
import Testing

/// Answers of fetch sessions as news of partitions that they do not name. No sockets and no clock.
@Suite struct SilentSessionTests {
    private static let lane = FetchLane(broker: 1, number: 0)

    /// Partitions that have copied everything, and the session that reads them.
    private func idle(_ count: Int32) throws -> (scheduler: ShardScheduler, session: FetchSession, now: NIODeadline) {
        let driver = PartitionDriver()
        let budget = 16 << 20
        var scheduler = ShardScheduler(
            budget: budget, limits: .init(budget: budget), intake: driver.intake, replicaLease: .seconds(300))
        var now = driver.now
        for number in 0..<count {
            let partition = try Self.partition(number)
            now = max(now, partition.now)
            scheduler.add(partition.partition)
        }
        var session = FetchSession(origin: .init(cluster: "east"))
        scheduler.update(&session, of: Self.lane)
        return (scheduler, session, now)
    }

    private static func partition(_ number: Int32) throws -> PartitionDriver {
        var driver = PartitionDriver(number: number, targetLeader: 5)
        try driver.recover(end: 0)
        let now = driver.now
        driver.event { $0.foundSourceEnd($0.cursor.position, askedAt: now, at: now) }
        return driver
    }

    @Test func `partitions in a session that answers are not asked about`() throws {
        var (scheduler, session, now) = try idle(3)
        #expect(session.count == 3)
        now = now + .seconds(2)
        #expect(scheduler.takeEndsDue(at: now) == [0, 1, 2])

        scheduler.answeredInSession(Self.lane, at: now)

        #expect(scheduler.takeEndsDue(at: now) == [])
        #expect(scheduler[1].lag(at: now + .seconds(1)) == .known(0))
        #expect(scheduler.takeEndsDue(at: now + .seconds(2)) == [0, 1, 2], "nothing has been heard since")
    }

    @Test func `an answer to a request from before says nothing of a partition`() throws {
        var (scheduler, session, now) = try idle(1)
        scheduler.add(try Self.partition(1).partition)
        now = now + .seconds(2)

        scheduler.answeredInSession(Self.lane, at: now)
        #expect(scheduler.takeEndsDue(at: now) == [1])

        scheduler.update(&session, of: Self.lane)
        #expect(scheduler.takeEndsDue(at: now) == [1], "the request is not answered yet")
        scheduler.answeredInSession(Self.lane, at: now)
        #expect(scheduler.takeEndsDue(at: now) == [])
    }

    @Test func `a replica's silence says nothing of where the leader's log ends`() throws {
        var (scheduler, session, now) = try idle(1)
        var data = FetchResponse.PartitionData()
        data.preferredReadReplica = 3
        let asked = try #require(session.position(of: TopicPartition("orders", 0)))
        scheduler.fetched(
            FetchedPartition(data, asked: asked), of: 0, in: Self.lane, roundTrip: .milliseconds(1), at: now)
        let replica = FetchLane(broker: 3, number: 0)
        var other = FetchSession(origin: .init(cluster: "east"))
        scheduler.update(&other, of: replica)
        #expect(other.count == 1)
        now = now + .seconds(2)

        scheduler.answeredInSession(replica, at: now)

        #expect(scheduler.takeEndsDue(at: now) == [0])
    }

    @Test func `a partition that is not read is asked about`() throws {
        var (scheduler, session, now) = try idle(2)
        scheduler.send(to: 0) { $0.setPaused(true) }
        scheduler.update(&session, of: Self.lane)
        now = now + .seconds(2)

        scheduler.answeredInSession(Self.lane, at: now)

        #expect(scheduler.takeEndsDue(at: now) == [0])
    }
}
