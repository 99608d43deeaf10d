import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import TestSupport
import Testing

/// What a failover decides, without clusters.
@Suite(.printsSeed) struct FailoverTests {
    private static let partition = TopicPartition("orders", 0)

    private func record(
        _ kind: FailoverKind, completed: FailoverStep? = nil, finished: Int64? = nil, closed: Int64? = nil
    ) -> FailoverRecord {
        var record = FailoverRecord(kind: kind, owner: "somebody", started: 1)
        record.completed = completed
        record.finished = finished
        record.closed = closed
        record.fence = [FenceRule(topic: "orders", principal: "User:alice")]
        return record
    }

    private func open(_ recorded: FailoverRecord?, _ kind: FailoverKind) throws(FailoverError) -> FailoverRecord.Opening
    {
        try FailoverRecord.open(recorded, flow: "there", kind: kind, owner: "me", now: 9)
    }

    // Beginning, and going on.

    @Test func `nothing remembered, or everything taken back, is a beginning`() throws {
        let fresh = FailoverRecord(kind: .planned, owner: "me", started: 9)

        #expect(try open(nil, .planned) == .begins(fresh))
        #expect(try open(record(.planned, finished: 5, closed: 6), .planned) == .begins(fresh))
        #expect(try open(record(.unplanned, finished: 5, closed: 6), .planned) == .begins(fresh))
        #expect(try open(record(.planned, completed: .fence, closed: 6), .planned) == .begins(fresh))
    }

    @Test(arguments: FailoverStep.steps(of: .planned).map { $0 } as [FailoverStep?] + [nil])
    func `one that has not ended is gone on with, and remembers whom it kept out`(completed: FailoverStep?) throws {
        var expected = record(.planned, completed: completed)
        expected.owner = "me"

        #expect(try open(record(.planned, completed: completed), .planned) == .goesOn(expected))
    }

    @Test func `a source that is lost on the way makes a planned failover an unplanned one`() throws {
        var expected = record(.unplanned, completed: .quiesce)
        expected.owner = "me"

        #expect(try open(record(.planned, completed: .quiesce), .unplanned) == .goesOn(expected))
    }

    @Test(
        arguments: [
            (FailoverKind.unplanned, nil, FailoverKind.planned), (.unplanned, 5, .planned), (.planned, 5, .unplanned),
        ] as [(FailoverKind, Int64?, FailoverKind)])
    func `the other kind is refused`(recorded: FailoverKind, finished: Int64?, wanted: FailoverKind) {
        let error = #expect(throws: FailoverError.self) { try open(record(recorded, finished: finished), wanted) }
        #expect("\(error.map { "\($0)" } ?? "")".contains(finished == nil ? "has been begun" : "failed over already"))
    }

    @Test(arguments: FailoverKind.allCases)
    func `one that has ended has nothing to do`(kind: FailoverKind) throws {
        let done = record(kind, completed: .complete, finished: 5)

        #expect(try open(done, kind) == .isFinished(done))
    }

    @Test func `what is remembered comes back, and is none of the flow's own`() throws {
        var record = record(.unplanned, completed: .snapshot)
        record.finished = 7
        let value = try record.value()

        #expect(try FailoverRecord(decoding: value) == record)
        #expect(try ProgressRecord(key: FailoverRecord.key, value: value) == nil)
    }

    @Test func `what an older version has recorded is read under the names it had`() throws {
        let stored = """
            {"completed":"still","cut":[{"beyondCheckpoint":0,"partition":0,"sourceOffset":7,"targetEnd":9,
            "targetOffset":9,"targetTopic":"east.orders","topic":"orders"}],"fence":[],"kind":"planned",
            "owner":"me","started":1,"version":1}
            """
        let record = try FailoverRecord(decoding: ByteBuffer(string: stored))

        #expect(record.completed == .quiesce)
        #expect(record.snapshot.map(\.sourceOffset) == [7])
        #expect(String(buffer: try record.value()).contains("\"cut\":[{"))
    }

    @Test(arguments: FailoverKind.allCases)
    func `every failover looks first and hands over last, and none compares before it has copied`(kind: FailoverKind) {
        let steps = FailoverStep.steps(of: kind)

        #expect(steps.first == .preflight)
        #expect(steps.last == .complete)
        #expect(Set(steps).count == steps.count)
        let order: [FailoverStep] = [.fence, .quiesce, .drain, .groups, .verify, .prepareFailback, .unfence]
        let places = order.compactMap { steps.firstIndex(of: $0) }
        #expect(places == places.sorted())
    }

