import Foundation
import KafkaClient
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

/// Records of state topics as anybody may write them who may write there.
@Suite(.printsSeed) struct StateRecordTests {
    private static let orders = TopicPartition("orders", 0)

    private static func record(_ key: String?, _ value: String?, offset: Int64 = 0) -> Record {
        Record(
            offset: offset, timestamp: 0, key: key.map { ByteBuffer(string: $0) },
            value: value.map { ByteBuffer(string: $0) }, headers: [])
    }

    private static func record(_ known: ProgressRecord) throws -> Record {
        Record(offset: 0, timestamp: 0, key: known.key, value: try known.value(), headers: [])
    }

    private static let identity = FlowIdentity(
        sourceClusterID: "s", targetClusterID: "t", naming: "identical", startFrom: "earliest")

    private static func checkpoint(_ offset: Int64 = 10, map: String = "null", more: String = "") -> String {
        """
        {"sourceOffset":\(offset),"targetOffset":\(offset),"sourceLeaderEpoch":0,"sourceTopicID":"\
        \(String(repeating: "0", count: 32))","map":\(map)\(more)}
        """
    }

    @Test(arguments: [
        #"{"start":0,"open":[1,0,9223372036854775807]}"#, #"{"start":-9223372036854775808}"#, #"{"start":1e300}"#,
        #"{"start":0,"open":[1,0]}"#, #"{"start":0,"open":[0,0,-1]}"#, #"{"start":0,"open":[]}"#,
        #"{"start":0,"lost":[[9,2]]}"#, #"{"start":0,"lost":[[1]]}"#, #"{"start":0,"lost":[[-5,9223372036854775807]]}"#,
        #"{"start":0,"open":[1152921504606846976,0,1]}"#, #"{"start":0,"open":[0,9223372036854775806,1]}"#,
    ]) func `a map whose numbers cannot be is no checkpoint`(map: String) {
        var flow = RecordedFlow()

        #expect(throws: (any Error).self) {
            try flow.take(Self.record("partition/orders/0", Self.checkpoint(map: map), offset: 7))
        }
        #expect(flow.checkpoints.isEmpty)
        #expect(flow.checkpointFlaws[Self.orders]?.contains("offset 7") == true)
    }

    @Test(arguments: [
        #","producers":{"x":1}"#, #","producers":{"-1":1}"#, #","producers":{"5":-1}"#,
        #","following":[{"id":1,"epoch":0,"sequence":-5}]"#, #","targetLeaderEpoch":-7"#,
        #","accounting":{"start":0,"written":9223372036854775807,"skipped":{},"rewound":0,"foreign":0}"#,
        #","accounting":{"start":0,"written":1,"skipped":{"loop":-1},"rewound":0,"foreign":0}"#,
        #","accounting":{"start":-3,"written":1,"skipped":{},"rewound":0,"foreign":0}"#,
    ]) func `nor is one whose producers or accounts cannot be`(more: String) {
        var flow = RecordedFlow()
        #expect(throws: (any Error).self) {
            try flow.take(Self.record("partition/orders/0", Self.checkpoint(more: more)))
        }
        #expect(flow.checkpoints.isEmpty)
    }

    @Test func `a checkpoint from before the damaged one is known, a later one mends it, a tombstone takes it away`()
        throws
    {
        var flow = RecordedFlow()
        try flow.take(Self.record("partition/orders/0", Self.checkpoint(10)))
        #expect(throws: (any Error).self) { try flow.take(Self.record("partition/orders/0", "x")) }
        #expect(flow.checkpoints[Self.orders]?.sourceOffset == 10)
        #expect(flow.checkpointFlaws.count == 1)

        try flow.take(Self.record("partition/orders/0", Self.checkpoint(20)))
        #expect(flow.checkpoints[Self.orders]?.sourceOffset == 20 && flow.checkpointFlaws.isEmpty)

        #expect(throws: (any Error).self) { try flow.take(Self.record("partition/orders/0", "{}")) }
        try flow.take(Self.record("partition/orders/0", nil))
        #expect(flow.checkpoints.isEmpty && flow.checkpointFlaws.isEmpty)
    }

    @Test(arguments: [
        "not json", "", "{}",
        #"{"version":2,"sourceClusterID":"s","targetClusterID":"t","naming":"identical","startFrom":"earliest"}"#,
    ])
    func `without an identity that can be understood nothing is used`(value: String) throws {
        var flow = RecordedFlow()
        #expect(throws: (any Error).self) { try flow.take(Self.record("flow", value, offset: 3)) }
        #expect(flow.identityRefusal?.contains("offset 3") == true)

        // One from before is the same: it never changes.
        var known = RecordedFlow()
        try known.take(try Self.record(.identity(Self.identity)))
        #expect(throws: (any Error).self) { try known.take(Self.record("flow", value)) }
        #expect(known.identity == Self.identity && known.identityRefusal == nil && known.identityFlaw != nil)
    }

    @Test func `without one of its blocks nothing is known of what a map held`() throws {
        var map = OffsetMap(start: 0)
        for number in 0..<Int64(600) {
            map.append(SourceRuns(number * 3..<number * 3 + 1 + number % 2), at: number * 7)
        }
        var flow = RecordedFlow()
        for change in StoredBlocks().changes(to: [Self.orders: map]) {
            try flow.take(try Self.record(.segments(change.partition, change.number, change.block)))
        }
        let edge = String(decoding: try JSONEncoder().encode(map.edge), as: UTF8.self)
        try flow.take(Self.record("partition/orders/0", Self.checkpoint(map.passed, map: edge)))
        #expect(flow.map(of: Self.orders)?.translate(0) == .record(OffsetSegment.Pair(source: 0, target: 0)))

        #expect(throws: (any Error).self) { try flow.take(Self.record("segments/orders/0/0", "\u{1}\u{7F}\u{7F}")) }

        #expect(flow.map(of: Self.orders)?.translate(0) == .beforeStart(map.passed))
    }

    @Test(arguments: [
        "segments/orders/0/9223372036854775807", "segments/orders/0/-1", "segments/orders/-1/0", "partition/orders/-1",
        "partition//0", "partition/orders/2147483648", "partition/a/b/0", "producer/-1", "producer/x", "", "/", "flow/",
    ]) func `keys that name nothing are nobody's`(key: String) throws {
        var flow = RecordedFlow()
        try flow.take(Self.record(key, "x"))
        #expect(flow.checkpoints.isEmpty && flow.checkpointFlaws.isEmpty && flow.identityFlaw == nil)
    }

    @Test func `JSON of any depth is an error`() {
        let deep = String(repeating: "[", count: 100_000)
        var flow = RecordedFlow()
        #expect(throws: (any Error).self) { try flow.take(Self.record("flow", deep)) }
        #expect(throws: (any Error).self) {
            try flow.take(Self.record("flow", String(repeating: #"{"a":"#, count: 100_000)))
        }
    }

    @Test func `a registration that cannot be understood concerns its producer id`() throws {
        var origins = RegisteredOrigins()
        let good = try Self.registration()
        let key = OriginRecord.key(of: 7)
        try origins.take(Record(offset: 0, timestamp: 0, key: key, value: try good.value(), headers: []))
        for (key, value) in [
            ("123", "not json"), ("7", "x"), ("notanumber", "x"), ("-4", "x"), ("9223372036854775807", "{}"),
        ] {
            #expect(throws: (any Error).self) { try origins.take(Self.record(key, value)) }
        }
        #expect(throws: (any Error).self) { try origins.take(Self.record(nil, nil)) }

        #expect(origins.records.keys.sorted() == [7])
        #expect(origins.unreadable.keys.sorted() == [123, .max])

        try origins.take(Self.record("123", nil))
        #expect(origins.unreadable.keys.sorted() == [.max])
    }

    private static func registration() throws -> OriginRecord {
        try OriginRecord(
            decoding: ByteBuffer(
                string: #"{"version":1,"flow":"f","sourceClusterID":"s","targetClusterID":"t","originClusterID":"s","#
                    + #""chain":["s","u"],"carriesHeaders":true,"registered":1700000000000}"#))
    }

    // Mutations

    private static let seeds = try! originals()

    /// Records as a flow writes them.
    private static func originals() throws -> [(key: String, value: [UInt8])] {
        var map = OffsetMap(start: 3)
        for number in 1..<Int64(400) {
            map.append(SourceRuns(number * 5..<number * 5 + 2 + number % 3), at: number * 4)
        }
        map.lose(upTo: map.passed + 20)
        var accounting = Accounting(start: 3)
        accounting.write(1_000)
        accounting.double(3)
        let checkpoint = Checkpoint(
            sourceOffset: map.passed, targetOffset: map.targetEnd, sourceLeaderEpoch: 2,
            sourceTopicID: String(repeating: "a", count: 32), map: map.edge, producers: ["5": 2, "6": 0],
            following: [ProducerStamp(id: 5, epoch: 2, sequence: 77)], targetTopicID: "b", targetLeaderEpoch: 4,
            accounting: accounting)
        let origin = try registration()
        var records: [ProgressRecord] = [
            .identity(identity), .checkpoint(orders, checkpoint), .producer(5, origin),
        ]
        records += StoredBlocks().changes(to: [orders: map]).map { .segments($0.partition, $0.number, $0.block) }
        return try records.map {
            (String(buffer: $0.key), Array((try $0.value() ?? ByteBuffer()).readableBytesView))
        }
    }

    private static let numbers = [
        "-1", "0", "1", "9223372036854775807", "-9223372036854775808", "1152921504606846976", "4611686018427387904",
        "2147483648", "1e400", "0.5", "99999999999999999999", "null", "\"x\"", "[]", "{}", "true",
    ]

    private static func mutated(_ value: [UInt8], using random: inout SeededGenerator) -> [UInt8] {
        var bytes = value
        for _ in 0...(random.next() % 3) where !bytes.isEmpty {
            let at = Int.random(in: 0..<bytes.count, using: &random)
            switch random.next() % 7 {
            case 0: bytes[at] ^= 1 << UInt8(random.next() % 8)
            case 1: bytes[at] = UInt8(truncatingIfNeeded: random.next())
            case 2: bytes.removeSubrange(at..<min(bytes.count, at + Int(random.next() % 8)))
            case 3: bytes.insert(contentsOf: bytes[at..<min(bytes.count, at + Int(random.next() % 32))], at: at)
            default:
                // A number becomes another.
                guard let first = bytes[at...].firstIndex(where: { (0x30...0x39).contains($0) }) else { continue }
                let end = bytes[first...].firstIndex { !(0x30...0x39).contains($0) } ?? bytes.endIndex
                bytes.replaceSubrange(first..<end, with: Array((numbers.randomElement(using: &random) ?? "0").utf8))
            }
        }
        return bytes
    }

    @Test func `whatever is stored, what is understood of it can be used`() throws {
        let originals = Self.seeds
        var inputs = 0
        var understood = 0
        for seed in FuzzSeeds(count: 3_000) {
            inputs += 1
            if seed % 100_000 == 0 { FuzzSeeds.say("fuzzing state records from seed \(seed)") }
            var random = seeded(seed)
            var flow = RecordedFlow()
            var origins = RegisteredOrigins()
            for _ in 0..<6 {
                let original = originals[Int(random.next() % UInt64(originals.count))]
                let key =
                    random.next() % 8 == 0
                    ? Self.mutated(Array(original.key.utf8), using: &random) : Array(original.key.utf8)
                let value = random.next() % 3 == 0 ? original.value : Self.mutated(original.value, using: &random)
                let record = Record(
                    offset: 1, timestamp: 0, key: ByteBuffer(bytes: key), value: ByteBuffer(bytes: value), headers: [])
                if (try? flow.take(record)) != nil { understood += 1 }
                let id = Record(
                    offset: 1, timestamp: 0, key: ByteBuffer(string: "5"), value: ByteBuffer(bytes: value), headers: [])
                _ = try? origins.take(id)
            }
            Self.use(flow, using: &random)
        }
        FuzzSeeds.report("state records", inputs: inputs)
        #expect(understood > inputs)
    }

    /// Does with a flow's memory what a flow, a tool and an opposite flow do.
    private static func use(_ flow: RecordedFlow, using random: inout SeededGenerator) {
        _ = (flow.identityRefusal, flow.producerIDs, flow.hasWritten)
        for (partition, checkpoint) in flow.checkpoints {
            _ = flow.targetName(of: partition.topic)
            _ = checkpoint.accounting?.imbalance(passed: checkpoint.sourceOffset)
            guard var map = flow.map(of: partition) else { continue }
            for offset in [0, 1, map.passed, map.passed - 1, map.targetEnd, 7, LogOffset.largest] {
                _ = map.translate(offset)
                _ = map.first(fromTarget: offset)
                _ = map.firstGone(fromTarget: offset)
                _ = map.firstForeign(fromTarget: max(0, offset))
                _ = map.firstHole(fromSource: offset)
            }
            _ = (map.stored.count, map.edge, map.estimatedBytes)
            map.append(SourceRuns(map.passed..<map.passed + 3), at: max(0, map.targetEnd))
            map.pass(map.passed + 2)
            map.lose(upTo: map.passed + 2)
            map.trim(belowTarget: map.targetEnd / 2)
            map.append(SourceRuns(map.passed / 2..<map.passed / 2 + 5), at: max(0, map.targetEnd))
            map.append(SourceRuns(map.passed..<map.passed + 5), at: max(0, map.targetEnd / 2))
            _ = map.stored.count
        }
    }

    @Test(arguments: 0..<200) func `the deciding records say what all of them do`(seed: UInt64) throws {
        var random = seeded(seed)
        let keys = ["flow", "partition/orders/0", "partition/orders/1", "producer/5", "unknown/1"]
        var records: [Record] = (0..<Int64(30)).map { offset in
            let key = keys[Int(random.next() % UInt64(keys.count))]
            let value: String? =
                switch random.next() % 4 {
                case 0: nil
                case 1: "{damaged"
                default:
                    key == "flow"
                        ? #"{"version":1,"sourceClusterID":"s","targetClusterID":"t","naming":"identical","startFrom":"earliest"}"#
                        : Self.checkpoint(offset)
                }
            return Self.record(key, value, offset: offset)
        }
        records.append(Self.record(nil, "no key", offset: 30))
        var all = RecordedFlow()
        for record in records { try? all.take(record) }
        var deciding = RecordedFlow()
        for record in records.deciding { try? deciding.take(record) }

        #expect(deciding.identity == all.identity)
        #expect(deciding.identityFlaw == all.identityFlaw)
        #expect(deciding.checkpoints == all.checkpoints)
        #expect(deciding.checkpointFlaws == all.checkpointFlaws)
        #expect(deciding.producerIDs == all.producerIDs)
        #expect(records.deciding.count <= records.count)
    }
}
