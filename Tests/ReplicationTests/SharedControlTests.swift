import NIOCore
import Replication
import Testing

/// Wishes of operators, as several instances record and obey them.
@Suite struct SharedControlTests {
    /// The topic, and the instances that read it.
    private struct World {
        var recorded = RecordedControl()
        var instances: [String: SharedControl] = [:]
        var now = NIODeadline.uptimeNanoseconds(1)

        mutating func start(_ name: String, limit: Int? = nil) {
            var control = SharedControl(instance: name, address: nil, limit: limit, session: .seconds(6))
            write(control.open(recorded, now: 1))
            instances[name] = control
            share()
        }

        mutating func share() {
            let names = instances.keys.sorted()
            for name in names { assign(name, names, generation: 1) }
        }

        mutating func assign(_ name: String, _ peers: [String], generation: Int32) {
            instances[name]?.assigned(peers: peers, generation: generation)
            write(departed(name))
        }

        mutating func departed(_ name: String) -> [InstanceRecord] { instances[name]?.departed(at: now) ?? [] }

        mutating func write(_ records: [InstanceRecord]) { for record in records { recorded.take(record) } }

        mutating func follow(_ name: String) -> SharedControl.Change {
            instances[name]?.follow(recorded) ?? SharedControl.Change()
        }
    }

    @Test func `all obey a pause, those that start later too, until it is resumed`() {
        var world = World()
        world.start("one")
        world.start("two")
        let paused = world.instances["one"]?.pause(.topic("orders"), now: 5)
        #expect(paused?.isNews == true)
        world.write(paused?.records ?? [])

        #expect(world.follow("two").arePausesNew)
        #expect(world.instances["two"]?.pauses.scopes == [.topic("orders")])
        #expect(!world.follow("one").arePausesNew, "it has done so already")
        world.start("three")
        #expect(world.instances["three"]?.pauses.scopes == [.topic("orders")])

        let resumed = world.instances["three"]?.resume(.flow)
        #expect(resumed?.result == .resumed)
        world.write(resumed?.records ?? [])
        #expect(world.recorded.pauses.isEmpty)
        #expect(world.follow("one").arePausesNew && world.follow("two").arePausesNew)
        #expect(world.instances.values.allSatisfy { $0.pauses.scopes.isEmpty })
    }

    @Test func `a wider pause takes the place of what it contains`() {
        var world = World()
        world.start("one")
        world.start("two")
        world.write(world.instances["one"]?.pause(.partition("orders", 1), now: 1).records ?? [])
        _ = world.follow("two")
        world.write(world.instances["two"]?.pause(.flow, now: 2).records ?? [])
        _ = world.follow("one")

        #expect(Set(world.recorded.pauses.keys) == [.flow])
        #expect(world.instances.values.allSatisfy { $0.pauses.scopes == [.flow] })
    }

    @Test func `what was paused before the topic could be read is recorded then`() {
        var world = World()
        var control = SharedControl(instance: "one", address: nil, limit: nil, session: .seconds(6))
        #expect(control.pause(.topic("a"), now: 1).records.isEmpty)
        world.write([.pause(.topic("b"), PauseRecord(since: 1, by: "two"))])
        world.write(control.open(world.recorded, now: 2))

        #expect(Set(world.recorded.pauses.keys) == [.topic("a"), .topic("b")])
        #expect(control.pauses.scopes == [.topic("a"), .topic("b")])
    }

    @Test func `each other instance tries again once, and one that starts later does not`() {
        var world = World()
        world.start("one")
        world.start("two")
        world.write(world.instances["one"]?.retry(.topic("orders"), id: "r1") ?? [])

        #expect(Array(world.follow("two").retries.keys) == [.topic("orders")])
        #expect(world.follow("two").retries.isEmpty)
        #expect(world.follow("one").retries.isEmpty)
        world.start("three")
        #expect(world.follow("three").retries.isEmpty)

        world.write(world.instances["one"]?.retry(.topic("orders"), id: "r2") ?? [])
        #expect(world.follow("two").retries.count == 1)
    }

    @Test func `the limit is the one that was changed last`() {
        var world = World()
        world.start("one", limit: 100)
        world.start("two", limit: 100)
        world.write(world.instances["one"]?.configure(limit: 200) ?? [])
        _ = world.follow("two")
        #expect(world.instances["two"]?.limit == 200)

        world.start("two", limit: 100)
        _ = world.follow("one")
        #expect(world.instances["two"]?.limit == 200, "its own has not changed since it last said so")
        #expect(world.instances["one"]?.limit == 200)

        world.start("two", limit: 50)
        _ = world.follow("one")
        #expect(world.instances["one"]?.limit == 50)
        world.write(world.instances["one"]?.configure(limit: nil) ?? [])
        _ = world.follow("two")
        #expect(world.instances["two"]?.limit == nil && world.instances["two"]?.rate == nil)
    }

