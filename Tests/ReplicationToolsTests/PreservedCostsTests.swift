import KafkaClient
import KafkaWire
import NIOCore
import Replication
import ReplicationTools
import Testing

/// Notes of a plan on copies with the offsets of their source.
struct PreservedCostsTests {
    private static func settings(holes: HoleChoice = .markers) throws -> FlowSettings {
        func cluster(_ name: String) -> ClusterSettings {
            ClusterSettings(name: name, bootstrapServers: [HostAndPort(host: name, port: 9092)])
        }
        var settings = FlowSettings(
            name: "flow", source: cluster("east"), target: cluster("west"),
            topics: NameSelection(allow: [try NamePattern(".*")], deny: []),
            consumerGroups: NameSelection(allow: [], deny: []), naming: .identical, targetAlias: "west")
        settings.offsets = .preserve
        settings.holes = holes
        return settings
    }

    /// - Parameter offsets: of a batch's records, from its first on.
    private static func batch(_ offsets: [Int64], isTransactional: Bool = false) throws -> RecordBatch {
        var builder = RecordBatchBuilder(
            baseOffset: offsets[0], producerID: isTransactional ? 5 : -1, producerEpoch: isTransactional ? 0 : -1,
            isTransactional: isTransactional)
        for offset in offsets {
            builder.append(timestamp: 1, key: nil, value: nil, offsetDelta: Int32(offset - offsets[0]))
        }
        return try builder.finish()
    }

    private static func marker(_ offset: Int64) throws -> RecordBatch {
        var builder = RecordBatchBuilder(
            baseOffset: offset, producerID: 5, producerEpoch: 0, isTransactional: true, isControl: true)
        builder.append(
            timestamp: 1, key: ByteBuffer(bytes: [0, 0, 0, 0]), value: ByteBuffer(bytes: [0, 0, 0, 0, 0, 0]))
        return try builder.finish()
    }

    private static func sample(
        _ batches: [RecordBatch], from start: Int64, to end: Int64 = .max, aborted: Bool = false,
        shortest: Int64? = nil
    ) -> HoleSample {
        var data = FetchResponse.PartitionData()
        var bytes = ByteBuffer()
        for batch in batches { bytes.writeImmutableBuffer(batch.bytes) }
        data.records = RecordBytes(bytes)
        if aborted {
            var transaction = FetchResponse.AbortedTransaction()
            transaction.producerID = 5
            data.abortedTransactions = [transaction]
        }
        return HoleSample(
            FetchedPartition(data, asked: FetchPosition(topic: "t", partition: 0, fetchOffset: start)), in: start..<end,
            shortest: shortest)
    }

    @Test func `offsets without a record to copy are holes, and those side by side take one request`() throws {
        // 0 1 2, a gap to 5, 5 and 7 of a compacted batch, aborted 8 9, their marker 10, 11.
        let sample = Self.sample(
            [
                try Self.batch([0, 1, 2]), try Self.batch([5, 7]), try Self.batch([8, 9], isTransactional: true),
                try Self.marker(10), try Self.batch([11]),
            ], from: 0, aborted: true)

        #expect(sample.offsets == 12)
        #expect(sample.holes == 2 + 1 + 3)
        #expect(sample.places == 2 + 1)
    }

    @Test func `what lies in front of the place that was asked for does not count`() throws {
        let sample = Self.sample([try Self.batch([0, 1, 2, 3]), try Self.batch([4, 5])], from: 2)

        #expect(sample.offsets == 2)
        #expect(sample.holes == 0)
        #expect(Self.sample([try Self.batch([0, 1]), try Self.batch([2, 3])], from: 0, to: 2).offsets == 2)
    }

    @Test func `long gaps become filler where that is chosen`() throws {
        let batches = [try Self.batch([0]), try Self.batch([10_000])]

        #expect(Self.sample(batches, from: 0, shortest: 5_001).filled == 9_999)
        #expect(Self.sample(batches, from: 0, shortest: 5_001).holes == 0)
        #expect(Self.sample(batches, from: 0).holes == 9_999)
    }

    @Test func `a beginning costs requests, bytes and time, by what the target can do`() throws {
        var costs = PreservedCosts()
        costs.add(beginning: 1_000_000, cleanup: .delete, holes: .markers)
        costs.add(beginning: 10_000, cleanup: .compact, holes: .markers)
        costs.add(beginning: 0, cleanup: .delete, holes: .markers)

        #expect(costs.filler.offsets == 1_000_000)
        #expect(costs.filler.requests == 4)
        #expect(costs.markers.offsets == 10_000)
        #expect(costs.markers.requests == 2)
        #expect(costs.markers.bytes == 780_000)
        let notes = costs.notes(try Self.settings()).map(\.message)
        #expect(notes.count == 2)
        #expect(notes[0].contains("2 partitions begin behind offset 0"))
        #expect(notes[0].contains("1000000 offsets on west become empty records, in about 4 requests"))
        #expect(notes[1].contains("holes: filler is quicker"))
    }

    @Test func `holes are extrapolated from what was looked at`() throws {
        var costs = PreservedCosts()
        costs.add(offsets: 1_200)
        costs.add(
            Self.sample([try Self.batch([0, 1, 2]), try Self.marker(3)], from: 0))

        #expect(costs.expected.offsets == 300)
        #expect(costs.expected.requests == 300)
        let notes = costs.notes(try Self.settings()).map(\.message)
        #expect(notes.count == 1)
        #expect(notes[0].hasPrefix("with offsets: preserve 25 % of 4 offsets that were looked at hold nothing to copy"))
    }
}