    // Keeping producers out.

    @Test func `a rule of somebody else is neither made nor remembered, and no rule twice`() {
        let others = AccessRule(.deny, .write, on: .topic, "orders", to: "User:bob")
        let known = [FenceRule(topic: "clicks", principal: "User:alice")]
        let missing = FenceRule.missing(
            topics: ["orders", "clicks"], principals: ["User:alice", "User:bob"], known: known,
            existing: [others, known[0].rule])

        #expect(
            missing == [
                FenceRule(topic: "clicks", principal: "User:bob"), FenceRule(topic: "orders", principal: "User:alice"),
            ])
    }

    @Test func `the fence does not follow the names to the target`() throws {
        let everything = NameSelection(allow: [try NamePattern(".*")], deny: [])
        let cluster = ClusterSettings(name: "east", bootstrapServers: [])
        let settings = FlowSettings(
            name: "there", source: cluster, target: cluster, topics: everything, consumerGroups: everything,
            naming: .identical, targetAlias: "west")
        let rule = FenceRule(topic: "orders", principal: "User:alice").rule

        #expect(ACLMapping(settings, topics: ["orders"]).target(of: rule) == .ignored)
    }

    // Ends that stand still.

    private func ends(_ all: Int64, committed: Int64? = nil) -> [TopicPartition: EndsWatch.End] {
        [Self.partition: EndsWatch.End(all: all, committed: committed ?? all)]
    }

    @Test func `ends are fixed once they have stood still for long enough`() {
        let start = ContinuousClock.now
        var watch = EndsWatch(for: .seconds(5))
        watch.observe(ends(10), at: start)
        #expect(watch.fixed(at: start) == nil)
        watch.observe(ends(10), at: start + .seconds(4))
        #expect(watch.fixed(at: start + .seconds(4)) == nil)
        watch.observe(ends(12), at: start + .seconds(5))
        watch.observe(ends(12), at: start + .seconds(9))
        #expect(watch.fixed(at: start + .seconds(9)) == nil)
        watch.observe(ends(12), at: start + .seconds(10))

        #expect(watch.fixed(at: start + .seconds(10)) == [Self.partition: 12])
    }

    @Test func `who moves is named, with how far, and forgotten when it rests`() {
        let start = ContinuousClock.now
        var watch = EndsWatch(for: .seconds(5))
        watch.observe(ends(10), at: start)
        #expect(watch.moving.isEmpty)
        watch.observe(ends(12), at: start + .seconds(1))
        watch.observe(ends(15), at: start + .seconds(2))
        #expect(watch.moving.map(\.partition) == [Self.partition])
        #expect(watch.moving.map(\.offsets) == [5])
        watch.observe(ends(15), at: start + .seconds(8))

        #expect(watch.moving.isEmpty)
    }

    @Test func `an open transaction keeps the ends from being fixed`() {
        let start = ContinuousClock.now
        var watch = EndsWatch(for: .seconds(5))
        watch.observe(ends(10, committed: 8), at: start)
        watch.observe(ends(10, committed: 8), at: start + .seconds(9))
        #expect(watch.fixed(at: start + .seconds(9)) == nil)
        #expect(watch.open == [Self.partition])
        watch.observe(ends(11), at: start + .seconds(10))
        watch.observe(ends(11), at: start + .seconds(15))

        #expect(watch.fixed(at: start + .seconds(15)) == [Self.partition: 11])
    }

    @Test func `a partition that appears is waited for`() {
        let start = ContinuousClock.now
        var watch = EndsWatch(for: .seconds(5))
        watch.observe(ends(10), at: start)
        var more = ends(10)
        more[TopicPartition("orders", 1)] = EndsWatch.End(all: 0, committed: 0)
        watch.observe(more, at: start + .seconds(4))

        #expect(watch.fixed(at: start + .seconds(6)) == nil)
        #expect(watch.fixed(at: start + .seconds(9))?.count == 2)
    }

    // Where the opposite flow begins.

    @Test func `it begins with the first record that is no copy, behind markers and holes`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<10), at: 0)
        map.append(SourceRuns(10..<20), at: 11)
        map.append(SourceRuns(20..<25), at: 24)
        var start = DeltaStart(map: map, logStart: 0)
        #expect(start.offset == 10)
        start.pass(.control(next: 11))
        #expect(start.offset == 21)
        start.pass(.hole(until: 24))

        #expect(start.offset == 29)
    }

    @Test func `what expired on the target does not hold it up, and what was there first is begun with`() {
        var map = OffsetMap(start: 0)
        map.append(SourceRuns(0..<10), at: 5)

        #expect(DeltaStart(map: map, logStart: 0).offset == 0)
        #expect(DeltaStart(map: map, logStart: 7).offset == 15)
        #expect(DeltaStart(map: OffsetMap(start: 3), logStart: 4).offset == 4)
    }

    /// Whatever the order of copies, markers and own records: nothing of the target's own lies before it.
    @Test(arguments: 0..<200 as Range<UInt64>)
    func `it is the first record of the target's own, by a model`(seed: UInt64) {
        var random = seeded(seed)
        var map = OffsetMap(start: 0)
        var source: Int64 = 0
        var log: [Character] = []
        while log.count < 60 {
            switch Int.random(in: 0..<10, using: &random) {
            case 0: log.append("m")
            case 1: log.append("h")
            case 2 where log.count > 30: log.append("o")
            default:
                let count = Int64.random(in: 1...5, using: &random)
                map.append(SourceRuns(source..<source + count), at: Int64(log.count))
                log += [Character](repeating: "c", count: Int(count))
                source += count + Int64.random(in: 0...2, using: &random)
            }
        }
        var start = DeltaStart(map: map, logStart: 0)
        while start.offset < log.count {
            let place = Int(start.offset)
            if log[place] == "m" {
                start.pass(.control(next: start.offset + 1))
            } else if log[place] == "h" {
                let next = log[place...].firstIndex { $0 != "h" } ?? log.endIndex
                start.pass(.hole(until: Int64(next)))
            } else {
                break
            }
        }

        #expect(start.offset == Int64(log.firstIndex(of: "o") ?? log.endIndex), "seed \(seed): \(String(log))")
    }

    // What was left behind.

    private func batch(_ text: String, at offset: Int, leaderEpoch: Int = 0) throws -> RecordBatch {
        var builder = RecordBatchBuilder(
            baseOffset: Int64(offset), partitionLeaderEpoch: Int32(leaderEpoch), producerID: 7, producerEpoch: 0,
            baseSequence: Int32(offset))
        builder.append(timestamp: 0, key: nil, value: ByteBuffer(string: text))
        return try builder.finish()
    }

    /// Number of the source's records that are there.
    ///
    /// - Parameter changes: places of the target where another leader epoch begins.
    private func there(_ source: [String], _ target: [String], seams changes: [Int] = []) throws -> Int {
        var tail = TargetTail(from: 0, ours: [7], leaderEpoch: 0)
        for (place, text) in target.enumerated() {
            let batch = try batch(text, at: place, leaderEpoch: changes.count { $0 <= place })
            try tail.take(batch.bytes, until: Int64(target.count))
        }
        var matcher = TailMatcher(start: 0, tail: tail)
        for (place, text) in source.enumerated() where !matcher.isDone {
            try matcher.take(batch(text, at: place), sources: [Int64(place)..<Int64(place) + 1], hasHole: false)
        }
        if !matcher.isDone { matcher.sourceEnded() }
        matcher.end()
        return Int(matcher.position)
    }

    @Test(arguments: [
        ("abcdef", "", 0), ("abcdef", "abc", 3), ("abcdef", "abcdef", 6),
        // Equal records are told apart by their number.
        ("aaaa", "aa", 2), ("abab", "aba", 3),
        // Compaction has taken some of either side since.
        ("bdef", "abcd", 2), ("abcdef", "bd", 4),
        // Nothing of it is there any more.
        ("xyz", "abc", 0),
    ])
    func `everything up to the last match is there`(source: String, target: String, expected: Int) throws {
        #expect(try there(source.map { "\($0)" }, target.map { "\($0)" }) == expected)
    }

    @Test(arguments: [
        ("abcdef", "abcd", [2], 4), ("abcdef", "abcd", [0, 2], 4), ("aaaa", "aa", [1], 2),
        // The log was cut there, and what was on its way has landed: what the cut took is not there.
        ("abcdef", "abef", [2], 2), ("abcdef", "ef", [0], 0), ("abcdef", "abcf", [2, 3], 3),
        // Everything in front of the seam was compacted away, or nothing behind it is left.
        ("cdef", "abcd", [2], 2), ("abcdef", "ab", [2], 2),
    ])
    func `behind a leader change only what fits without a gap is there`(
        source: String, target: String, seams: [Int], expected: Int
    ) throws {
        #expect(try there(source.map { "\($0)" }, target.map { "\($0)" }, seams: seams) == expected)
    }
}