    @Test func `reports are written while there are several, and those of the gone are taken away`() {
        var world = World()
        world.start("one")
        let traffic = PartLoads.Traffic(bytesPerSecond: 5_000, requestsPerSecond: 2)
        #expect(world.instances["one"]?.report(traffic, now: 100_000) == nil)
        world.start("two")
        for name in ["one", "two"] {
            let report = world.instances[name]?.report(traffic, now: 100_000)
            #expect(report != nil)
            world.write(report.map { [$0] } ?? [])
        }
        #expect(world.instances["one"]?.report(traffic, now: 105_000) == nil)
        #expect(world.instances["one"]?.report(traffic, now: 110_000) != nil)
        _ = world.follow("one")
        #expect(world.instances["one"]?.loads?.count == 2)

        world.instances["one"]?.assigned(peers: ["one"], generation: 2)
        #expect(world.departed("one") == [.report("two", nil)])
        #expect(world.departed("one") == [.report("two", nil)], "it may not have been recorded")
        world.write(world.departed("one"))
        _ = world.follow("one")
        #expect(world.departed("one").isEmpty)
        #expect(world.instances["one"]?.isShared == false)
    }

    @Test func `two instances share a limit, and one alone has all of it`() {
        var world = World()
        func settle() {
            for _ in 0..<6 {
                for name in world.instances.keys.sorted() {
                    _ = world.follow(name)
                    let rate = Double(world.instances[name]?.rate ?? 0)
                    let busy = PartLoads.Traffic(bytesPerSecond: rate, requestsPerSecond: 0)
                    world.write((world.instances[name]?.report(busy, now: 0)).map { [$0] } ?? [])
                    _ = world.follow(name)
                }
            }
        }
        world.start("one", limit: 1_000)
        settle()
        #expect(world.instances["one"]?.rate == 1_000)
        world.start("two", limit: 1_000)
        #expect(world.instances["two"]?.rate == 0)
        settle()
        #expect(world.instances["one"]?.rate == 500 && world.instances["two"]?.rate == 500)

        world.instances["two"] = nil
        world.assign("one", ["one"], generation: 2)
        settle()
        #expect(world.instances["one"]?.rate == 1_000)
    }

    /// A group that all have left without a word is forgotten by its coordinator: its generations begin again.
    @Test func `the share of one that is gone is free when its session is over, whatever its generation`() {
        var world = World()
        func claim(_ name: String, at time: Int64) {
            world.write([
                .report(
                    name,
                    InstanceReport(
                        address: nil, generation: 12, bytesPerSecond: 0, requestsPerSecond: 0, demand: nil,
                        claim: 1_000,
                        claimNumber: 1, time: time))
            ])
        }
        claim("dead", at: 1)
        world.start("one", limit: 1_000)
        world.start("two", limit: 1_000)
        func settle() {
            for _ in 0..<6 {
                for name in ["one", "two"] {
                    _ = world.follow(name)
                    let busy = PartLoads.Traffic(
                        bytesPerSecond: Double(world.instances[name]?.rate ?? 0), requestsPerSecond: 0)
                    world.write((world.instances[name]?.report(busy, now: 0)).map { [$0] } ?? [])
                    _ = world.follow(name)
                }
            }
        }
        settle()
        #expect(world.departed("one").isEmpty)
        #expect(world.instances["one"]?.rate == 0)
        #expect(world.instances["one"]?.nextDeparture(at: world.now) == .seconds(6))

        // One that still says something is alive, and about to join.
        world.now = world.now + .seconds(5)
        claim("dead", at: 2)
        settle()
        #expect(world.departed("one").isEmpty)
        world.now = world.now + .milliseconds(5_999)
        #expect(world.departed("one").isEmpty)
        #expect(world.instances["one"]?.nextDeparture(at: world.now) == .milliseconds(1))
        world.now = world.now + .milliseconds(1)
        #expect(world.departed("two").isEmpty, "the one with the smallest name does it")
        #expect(world.departed("one") == [.report("dead", nil)])
        world.write(world.departed("one"))
        settle()
        #expect(world.departed("one").isEmpty && world.instances["one"]?.nextDeparture(at: world.now) == nil)
        #expect(world.instances["one"]?.rate == 500 && world.instances["two"]?.rate == 500)
    }

