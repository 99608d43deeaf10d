import KafkaWire
import NIOCore

/// A batch that may be appended as it is: checked, with its offsets, leader epoch and timestamps in place.
struct PreparedBatch {
    let header: RecordBatchHeader
    /// The header's bytes.
    let head: ByteBuffer
    /// Everything behind them; a slice of what the client sent unless the records had to be rewritten.
    let payload: ByteBuffer

    /// - Parameter edit: what the broker changes of the header. The checksum is shifted, so that records that were
    ///   corrupted after their check still do not fit it.
    init(_ batch: RecordBatch, edit: (inout RecordBatchHeader) -> Void) throws(WireError) {
        var head: ByteBuffer?
        batch.rewritingHeader(edit).forEachSlice { slice in
            if head == nil { head = slice }
        }
        let bytes = head ?? ByteBuffer()
        header = try RecordBatchHeader(parsing: bytes)
        self.head = bytes
        payload = batch.payload
    }
}
