import KafkaBroker
import KafkaWire
import Testing

@Suite struct `Retention` {
    private static let now = LogHarness.now

    /// Six segments of one batch, a minute apart.
    private func filled(_ harness: LogHarness, _ configs: [String: String]) throws -> PartitionLog {
        let log = try harness.open(["segment.bytes": "100"].merging(configs) { $1 })
        for index in 0..<6 {
            try log.append(
                TestBatch(values: ["\(index)"], timestamps: [Self.now + Int64(index) * 60_000]),
                now: Self.now + Int64(index) * 60_000)
        }
        return log
    }

    @Test(arguments: StorageKind.allCases) func `segments older than retention ms go`(_ kind: StorageKind) throws {
        let harness = try LogHarness(kind)
        let log = try filled(harness, ["retention.ms": "120000"])

        #expect(try log.applyRetention(now: Self.now + 5 * 60_000) == 3)

        #expect(log.logStartOffset == 3 && log.logEndOffset == 6)
        #expect(try log.values() == ["3", "4", "5"])
        if kind == .disk { #expect(try harness.fileNames(".log").count == 3) }
    }

    @Test(arguments: StorageKind.allCases) func `the active segment goes too, and offsets go on`(_ kind: StorageKind)
        throws
    {
        let harness = try LogHarness(kind)
        var log = try filled(harness, ["retention.ms": "1"])

        #expect(try log.applyRetention(now: Self.now + 3_600_000) == 6)

        #expect(log.logStartOffset == 6 && log.size == 0)
        if kind == .disk { log = try harness.open() }
        #expect(try log.append(TestBatch(values: ["next"])).baseOffset == 6)
    }

    @Test func `segments beyond retention bytes go, oldest first`() throws {
        let log = try filled(try LogHarness(.memory), ["retention.bytes": "200"])
        let segment = log.size / 6

        try log.applyRetention(now: Self.now)

        #expect(log.size >= 200 && log.size - segment < 200)
    }

    @Test func `nothing goes from a topic that is only compacted, or without limits`() throws {
        for configs in [["cleanup.policy": "compact", "retention.ms": "1"], ["retention.ms": "-1"]] {
            let log = try filled(try LogHarness(.memory), configs)
            #expect(try log.applyRetention(now: Self.now + 3_600_000) == 0)
        }
    }

    @Test(arguments: StorageKind.allCases) func `deleted records stay deleted after a restart`(_ kind: StorageKind)
        throws
    {
        let harness = try LogHarness(kind)
        var log = try filled(harness, ["segment.bytes": "1000"])

        #expect(try log.deleteRecords(before: 2) == 2)
        #expect(try log.deleteRecords(before: 1) == 2)
        if kind == .disk { log = try harness.open() }

        #expect(log.logStartOffset == 2)
        #expect(try log.values() == ["2", "3", "4", "5"])
        #expect(try log.deleteRecords(before: -1) == 6)
        #expect(try log.values() == [])
    }

    @Test func `records are not deleted beyond the end, nor from compacted topics`() throws {
        let log = try filled(try LogHarness(.memory), [:])
        let beyond = #expect(throws: LogReadError.self) { try log.deleteRecords(before: 7) }
        log.config = try LogConfig(["cleanup.policy": "compact"])
        let compacted = #expect(throws: LogReadError.self) { try log.deleteRecords(before: 1) }

        #expect(beyond?.code == .offsetOutOfRange && compacted?.code == .policyViolation)
    }

    @Test func `a segment ends by age as records tell it`() throws {
        let log = try LogHarness(.memory).open(["segment.ms": "1000"])
        for offset: Int64 in [0, 1_000, 1_001] {
            try log.append(TestBatch(values: ["a"], timestamps: [Self.now + offset]))
        }

        #expect(log.segmentCount == 2)
    }

    @Test(arguments: StorageKind.allCases) func `a truncated log goes on where it was cut`(_ kind: StorageKind) throws {
        for cut in 0...Int64(6) {
            let harness = try LogHarness(kind)
            var log = try filled(harness, ["segment.bytes": "180"])

            try log.truncate(to: cut, now: Self.now)
            try log.append(TestBatch(values: ["new"]), leaderEpoch: 1)

            #expect(try log.values() == (0..<cut).map { "\($0)" } + ["new"])
            guard kind == .disk else { continue }
            try log.close(now: Self.now)
            log = try harness.open()
            #expect(try log.values() == (0..<cut).map { "\($0)" } + ["new"])
        }
    }
}
