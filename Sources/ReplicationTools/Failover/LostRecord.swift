internal import KafkaClient
internal import KafkaWire
public import NIOCore

/// A record that the source had acknowledged and the target never got.
public struct LostRecord: Hashable, Sendable {
    public var topic: String
    public var partition: Int32
    /// At the source.
    public var offset: Int64
    /// Milliseconds since 1970.
    public var timestamp: Int64
    public var key: ByteBuffer?
    /// Nil for a tombstone.
    public var value: ByteBuffer?
    /// Names as text; bytes that are none are replaced.
    public var headers: [(name: String, value: ByteBuffer?)] { record.headers.map { ($0.name, $0.value) } }

    private let record: Record

    init(_ record: Record, of partition: TopicPartition) {
        topic = partition.topic
        self.partition = partition.partition
        offset = record.offset
        timestamp = record.timestamp
        key = record.key
        value = record.value
        self.record = record
    }
}