    @Test func `an instance hears once of each report for how long others have not heard the source`() {
        var world = World()
        for name in ["one", "two", "three"] { world.start(name) }
        let idle = PartLoads.Traffic(bytesPerSecond: 0, requestsPerSecond: 0)
        func report(_ name: String, _ silence: Int64?, at now: Int64) {
            let record = world.instances[name]?.report(idle, sourceSilence: silence, now: now)
            #expect(record != nil)
            world.write(record.map { [$0] } ?? [])
        }
        report("one", 1_000, at: 100_000)
        #expect(world.follow("one").sourceSilence == nil, "its own says nothing of others")
        #expect(world.follow("two").sourceSilence == 1_000)
        #expect(world.follow("two").sourceSilence == nil, "what was said before is no news")
        report("one", 11_000, at: 110_000)
        report("three", 2_000, at: 111_000)
        #expect(world.follow("two").sourceSilence == 2_000)
        // One of an earlier version does not tell.
        report("one", nil, at: 120_000)
        #expect(world.follow("two").sourceSilence == nil)
        // One that is gone is nobody to give anything to.
        world.instances["three"] = nil
        report("one", 1_000, at: 130_000)
        world.write([
            .report(
                "three",
                InstanceReport(
                    address: nil, generation: 1, bytesPerSecond: 0, requestsPerSecond: 0, demand: nil, claim: nil,
                    claimNumber: nil, sourceSilence: 5, time: 131_000))
        ])
        world.share()
        #expect(world.follow("two").sourceSilence == 1_000)
    }

    @Test(arguments: [
        InstanceRecord.pause(.flow, PauseRecord(since: 5, by: "one")), .pause(.topic("orders"), nil),
        .pause(.partition("orders", 3), PauseRecord(since: 5, by: "one")),
        .retry(.partition("orders", 3), RetryCommand(id: "x", by: "one")),
        .limit("host/1", LimitRecord(bytesPerSecond: 7)),
        .limit("one", LimitRecord(bytesPerSecond: nil)), .report("one", nil),
        .report(
            "one",
            InstanceReport(
                address: "http://one", generation: 3, bytesPerSecond: 1, requestsPerSecond: 2, demand: nil, claim: 4,
                claimNumber: 6, sourceSilence: 7, time: 5)),
    ])
    func `records come out of the topic as they went in`(record: InstanceRecord) throws {
        let stored = ProgressRecord.control(record)

        #expect(try ProgressRecord(key: stored.key, value: try stored.value()) == stored)
    }

    @Test(arguments: [
        ("limit/one", #"{"bytesPerSecond":0}"#), ("limit/one", #"{"bytesPerSecond":-5}"#), ("pause/flow", "[]"),
        ("retry/flow", "{}"),
        ("instance/one", #"{"generation":1,"bytesPerSecond":-1,"requestsPerSecond":0,"time":0}"#),
        (
            "instance/one",
            #"{"generation":1,"bytesPerSecond":1,"requestsPerSecond":0,"claim":9223372036854775807,"time":0}"#
        ),
        (
            "instance/one",
            #"{"generation":1,"bytesPerSecond":1,"requestsPerSecond":0,"sourceSilence":9223372036854775807,"time":0}"#
        ),
    ])
    func `what no instance writes is refused`(key: String, value: String) {
        #expect(throws: (any Error).self) {
            try ProgressRecord(key: ByteBuffer(string: key), value: ByteBuffer(string: value))
        }
    }

    @Test(arguments: [
        "pause", "pause/topic", "pause/topic/", "pause/partition/orders", "pause/partition/orders/-1", "retry",
    ])
    func `keys that name nothing are none of ours`(key: String) throws {
        #expect(try ProgressRecord(key: ByteBuffer(string: key), value: ByteBuffer(string: "{}")) == nil)
    }

    @Test func `a topic that is filled again has the limit that holds last`() {
        var recorded = RecordedControl()
        recorded.take(.limit("a", LimitRecord(bytesPerSecond: 1)))
        recorded.take(.limit("b", LimitRecord(bytesPerSecond: 2)))
        recorded.take(.limit("a", LimitRecord(bytesPerSecond: 3)))
        recorded.take(.pause(.flow, PauseRecord(since: 1, by: "a")))
        var again = RecordedControl()
        for record in recorded.records { again.take(record) }

        #expect(again == recorded && again.limit?.bytesPerSecond == 3)
    }
}
