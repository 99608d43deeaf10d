import KafkaClient
import KafkaWire
import NIOCore
import Replication
import TestSupport
import Testing

@Suite(.printsSeed) struct SendingLookupTests {
    private static func id(_ topic: Int) -> KafkaUUID { KafkaUUID(high: 7, low: UInt64(topic + 1)) }

    private static func sendings(_ count: Int, topics: Int, withIDs: Bool) -> [ShardScheduler.Sending] {
        (0..<count).map { number in
            ShardScheduler.Sending(
                index: 1000 + number, target: TopicPartition("t-\(number % topics)", Int32(number / topics)),
                topicID: withIDs ? id(number % topics) : .zero,
                attempt: ProduceAttempt(sequence: Int32(number), records: RecordBytes(ByteBuffer())))
        }
    }

    @Test(arguments: [1, 3, 16, 17, 200], [true, false])
    func `each answer finds its batch, in whatever order they come`(count: Int, withIDs: Bool) {
        let topics = 3
        let sendings = Self.sendings(count, topics: topics, withIDs: withIDs)
        var random = seeded(7)
        for order in [Array(0..<count), (0..<count).reversed(), (0..<count).shuffled(using: &random)] {
            var lookup = SendingLookup(sendings)
            for number in order {
                let topic = number % topics
                let found = lookup.index(
                    topicID: withIDs ? Self.id(topic) : .zero, name: withIDs ? "" : "t-\(topic)",
                    partition: Int32(number / topics))
                #expect(found == number)
            }
        }
    }

    @Test(arguments: [2, 20]) func `an answer about something else finds nothing`(count: Int) {
        var lookup = SendingLookup(Self.sendings(count, topics: 2, withIDs: true))

        #expect(lookup.index(topicID: Self.id(5), name: "", partition: 0) == nil)
        #expect(lookup.index(topicID: .zero, name: "t-5", partition: 0) == nil)
        #expect(lookup.index(topicID: Self.id(0), name: "", partition: 1000) == nil)
        #expect(lookup.index(topicID: .zero, name: "t-1", partition: 0) == 1, "a version without ids names topics")
    }
}
