import KafkaClient
import Replication
import Testing

@Suite struct TieredRecordsTests {
    @Test func `what lies in tiered storage is told with its number, and nothing where nothing does`() throws {
        let orders = TopicPartition("orders", 0)
        let some = TieredRecords([orders: 50, TopicPartition("orders", 1): 7, TopicPartition("views", 0): 0])
        let note = try #require(some.note(source: "east"))
        #expect(note.kind == .tiered)
        #expect(note.message.hasPrefix("57 offsets of 2 partitions in east's tiered storage alone"))
        #expect(
            TieredRecords([orders: 1]).note(source: "east")?.message.hasPrefix("1 offset of 1 partition in") == true)
        #expect(TieredRecords([orders: 0]).note(source: "east") == nil)
        #expect(TieredRecords([:]).note(source: "east") == nil)
        #expect(TieredRecords([orders: .max, TopicPartition("views", 0): 1]).offsets == .max)
    }
}
