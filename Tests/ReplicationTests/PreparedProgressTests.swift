import KafkaClient
import Replication
import Testing

/// Records of a preparation count once it is completed.
@Suite struct PreparedProgressTests {
    private static let partition = TopicPartition("orders", 0)

    private static func checkpoint(_ offset: Int64, prepared: String? = nil) -> ProgressRecord {
        var checkpoint = Checkpoint(
            sourceOffset: offset, targetOffset: offset, sourceLeaderEpoch: -1, sourceTopicID: "",
            map: OffsetMap(start: offset).edge)
        checkpoint.prepared = prepared
        return .checkpoint(partition, checkpoint)
    }

    private static func identity(completing completed: [String]? = nil) -> ProgressRecord {
        var identity = FlowIdentity(
            sourceClusterID: "a", targetClusterID: "b", naming: "identical", startFrom: "earliest")
        identity.completed = completed
        return .identity(identity)
    }

    private static func read(_ records: [ProgressRecord]) -> RecordedFlow {
        var flow = RecordedFlow()
        for record in records { flow.take(record) }
        return flow
    }

    private static func position(_ records: [ProgressRecord]) -> Int64? {
        read(records).checkpoints[partition]?.sourceOffset
    }

    @Test func `without its completion it counts for nobody`() {
        #expect(Self.position([Self.checkpoint(60, prepared: "1")]) == nil)
        #expect(Self.read([Self.checkpoint(60, prepared: "1")]).map(of: Self.partition) == nil)
        // A flow that was started instead has an identity of its own.
        #expect(Self.position([Self.checkpoint(60, prepared: "1"), Self.identity()]) == nil)
        #expect(Self.position([Self.checkpoint(60, prepared: "1"), Self.identity(completing: ["2"])]) == nil)
        #expect(
            Self.position([Self.checkpoint(60, prepared: "1"), Self.identity(), Self.checkpoint(0)]) == 0)
    }

    @Test func `its completion is one record, wherever it is read`() {
        #expect(Self.position([Self.checkpoint(60, prepared: "1"), Self.identity(completing: ["1"])]) == 60)
        // As compaction, or a topic that was filled again, may have them.
        #expect(Self.position([Self.identity(completing: ["1"]), Self.checkpoint(60, prepared: "1")]) == 60)
        #expect(
            Self.position([
                Self.checkpoint(60, prepared: "1"), Self.identity(completing: ["1"]), Self.checkpoint(70),
            ]) == 70)
    }

    @Test func `a completion that comes late takes no other one back`() {
        let records = [
            Self.checkpoint(50, prepared: "1"), Self.checkpoint(60, prepared: "2"), Self.identity(completing: ["2"]),
            Self.identity(completing: ["1"]),
        ]
        #expect(Self.position(records) == 60)
    }

    @Test func `a topic that is filled again says the same`() {
        let records = [
            Self.identity(completing: ["1"]), Self.checkpoint(60, prepared: "1"),
        ]
        #expect(Self.position(Self.read(records).records) == 60)
        let open = [Self.checkpoint(60, prepared: "1")]
        #expect(Self.position(Self.read(open).records) == nil)
        #expect(Self.position(Self.read(open).records + [Self.identity(completing: ["1"])]) == 60)
    }

    @Test func `a name that is none is refused`() throws {
        let empty = Self.checkpoint(60, prepared: "")
        #expect(throws: (any Error).self) { try ProgressRecord(key: empty.key, value: try empty.value()) }
        let long = Self.identity(completing: [String(repeating: "x", count: 101)])
        #expect(throws: (any Error).self) { try ProgressRecord(key: long.key, value: try long.value()) }
    }
}
