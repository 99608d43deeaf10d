import KafkaWire
import NIOCore
import Testing

@testable import KafkaClient

struct NewestRecordsTests {
    private func record(_ offset: Int64, _ key: String?, _ value: String?) -> Record {
        Record(
            offset: offset, timestamp: 0, key: key.map { ByteBuffer(string: $0) },
            value: value.map { ByteBuffer(string: $0) })
    }

    @Test func `of each key the newest record is left, in the order of offsets`() {
        var newest = NewestRecords()
        newest.take([record(0, "a", "1"), record(1, "b", "1"), record(2, "a", "2")])
        newest.take([record(3, "c", "1"), record(4, nil, "no key"), record(5, "b", nil)])

        #expect(newest.inOrder == [record(2, "a", "2"), record(3, "c", "1"), record(5, "b", nil)])
    }
}
