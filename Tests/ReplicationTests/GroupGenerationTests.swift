import KafkaClient
import KafkaWire
import Replication
import TestSupport
import Testing

/// Which positions are taken for those of a source topic, and which for those of an earlier one of its name.
@Suite(.printsSeed) struct GroupGenerationTests {
    private static let topic = "orders"
    private static let id = String(repeating: "1", count: 32)

    /// A flow's look at the groups, and what comes of it.
    private struct World {
        var generations = GroupGenerations()
        var recorded = RecordedFlow()
        var committed: [ExactName: [TopicPartition: Int64]] = [:]
        /// Groups that may not be read.
        var hidden: Set<ExactName> = []

        var succession: TopicSuccession { recorded.succession(of: topic, topicID: id) }

        /// The groups whose positions count.
        mutating func look() -> Set<String> {
            let before = succession
            var look = GroupGenerations.Look()
            look.listed = committed.keys.map(\.text)
            look.committed = committed.filter { !hidden.contains($0.key) }
            for record in generations.records(after: look, [topic: (id, before)]) { recorded.take(record) }
            return Set(
                look.committed.filter { group, offsets in
                    offsets.contains { partition, offset in
                        !before.mayHoldFormer(offset, of: group.text, partition: partition.partition)
                    }
                }.keys.map(\.text))
        }

        mutating func commit(_ group: String, _ offset: Int64) {
            committed[ExactName(group), default: [:]][TopicPartition(topic, 0)] = offset
        }
    }

    @Test func `a position counts once it was committed after a whole look at the new topic`() {
        var world = World()
        world.commit("old", 7)
        #expect(world.look().isEmpty)
        // Committed between: before the topic was deleted, or after.
        world.commit("between", 3)
        #expect(world.look().isEmpty)
        #expect(world.look().isEmpty)
        world.commit("new", 7)
        #expect(world.look() == ["new"])
        world.commit("old", 2)
        #expect(world.look() == ["new", "old"])
        // The same number again is another position now.
        world.commit("old", 7)
        #expect(world.look() == ["new", "old"])
        #expect(world.look() == ["new", "old"])
    }

    @Test func `a group that could not be read at first is told later`() {
        var world = World()
        world.commit("hidden", 7)
        world.hidden = [ExactName("hidden")]
        for _ in 0..<3 { _ = world.look() }
        world.hidden = []
        #expect(world.look().isEmpty)
        #expect(world.look().isEmpty)
        world.commit("hidden", 8)
        #expect(world.look() == ["hidden"])
    }

    @Test func `no position of the old topic ever counts, whenever the flow is started again`() {
        for seed in 0..<300 {
            var random = seeded(UInt64(seed))
            var world = World()
            // What each group has committed since, if anything.
            var isNew: [String: Bool] = [:]
            for group in ["a", "b", "c"] where Bool.random(using: &random) {
                world.commit(group, Int64.random(in: 0...5, using: &random))
                isNew[group] = false
            }
            for _ in 0..<20 {
                switch Int.random(in: 0...3, using: &random) {
                case 0:
                    let group = ["a", "b", "c", "d"].randomElement(using: &random) ?? "a"
                    world.commit(group, Int64.random(in: 0...5, using: &random))
                    isNew[group] = true
                case 1: world.generations = GroupGenerations()
                default:
                    let counted = world.look()
                    #expect(counted.allSatisfy { isNew[$0] == true }, "seed \(seed): \(counted)")
                }
            }
            for group in ["a", "b", "c"] { world.commit(group, 100) }
            for _ in 0..<3 { _ = world.look() }
            for group in ["a", "b", "c"] { world.commit(group, 200) }
            #expect(world.look().isSuperset(of: ["a", "b", "c"]), "seed \(seed)")
        }
    }

    @Test func `everything that is known of a flow can be written again`() throws {
        var recorded = RecordedFlow()
        let partition = TopicPartition(Self.topic, 0)
        var map = OffsetMap(start: 0)
        for piece in 0..<2_000 {
            let source = Int64(piece) * 10 + Int64(piece % 7)
            map.append(SourceRuns(source..<source + 3), at: Int64(piece) * 3)
        }
        recorded.take(
            .identity(FlowIdentity(sourceClusterID: "A", targetClusterID: "B", naming: "identical", startFrom: "x")))
        for stored in map.stored { recorded.take(.segments(partition, stored.number, stored.block)) }
        recorded.take(
            .checkpoint(
                partition,
                Checkpoint(
                    sourceOffset: map.passed, targetOffset: 6_000, sourceLeaderEpoch: 0, sourceTopicID: Self.id,
                    formerSourceTopicID: Self.id, map: map.edge)))
        recorded.take(
            .former(topic: Self.topic, group: "a/b/c", FormerRecord(topicID: Self.id, positions: [0: 5])))
        recorded.take(.former(topic: Self.topic, group: "unread", FormerRecord(topicID: Self.id, positions: nil)))
        recorded.take(.generation(Self.topic, TopicGeneration(topicID: Self.id)))

        var again = RecordedFlow()
        for record in recorded.records {
            let read = try ProgressRecord(key: record.key, value: try record.value())
            #expect(read == record)
            if let read { again.take(read) }
        }
        #expect(again.identity == recorded.identity)
        #expect(again.checkpoints == recorded.checkpoints)
        #expect(again.map(of: partition) == map)
        #expect(
            again.succession(of: Self.topic, topicID: Self.id) == recorded.succession(of: Self.topic, topicID: Self.id))
        #expect(again.succession(of: Self.topic, topicID: String(repeating: "2", count: 32)) == .unsettled)
    }
}
