import KafkaWire
import NIOCore

/// The newest record of each key of a compacted log, collected while it is read.
struct NewestRecords {
    private var byKey: [ByteBuffer: Record] = [:]

    /// Takes records in the order of their offsets. Those without a key are left out.
    mutating func take(_ records: [Record]) {
        var newest: [ByteBuffer: Record] = [:]
        for record in records {
            if let key = record.key { newest[key] = record }
        }
        // Copies: a slice would keep the whole answer that it came in.
        for (key, record) in newest {
            var own = record
            own.key = ByteBuffer(bytes: key.readableBytesView)
            own.value = record.value.map { ByteBuffer(bytes: $0.readableBytesView) }
            byKey[ByteBuffer(bytes: key.readableBytesView)] = own
        }
    }

    /// The records in the order of their offsets.
    var inOrder: [Record] { byKey.values.sorted { $0.offset < $1.offset } }
}
