import NIOCore

/// The bytes of one segment, addressed by position: batches one after the other, as Kafka's `.log` files hold them.
protocol SegmentData: AnyObject {
    /// For messages.
    var name: String { get }

    var count: Int { get }

    /// Milliseconds since 1970 of the last change.
    var modificationTime: Int64 { get }

    /// Adds one whole batch, given in two pieces, or nothing: after an error the bytes are as they were.
    func append(_ head: ByteBuffer, _ payload: ByteBuffer, now: Int64) throws(LogError)

    /// The bytes of `range`, which begins and ends between batches, in as many slices as they lie in.
    /// They belong to the caller: later appends do not touch them.
    func read(_ range: Range<Int>) throws(LogError) -> [ByteBuffer]

    /// Bytes from `position`, where a batch begins, to look at and let go: at least that batch's first
    /// `RecordBatchHeader.length` bytes, about `count`, fewer at the end.
    func peek(at position: Int, count: Int) throws(LogError) -> ByteBuffer

    func truncate(to count: Int) throws(LogError)

    /// Waits until all bytes are where they survive a loss of power.
    func flush() throws(LogError)

    /// The segment takes no more appends: what was kept ready for them may go.
    func seal()

    func unseal()

    func delete() throws(LogError)
}
